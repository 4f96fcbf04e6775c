// Acquire, use, release: the life of one resource without a scope.
//
// 1. Acquire and release are uninterruptible; between them there is no step in which the resource is
//    held and its release not certain.
// 2. Each step costs: nothing is allocated but what this one needs, and the clock is read once.
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { DropReporter } from "../DropReporter.ts"
import { answer, type Restore } from "./ending.ts"
import { acquired, type AnyFiber, Lifetime, metaOf, type Release } from "./lifetime.ts"
import { failureOf } from "./outcome.ts"
import { dropError, ended, now, start } from "./release.ts"

export const bracket = (
  acquire: Effect.Effect<any, any, any>,
  use: (value: any) => Effect.Effect<any, any, any>,
  release: Release,
  interruptible: boolean | undefined,
  name: string | undefined
): Effect.Effect<any, any, any> =>
  Effect.uninterruptibleMask((restore) => {
    const run = new Bracket(restore, use, release, name)
    return Effect.matchCauseEffect(Effect.flatMap(interruptible === true ? restore(acquire) : acquire, run.used), run)
  })

/** Serves both waits, for the body and for the release, as their two continuations. */
class Bracket {
  readonly restore: Restore
  readonly use: (value: any) => Effect.Effect<any, unknown, any>
  readonly release: Release
  readonly name: string | undefined
  lifetime: Lifetime | undefined = undefined
  exit: Exit.Exit<unknown, unknown> | undefined = undefined
  begun = 0n

  constructor(
    restore: Restore,
    use: (value: any) => Effect.Effect<any, unknown, any>,
    release: Release,
    name: string | undefined
  ) {
    this.restore = restore
    this.use = use
    this.release = release
    this.name = name
  }

  readonly used = (value: any): Effect.Effect<any, unknown, any> => {
    const context = current().context
    this.lifetime = acquired(new Lifetime(value, this.release, context, metaOf(context, this.name)))
    return this.restore(this.use(value))
  }

  readonly onSuccess = (value: unknown): Effect.Effect<unknown, unknown> =>
    this.exit === undefined ? this.bodyEnded(Exit.succeed(value)) : this.dropped(Exit.void)

  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<unknown, unknown> =>
    this.exit === undefined ? this.bodyEnded(Exit.failCause(cause)) : this.dropped(Exit.failCause(cause))

  bodyEnded(exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown> {
    const lifetime = this.lifetime
    if (lifetime === undefined) return exit // the acquire failed
    this.exit = exit
    this.begun = now(current())
    const effect = start(lifetime, exit)
    return Exit.isExit(effect) ? this.dropped(effect) : Effect.matchCauseEffect(effect, this)
  }

  dropped(result: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown> {
    const lifetime = this.lifetime! // a release was started, so there is one
    const exit = this.exit! // and the body had ended
    ended(lifetime, result)
    if (result._tag === "Success") return exit
    const fiber = current()
    const times = { base: this.begun, start: this.begun, end: now(fiber) }
    const failure = failureOf([dropError(lifetime, result.cause, times)], 0, exit)!
    const reporter = Context.get(fiber.context, DropReporter)
    return answer(fiber.context, this.restore, exit, failure, () => reporter)
  }
}

/** Called inside the run loop only, where there is a current fibre. */
const current = (): AnyFiber => Fiber.getCurrent()!
