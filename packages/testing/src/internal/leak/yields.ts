// Which `yield*` a fibre is inside of. A run loop has no stack of its callers: when a resource is acquired
// the generator that asked for it is suspended, and no frame of it is left. But each `yield*` of an effect
// steps its `SingleShotGen` from within that generator, once when it begins and once when it has ended.
//
// 1. While nobody traces, nothing is patched.
// 2. A `yield*` that failed is never stepped again: it is forgotten when one around it ends.
import * as Fiber from "effect/Fiber"
import { SingleShotGen } from "effect/Utils"

/** A `yield*` that has begun; `at` is thrown away unless someone asks where. */
export interface Yield {
  readonly at: Error
  readonly outer: Yield | undefined
  readonly gen: object
  readonly depth: number
}

/** Who gets to know of the yields of a fibre. */
export interface Tracer {
  readonly yields: WeakMap<Fiber.Fiber<unknown, unknown>, Yield | undefined>
}

export type TracerOf = (fiber: Fiber.Fiber<unknown, unknown>) => Tracer | undefined

// Failed yields under one that never ends, say in an endless retry, would pile up.
const deepest = 100

let tracing = 0
const original = SingleShotGen.prototype.next

/** Begins to trace, until the function it gives is called. */
export const trace = (tracerOf: TracerOf): () => void => {
  if (tracing++ === 0) {
    SingleShotGen.prototype.next = function(value) {
      const step = original.call(this, value)
      const fiber = Fiber.getCurrent()
      const yields = fiber === undefined ? undefined : tracerOf(fiber)?.yields
      if (fiber === undefined || yields === undefined) return step
      const inside = yields.get(fiber)
      yields.set(fiber, step.done === true ? ended(inside, this) : begun(inside, this))
      return step
    }
  }
  return () => {
    if (--tracing === 0) SingleShotGen.prototype.next = original
  }
}

/** Here, with a few callers: less than the default, because it is done often. */
export const here = (frames: number): Error => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = frames
  const error = new Error()
  Error.stackTraceLimit = limit
  return error
}

const begun = (inside: Yield | undefined, gen: object): Yield => {
  const outer = inside === undefined || inside.depth < deepest ? inside : undefined
  return { at: here(4), outer, gen, depth: outer === undefined ? 1 : outer.depth + 1 }
}

const ended = (inside: Yield | undefined, gen: object): Yield | undefined => {
  let at = inside
  while (at !== undefined && at.gen !== gen) at = at.outer
  return at === undefined ? inside : at.outer
}
