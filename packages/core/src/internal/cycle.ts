// Who waits for whom, so that waiting for oneself is an error and not a hang.
//
// 1. A fibre waits for at most one lifetime at a time, and says so in the step that looked for a cycle.
// 2. A lifetime waits for each fibre that uses it, then for the one that runs its release; that one, where
//    it closes an owner side by side, for each of its workers.
// 3. Only a chain of these edges that leads back to the asking fibre is an error: it is certain. Where a
//    fibre waits for any one of several, each of these has to lead back; where for all of them, one does.
// 4. A fibre that will be interrupted is held up by what it waits for only if that wait cannot be interrupted.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { DropCycle } from "../DropCycle.ts"
import { type AnyFiber, type Awaited, type Handled, type Inside, type Mark, nameOf } from "./lifetime.ts"

/** The uses, releases and loads that the present fibre is inside of, or descends from. */
const Held: Context.Reference<Mark | undefined> = Context.Reference<Mark | undefined>(
  "@async-drop/core/Held",
  { defaultValue: () => undefined }
)

/** The context inside of a use, or of a release, that begins in `outer`. */
export const insideOf = (lifetime: Handled, outer: Context.Context<never>): Inside => {
  const known = lifetime.inside
  if (known !== undefined && known.outer === outer) return known
  return lifetime.inside = marked(lifetime, outer, outer, 0)
}

/** The context that the release of a lifetime runs in, on `fiber`. */
export const releasing = (lifetime: Handled, fiber: AnyFiber, services = lifetime.services): Inside =>
  marked(lifetime, services, fiber.context, 1)

/** The context that the load of what is to be owned by a lifetime runs in. */
export const loadingIn = (lifetime: Handled, services: Context.Context<never>): Inside =>
  marked(lifetime, services, services, 1)

/** Whether a fibre was started inside a use, a release or the load of a lifetime, which still lasts. */
export const descendsFrom = (fiber: AnyFiber, lifetime: Handled): boolean => {
  for (let held = Context.get(fiber.context, Held); held !== undefined; held = held.outer) {
    if (held.lifetime === lifetime && held.active > 0) return true
  }
  return false
}

/** A mark over those in `within` that still last: the chain is no longer than what is going on. */
const marked = (
  lifetime: Handled,
  outer: Context.Context<never>,
  within: Context.Context<never>,
  active: number
): Inside => {
  let around = Context.get(within, Held)
  while (around !== undefined && around.active === 0) around = around.outer
  const mark: Mark = { lifetime, outer: around, active }
  return { outer, mark, context: Context.add(outer, Held, mark) }
}

// Kept weakly: a fibre that nobody can wake any more never ends its wait.
const waits = new WeakMap<AnyFiber, Awaited>()
/** Those whose wait no interrupt ends. */
const bound = new WeakSet<AnyFiber>()

export const beginWait = (fiber: AnyFiber, awaited: Awaited): void => {
  waits.set(fiber, awaited)
  for (const crowd of crowdsOf(fiber)) crowd.waits(fiber, awaited)
}

/** As `beginWait`, where no interrupt ends the wait. */
export const beginBoundWait = (fiber: AnyFiber, awaited: Awaited): void => {
  beginWait(fiber, awaited)
  bound.add(fiber)
}

export const endWait = (fiber: AnyFiber): void => {
  if (!waits.delete(fiber)) return
  bound.delete(fiber)
  for (const crowd of crowdsOf(fiber)) crowd.waitsNoMore(fiber)
}

/** Whether an interrupt would end what a fibre waits for. */
export const yields = (fiber: AnyFiber | Awaited): boolean => !isAwaited(fiber) && waits.has(fiber) && !bound.has(fiber)

/** Whether a fibre goes on by itself: it waits for nothing that is known of. */
export const isFree = (fiber: AnyFiber): boolean => !waits.has(fiber) && !crews.has(fiber)

/** Whether there is anyone to wait for. */
export const mayWait = (lifetime: Handled): boolean => lifetime.uses !== undefined || lifetime.state._tag === "Dropping"

const crowded = new WeakMap<AnyFiber, ReadonlyArray<Crowd>>()

/** The crowds that a fibre is in. */
const crowdsOf = (fiber: AnyFiber): ReadonlyArray<Crowd> => crowded.get(fiber) ?? noCrowds

const noCrowds: ReadonlyArray<Crowd> = []

/** Fibres that hold the same thing up, where they are many: what they wait for is known without a look at each. */
export class Crowd {
  private readonly fibers = new Map<AnyFiber, number>()
  private readonly waiting = new Map<AnyFiber, Awaited>()
  private readonly awaited = new Map<Awaited, number>()

