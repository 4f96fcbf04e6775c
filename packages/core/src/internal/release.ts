// The only place where a release starts.
//
// 1. A release that throws, or returns what is not an effect, is a defect of that release alone.
//    (Handed to the run loop as it is, a value that is no effect ends the fibre with no finalizer run.)
// 2. Without a limit it runs where it stands: no fibre, no timer.
import * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { invoke } from "./call.ts"
import type { Closing } from "./closing.ts"
import { escalating } from "./escalation.ts"
import { type AnyFiber, type Lifetime, observe } from "./lifetime.ts"
import { noting } from "./noting.ts"

/**
 * Calls the release of a lifetime, telling the observer. Its limits count on the closer's `clock`; `waited` is
 * how long it had to wait before, in milliseconds.
 */
export const start = (
  lifetime: Lifetime,
  exit: Exit.Exit<unknown, unknown>,
  clock: Clock.Clock,
  closing: Closing | undefined,
  waited = 0
): Effect.Effect<unknown, unknown> => {
  const meta = lifetime.meta
  if (meta === undefined && closing === undefined) return invoke(lifetime, lifetime.release, exit)
  if (meta?.observer !== undefined) {
    const key = lifetime.key === undefined ? {} : { key: lifetime.key }
    const close = closing === undefined ? {} : { close: closing.id }
    observe(lifetime, (id, resource) => ({ _tag: "Dropping", id, resource, ...key, ...close }))
  }
  const timeout = meta?.limits?.timeout ?? Infinity
  const limited = timeout !== Infinity || closing?.budget !== undefined
  return limited && lifetime.composition !== "owner"
    ? escalating(lifetime, exit, clock, closing, Math.max(timeout - waited, 0))
    : noting(lifetime, invoke(lifetime, lifetime.release, exit))
}

export const ended = (lifetime: Lifetime, exit: Exit.Exit<unknown, unknown>): void => {
  if (lifetime.meta !== undefined) observe(lifetime, (id, resource) => ({ _tag: "Dropped", id, resource, exit }))
}

/** Nanoseconds on the fibre's monotonic clock. */
export const now = (fiber: AnyFiber): bigint => fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe()
