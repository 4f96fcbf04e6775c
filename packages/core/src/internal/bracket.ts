// Acquire, use, release: the life of one resource without a scope.
//
// 1. Acquire and release are uninterruptible; between them there is no step in which the resource is
//    held and its release not certain: what follows the acquire is the frame that releases.
// 2. Each step costs: nothing is allocated but what this one needs, and the clock is read once. A
//    lifetime is made where someone watches, or when the release has failed.
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { DropReporter } from "../DropReporter.ts"
import { answer, type Restore } from "./ending.ts"
import { acquired, type AnyFiber, Lifetime, metaOf, type Release } from "./lifetime.ts"
import { failureOf } from "./outcome.ts"
import { begin, dropError, ended, now, start } from "./release.ts"
import { isExit } from "./shape.ts"

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
      ? hold(restore, acquire.value, false, use, release, name)
      : Effect.flatMap(
        interruptible === true ? restore(acquire) : acquire,
        (value) => hold(restore, value, true, use, release, name)
      )
  )

/** `held` says whether the value is there already, or is taken when the use begins. */
const hold = (
  restore: Restore,
  value: unknown,
  held: boolean,
  use: Use,
  release: Release,
  name: string | undefined
): Effect.Effect<unknown, unknown, any> => {
  const fiber = Fiber.getCurrent()! // called inside the run loop only, where there is a current fibre
  let lifetime: Lifetime | undefined
  let exit: Exit.Exit<unknown, unknown> | undefined
  let begun = 0n
  const named = () => lifetime ??= new Lifetime(value, release, fiber.context, undefined)
  const body = () => {
    held = true
    const meta = metaOf(fiber.context, name)
    if (meta !== undefined) lifetime = acquired(new Lifetime(value, release, fiber.context, meta))
    return use(value)
  }
  const bodyEnded = (ended: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown> => {
    if (!held) return ended
    exit = ended
    begun = now(fiber)
    const effect = lifetime === undefined ? begin(release, value, ended, named) : start(lifetime, ended)
    if (!isExit(effect)) return Effect.matchCauseEffect(effect, waits)
    return effect._tag === "Success" ? waits.onSuccess(undefined) : waits.onFailure(effect.cause)
  }
  // Serves both waits, for the body and for the release: once there is an `exit`, it is for the release.
  const waits = {
    onSuccess: (result: unknown): Effect.Effect<unknown, unknown> => {
      if (exit === undefined) return bodyEnded(Exit.succeed(result))
      if (lifetime !== undefined) ended(lifetime, Exit.void)
      return exit
    },
    onFailure: (cause: Cause.Cause<unknown>): Effect.Effect<unknown, unknown> =>
      exit === undefined ? bodyEnded(Exit.failCause(cause)) : failed(restore, fiber, named(), exit, cause, begun)
  }
  // Either calls the body when the frame that releases is there; the first restores in the same step.
  const using = restore === Effect.interruptible ? Effect.interruptibleMask(body) : restore(Effect.suspend(body))
  return Effect.matchCauseEffect(using, waits)
}

const failed = (
  restore: Restore,
  fiber: AnyFiber,
  lifetime: Lifetime,
  exit: Exit.Exit<unknown, unknown>,
  cause: Cause.Cause<unknown>,
  begun: bigint
): Effect.Effect<unknown, unknown> => {
  ended(lifetime, Exit.failCause(cause))
  const failure = failureOf([dropError(lifetime, cause, { base: begun, start: begun, end: now(fiber) })], 0, exit)!
  const reporter = Context.get(fiber.context, DropReporter)
  return answer(fiber.context, restore, exit, failure, false, () => reporter)
}