  join(fiber: AnyFiber): void {
    const times = this.fibers.get(fiber) ?? 0
    this.fibers.set(fiber, times + 1)
    if (times > 0) return
    crowded.set(fiber, [...crowdsOf(fiber), this])
    const awaited = waits.get(fiber)
    if (awaited !== undefined) this.waits(fiber, awaited)
  }
  leave(fiber: AnyFiber): void {
    const times = this.fibers.get(fiber) ?? 0
    if (times > 1) return void this.fibers.set(fiber, times - 1)
    this.fibers.delete(fiber)
    crowded.set(fiber, crowdsOf(fiber).filter((crowd) => crowd !== this))
    this.waitsNoMore(fiber)
  }
  waits(fiber: AnyFiber, awaited: Awaited): void {
    this.waitsNoMore(fiber)
    this.waiting.set(fiber, awaited)
    this.awaited.set(awaited, (this.awaited.get(awaited) ?? 0) + 1)
  }
  waitsNoMore(fiber: AnyFiber): void {
    const awaited = this.waiting.get(fiber)
    if (awaited === undefined) return
    this.waiting.delete(fiber)
    const times = this.awaited.get(awaited)! // as often as it is waited for
    if (times > 1) this.awaited.set(awaited, times - 1)
    else this.awaited.delete(awaited)
  }
  /** All of them that `asking` need know of. */
  *blockers(asking: AnyFiber): Generator<AnyFiber | Awaited> {
    if (this.fibers.has(asking)) yield asking
    yield* this.awaited.keys()
    for (const closer of crews.keys()) if (this.fibers.has(closer)) yield closer
  }
}

const crews = new Map<AnyFiber, Set<AnyFiber>>()

/** A fibre that closes side by side waits for each of its workers. */
export const beginWork = (closer: AnyFiber, worker: AnyFiber): void => {
  const crew = crews.get(closer)
  if (crew === undefined) crews.set(closer, new Set([worker]))
  else crew.add(worker)
}

export const endWork = (closer: AnyFiber, worker: AnyFiber): void => {
  const crew = crews.get(closer)
  if (crew?.delete(worker) === true && crew.size === 0) crews.delete(closer)
}

function* withCrew(blockers: Iterable<AnyFiber | Awaited>): Generator<AnyFiber | Awaited> {
  for (const fiber of blockers) {
    yield fiber
    if (isAwaited(fiber)) continue
    const crew = crews.get(fiber)
    if (crew !== undefined) yield* withCrew(crew)
  }
}

const isAwaited = (blocker: AnyFiber | Awaited): blocker is Awaited => "blockers" in blocker

/** Something that who waits for it has as soon as any one of several ends. */
interface Either extends Awaited {
  readonly anyOf: Iterable<Awaited>
}

const isEither = (awaited: Awaited): awaited is Either => "anyOf" in awaited

/** Something that has ended when each of several has. */
export interface Every extends Awaited {
  readonly allOf: Iterable<Awaited>
}

const isEvery = (awaited: Awaited): awaited is Every => "allOf" in awaited

/** The cycle that `fiber` would close by waiting for `awaited`. */
export const findCycle = (fiber: AnyFiber, awaited: Awaited): DropCycle | undefined => {
  const chain = isEither(awaited) ? throughAll(fiber, awaited, none) : chainTo(fiber, awaited, none)
  return chain === undefined ? undefined : new DropCycle({ chain: [...chain, awaited.label] })
}

const none: ReadonlyArray<Either> = []

/** The way back to `fiber`, if each of the several leads back; one of those that are looked at already does. */
const throughAll = (
  fiber: AnyFiber,
  either: Either,
  outer: ReadonlyArray<Either>
): ReadonlyArray<string> | undefined => {
  if (outer.includes(either)) return []
  let chain: ReadonlyArray<string> | undefined = undefined
  for (const awaited of either.anyOf) {
    const back = chainTo(fiber, awaited, [...outer, either])
    if (back === undefined) return undefined
    chain ??= [either.label, ...back]
  }
  return chain
}

/** What waits for what, from `awaited` to `fiber`. */
const chainTo = (
  fiber: AnyFiber,
  awaited: Awaited,
  outer: ReadonlyArray<Either>
): ReadonlyArray<string> | undefined => {
  const seen = new Set<Awaited>()
  // Chains may be longer than the stack is deep.
  const path: Array<{ readonly at: Awaited; readonly blockers: Iterator<AnyFiber | Awaited> }> = []
  const enter = (at: Awaited): void => {
    if (seen.has(at)) return
    seen.add(at)
    path.push({ at, blockers: isEvery(at) ? at.allOf[Symbol.iterator]() : withCrew(at.blockers(fiber)) })
  }
  enter(awaited)
  for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
    const blocker = last.blockers.next()
    if (blocker.done === true) {
      path.pop()
      continue
    }
    const chain = () => path.map(({ at }) => at.label)
    if (blocker.value === fiber) return chain()
    const next = isAwaited(blocker.value) ? blocker.value : waits.get(blocker.value)
    if (next === undefined) continue
    if (!isEither(next)) {
      enter(next)
      continue
    }
    const back = throughAll(fiber, next, outer)
    if (back !== undefined) return [...chain(), ...back]
  }
  return undefined
}

/**
 * One warning where the fibre only descends from one that holds the resource, or what that `waitsFor`; a logger may
 * fail as it likes.
 */
export const warnIfLikely = (
  fiber: AnyFiber,
  lifetime: Handled,
  operation: string,
  waitsFor = (held: Handled): boolean => held === lifetime,
  inside = "use"
): Effect.Effect<unknown> => {
  for (let held = Context.get(fiber.context, Held); held !== undefined; held = held.outer) {
    if (held.active === 0 || lifetime.warned || !waitsFor(held.lifetime)) continue
    lifetime.warned = true
    return Effect.exit(Effect.logWarning(
      `${operation} of ${nameOf(lifetime)} is asked for by a fibre that was started inside its own ${inside}: ` +
        `if that ${inside} waits for this fibre, both hang`
    ))
  }
  return Effect.void
}
