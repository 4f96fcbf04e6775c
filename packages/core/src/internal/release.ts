// The only place where a release starts.
//
// 1. A release that throws, or returns what is not an effect, is a defect of that release alone.
//    (Handed to the run loop as it is, a value that is no effect ends the fibre with no finalizer run.)
// 2. What went wrong becomes one `DropError`, with the release's own cause.
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import { type AnyFiber, type Lifetime, nameOf, observe, type Release } from "./lifetime.ts"
import { notAnEffect } from "./misuse.ts"
import { isEffect } from "./shape.ts"

/** Calls a release; what it returned is still to be looked at. */
export const call = (release: Release, value: unknown, exit: Exit.Exit<unknown, unknown>): unknown => {
  // A suspended call would cost every release a step of the run loop.
  try {
    return release(value, exit)
  } catch (thrown) {
    return Exit.die(thrown)
  }
}

/** Calls the release of a lifetime, telling the observer. */
export const start = (lifetime: Lifetime, exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown> => {
  if (lifetime.meta !== undefined) observe(lifetime, (id, resource) => ({ _tag: "Dropping", id, resource }))
  const effect = call(lifetime.release, lifetime.value, exit)
  // What a release asks for is in the context of its acquire.
  return isEffect(effect) ? effect as Effect.Effect<unknown, unknown> : noEffect(lifetime, effect)
}

/** The answer to a release that returned something else. */
export const noEffect = (lifetime: Lifetime, returned: unknown): Exit.Exit<never> =>
  Exit.die(notAnEffect(nameOf(lifetime), returned))

export const ended = (lifetime: Lifetime, exit: Exit.Exit<unknown, unknown>): void => {
  if (lifetime.meta !== undefined) observe(lifetime, (id, resource) => ({ _tag: "Dropped", id, resource, exit }))
}

/** Nanoseconds on the fibre's monotonic clock. */
export const now = (fiber: AnyFiber): bigint => fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe()

/** When the owner started, and when the release did and ended, in nanoseconds. */
export interface Times {
  readonly base: bigint
  readonly start: bigint
  readonly end: bigint
}

export const spent = ({ base, end, start }: Times): Pick<DropError<unknown>, "startedAt" | "duration"> => ({
  startedAt: Number(start - base) / 1e6,
  duration: Duration.nanos(end - start)
})

export const dropError = (lifetime: Lifetime, cause: Cause.Cause<unknown>, times: Times): DropError<unknown> => {
  const acquiredAt = lifetime.meta?.acquiredAt
  const stack = acquiredAt === undefined ? {} : { acquiredAt }
  const key = lifetime.key === undefined ? {} : { key: lifetime.key }
  return { resource: nameOf(lifetime), ...key, phase: "graceful", cause, ...spent(times), ...stack }
}
