// Acquire, use, release: the life of one resource without a scope.
//
// 1. Acquire and release are uninterruptible; between them there is no step in which the resource is
//    held and its release not certain: what follows the acquire is the frame that releases.
// 2. Each step costs: nothing is allocated but what this one needs, and the clock is read only for a
//    release that has steps to run. A lifetime is made where someone watches, or when the release has failed.
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { DropReporter } from "../DropReporter.ts"
import { answer, type Restore } from "./ending.ts"
import { acquired, type AnyFiber, Lifetime, metaOf, type Release } from "./lifetime.ts"
import { failureOf } from "./outcome.ts"
import { call, dropError, ended, noEffect, now, start } from "./release.ts"
import { isEffect, isExit } from "./shape.ts"

// any, here and below: the types are those of the public signature.
type Use = (value: any) => Effect.Effect<any, any, any>

export const bracket = (
  acquire: Effect.Effect<any, any, any>,
  use: Use,
  release: Release,
  interruptible: boolean | undefined,
  name: string | undefined
): Effect.Effect<any, any, any> =>
  Effect.uninterruptibleMask((restore) =>
    isExit(acquire) && acquire._tag === "Success"
      ? new Bracket(restore, acquire.value, false, release, name).run(use)
      : Effect.flatMap(
        interruptible === true ? restore(acquire) : acquire,
        (value) => new Bracket(restore, value, true, release, name).run(use)
      )
  )

/** One run, and its own continuations: for the body, and once there is an `exit`, for the release. */
class Bracket {
  readonly restore: Restore
  readonly value: unknown
  readonly release: Release
  readonly name: string | undefined
  readonly fiber: AnyFiber
  /** Whether the value is there already; else it is taken when the use begins. */
  held: boolean
  lifetime: Lifetime | undefined = undefined
  exit: Exit.Exit<unknown, unknown> | undefined = undefined
  begun = 0n

  constructor(restore: Restore, value: unknown, held: boolean, release: Release, name: string | undefined) {
    this.restore = restore
    this.value = value
    this.held = held
    this.release = release
    this.name = name
    this.fiber = Fiber.getCurrent()! // made inside the run loop only, where there is a current fibre
  }

  run(use: Use): Effect.Effect<unknown, unknown, any> {
    const body = () => {
      this.held = true
      const meta = metaOf(this.fiber.context, this.name)
      if (meta !== undefined) this.lifetime = acquired(new Lifetime(this.value, this.release, this.fiber.context, meta))
      return use(this.value)
    }
    // Either calls the body when the frame that releases is there; the first restores in the same step.
    const using = this.restore === Effect.interruptible
      ? Effect.interruptibleMask(body)
      : this.restore(Effect.suspend(body))
    return Effect.matchCauseEffect(using, this)
  }

  readonly onSuccess = (result: unknown): Effect.Effect<unknown, unknown> => {
    if (this.exit === undefined) return this.bodyEnded(Exit.succeed(result))
    if (this.lifetime !== undefined) ended(this.lifetime, Exit.void)
    return this.exit
  }

  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<unknown, unknown> =>
    this.exit === undefined ? this.bodyEnded(Exit.failCause(cause)) : this.failed(this.exit, cause)

  bodyEnded(exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown> {
    if (!this.held) return exit
    this.exit = exit
    const effect = this.start(exit)
    if (!isExit(effect)) {
      this.begun = now(this.fiber)
      return Effect.matchCauseEffect(effect, this)
    }
    if (effect._tag === "Success") return this.onSuccess(undefined)
    this.begun = now(this.fiber)
    return this.failed(exit, effect.cause)
  }

  start(exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown> {
    if (this.lifetime !== undefined) return start(this.lifetime, exit)
    const effect = call(this.release, this.value, exit)
    // What a release asks for is in the context of the acquire.
    return isEffect(effect) ? effect as Effect.Effect<unknown, unknown> : noEffect(this.named(), effect)
  }

  named(): Lifetime {
    return this.lifetime ??= new Lifetime(this.value, this.release, this.fiber.context, undefined)
  }

  failed(exit: Exit.Exit<unknown, unknown>, cause: Cause.Cause<unknown>): Effect.Effect<unknown, unknown> {
    const { begun, fiber, restore } = this
    const lifetime = this.named()
    ended(lifetime, Exit.failCause(cause))
    const failure = failureOf([dropError(lifetime, cause, { base: begun, start: begun, end: now(fiber) })], 0, exit)!
    const reporter = Context.get(fiber.context, DropReporter)
    return answer(fiber.context, restore, exit, failure, false, () => reporter)
  }
}
