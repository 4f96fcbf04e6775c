// Acquire, use, release: the life of one resource without a scope.
//
// 1. Acquire and release are uninterruptible; between them there is no step in which the resource is
//    held and its release not certain: what follows the acquire is the frame that releases. What the use
//    throws when it is called is kept for that frame.
// 2. Each step costs: nothing is allocated but what this one needs, and the clock is read only for a
//    release that has steps to run. A lifetime is made where someone watches, or when the release has failed.
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { DropOptions } from "../AsyncDrop.ts"
import { DropReporter } from "../DropReporter.ts"
import { call, noEffect } from "./call.ts"
import { answer, type Restore } from "./ending.ts"
import { dropError } from "./errors.ts"
import { acquired, type AnyFiber, Lifetime, metaOf, type Release } from "./lifetime.ts"
import { misuseOf, type Settings, settingsOf } from "./limits.ts"
import { failureOf } from "./outcome.ts"
import { ended, now, start } from "./release.ts"
import { isEffect, isExit } from "./shape.ts"
import { Step } from "./step.ts"

// any, here and below: the types are those of the public signature.
type Use = (value: any) => Effect.Effect<any, any, any>

export const bracket = (
  acquire: Effect.Effect<any, any, any>,
  use: Use,
  release: Release,
  operation: string,
  options: DropOptions<any> | undefined
): Effect.Effect<any, any, any> => {
  const misuse = misuseOf(operation, options)
  if (misuse !== undefined) return Effect.die(misuse)
  const settings = settingsOf(options)
  return Effect.uninterruptibleMask((restore) =>
    isExit(acquire) && acquire._tag === "Success"
      ? new Bracket(restore, acquire.value, use, release, settings).runThere()
      : Effect.flatMap(
        options?.interruptible === true ? restore(acquire) : acquire,
        (value) => new Bracket(restore, value, use, release, settings).run()
      )
  )
}

/**
 * One run: an effect that begins the body, and the continuations of that and, once there is an `exit`, of the
 * release. As an effect that is its own state it needs no closure around the body.
 */
class Bracket extends Step {
  readonly restore: Restore
  readonly value: unknown
  readonly use: Use
  readonly release: Release
  readonly settings: Settings | undefined
  readonly fiber: AnyFiber
  /** Whether the use has begun: until then a value that was there already is not taken. */
  held = false
  lifetime: Lifetime | undefined = undefined
  exit: Exit.Exit<unknown, unknown> | undefined = undefined
  begun = 0n

  constructor(restore: Restore, value: unknown, use: Use, release: Release, settings: Settings | undefined) {
    super()
    this.restore = restore
    this.value = value
    this.use = use
    this.release = release
    this.settings = settings
    this.fiber = Fiber.getCurrent()! // made inside the run loop only, where there is a current fibre
  }

  /** After an acquire: for some steps no interrupt has been able to come, so the use is called at once. */
  run(): Effect.Effect<unknown, unknown, any> {
    return Effect.matchCauseEffect(this.restore(this.begin()), this)
  }

  /** With the value there already: an interrupt may wait for the end of this step, so the frame comes first. */
  runThere(): Effect.Effect<unknown, unknown, any> {
    return Effect.matchCauseEffect(this.restore(this), this)
  }

  begin(): Effect.Effect<any, any, any> {
    this.held = true
    const context = this.fiber.context
    const meta = metaOf(context, this.settings)
    if (meta !== undefined) this.lifetime = acquired(new Lifetime(this.value, this.release, context, meta))
    return called(this.use, this.value)
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
    if (this.lifetime !== undefined) return start(this.lifetime, exit, this.fiber.getRef(Clock.Clock), undefined)
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

const called = (use: Use, value: unknown): Effect.Effect<any, any, any> => {
  // A suspended call would cost a step of the run loop.
  try {
    return use(value)
  } catch (thrown) {
    return Exit.die(thrown)
  }
}
