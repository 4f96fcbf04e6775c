// A guard's resource goes over to another holder: an arc, a mutex, a map.
//
// 1. The guard's uses are waited for; then guard and holder change in one step, or not at all.
// 2. What comes into the current scope is linked there in that step; nothing is lost on the way.
import * as Effect from "effect/Effect"
import type { AsyncDropGuard } from "../AsyncDropGuard.ts"
import { GuardImpl, lifetimeOf } from "./guard.ts"
import * as handle from "./handle.ts"
import { type AnyFiber, type Handled, type Lifetime, Taken } from "./lifetime.ts"
import { place } from "./place.ts"

/** Ends a former life: it is another's now. */
export const giveAway = (lifetime: Handled, operation: string): void => {
  lifetime.state = { _tag: "Moved", operation }
  lifetime.owner?.remove(lifetime)
}

/** Takes a guard over into the current scope; `make` puts another life around its resource. */
export const takeOver = <L extends Lifetime, A>(
  guard: AsyncDropGuard<unknown, unknown>,
  operation: string,
  make: (from: Handled, fiber: AnyFiber) => L,
  give: (lifetime: L) => A
): Effect.Effect<A> =>
  Effect.suspend(() => {
    const from = lifetimeOf(guard)
    const taken = handle.reserve(from, operation, (fiber) =>
      place(fiber, () => {
        const next = make(from, fiber)
        giveAway(from, operation)
        return next
      }, give))
    return Effect.flatten(taken)
  })

/** As `takeOver`, for a holder that nothing owns; where it cannot be handed over, `undo` ends it. */
export const takeUnscoped = <A>(
  guard: AsyncDropGuard<unknown, unknown>,
  operation: string,
  make: (from: Handled) => A,
  undo: (made: A) => Effect.Effect<unknown, unknown>
): Effect.Effect<A> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const from = lifetimeOf(guard)
      const taken = handle.reserve(from, operation, () => {
        const made = make(from)
        giveAway(from, operation)
        return made
      })
      return Effect.flatMap(restore(taken), (made) => handOver(restore, made, undo))
    })
  )

/** Hands a value over in one step; an interrupt that comes first undoes it. */
const handOver = <A>(
  restore: <B>(effect: Effect.Effect<B>) => Effect.Effect<B>,
  value: A,
  undo: (value: A) => Effect.Effect<unknown, unknown>
): Effect.Effect<A> =>
  Effect.catchCause(
    restore(Effect.sync(() => value)),
    (cause) => Effect.andThen(Effect.exit(undo(value)), Effect.failCause(cause))
  )

/** Puts the resource of a former life into a guard that the current scope owns. */
export const asGuard = <A, E>(
  from: Handled,
  operation: string,
  fiber: AnyFiber
): Effect.Effect<AsyncDropGuard<A, E>> =>
  place(fiber, () => {
    giveAway(from, operation)
    return new Taken(from, fiber.context)
  }, (lifetime) => new GuardImpl<A, E>(lifetime))
