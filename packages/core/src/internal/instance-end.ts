// The end of an instance in as few steps as there are, where nobody else has to know of it.
//
// 1. It is the end that handle.ts gives to any lifetime, in the same order, for an instance that nobody uses,
//    watches or limits, and whose load has made one thing or nothing: that is released where its last holder stands.
// 2. A release that fails takes the long way from there: what it failed with is told as of any other.
// 3. The release has the services of its load, and none of whoever happens to leave last.
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { DropError } from "../DropError.ts"
import { closingOf } from "./closing.ts"
import { releasing } from "./cycle.ts"
import { dropError } from "./errors.ts"
import type { Instance } from "./instance.ts"
import { settle, takeOver } from "./life-end.ts"
import { type AnyFiber, type Dropping, live } from "./lifetime.ts"
import { finish } from "./owner.ts"
import { start } from "./release.ts"
import { settledFor } from "./settling.ts"
import { isExit } from "./shape.ts"

/** What comes after the end; where that was a failure, it is to be delivered still. */
type Conclude<A, E> = (failed: Dropping | undefined) => Effect.Effect<A, E>

/** Whether `endPlainly` can end it. */
export const isPlain = (instance: Instance, fiber: AnyFiber): boolean =>
  instance.state === live && instance.uses === undefined && instance.meta?.observer === undefined &&
  closingOf(fiber) === undefined && instance.nest.parts.few

/** The end that a scope gives it. */
export const endOwned = (
  instance: Instance,
  fiber: AnyFiber,
  exit: Exit.Exit<unknown, unknown>,
  deaths: Array<DropError<unknown>>
): Effect.Effect<void> =>
  endPlainly(
    instance,
    fiber,
    exit,
    (failed) => failed === undefined ? Exit.void : settledFor(instance, failed, deaths, Effect.void)
  )

/** In this step, as far as that goes; called uninterruptibly, and only where it is plain. */
export const endPlainly = <A, E>(
  instance: Instance,
  fiber: AnyFiber,
  exit: Exit.Exit<unknown, unknown>,
  conclude: Conclude<A, E>
): Effect.Effect<A, E> => {
  const { nest } = instance
  const dropping = takeOver(instance)
  const part = nest.parts.takeOnly(exit)
  const outer = fiber.context
  const { context, mark } = releasing(instance, fiber, part?.context)
  const clock = fiber.getRef(Clock.Clock)
  dropping.fiber = fiber
  fiber.setContext(context)
  const base = part?.owner?.startedAt ?? nest.startedAt
  const release = part === undefined
    ? Scope.closeUnsafe(nest.parts.scope, exit) ?? Exit.void
    : start(part, exit, clock, undefined)
  const released = (): Effect.Effect<A, E> => {
    fiber.setContext(outer)
    if (part !== undefined) finish(part, Exit.void)
    instance.at.ended()
    mark.active = 0
    dropping.fiber = undefined
    dropping.exit = Exit.void
    settle(instance, dropping)
    if (dropping.ended !== undefined) Deferred.doneUnsafe(dropping.ended, Exit.void)
    return conclude(undefined)
  }
  const over = isExit(release) ? release : undefined
  if (over?._tag === "Success") return released()
  const begun = clock.monotonicTimeNanosUnsafe()
  const failed = (cause: Cause.Cause<unknown>): Effect.Effect<A, E> => {
    fiber.setContext(outer)
    const times = { base, start: begun, end: clock.monotonicTimeNanosUnsafe() }
    nest.parts.failed = { part, cause, times }
    return Effect.flatMap(Effect.exit(instance.end(exit)), (result) => {
      mark.active = 0
      dropping.fiber = undefined
      dropping.exit = result
      if (result._tag === "Success") settle(instance, dropping)
      else dropping.error = dropError(instance, result.cause, { ...times, base: instance.owner?.startedAt ?? base })
      if (dropping.ended !== undefined) Deferred.doneUnsafe(dropping.ended, Exit.void)
      return conclude(dropping)
    })
  }
  return over === undefined
    ? Effect.matchCauseEffect(release, { onSuccess: (_) => released(), onFailure: failed })
    : failed(over.cause)
}
