// Ending a life by hand.
//
// 1. A dropper returns only after the release has ended, uninterruptibly; so does everyone who joins.
// 2. Waiting for oneself is an error, before anything has changed.
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constTrue, constVoid } from "effect/Function"
import { MixedScheduler } from "effect/Scheduler"
import { beginBoundWait, endWait, findCycle, mayWait, warnIfLikely } from "./cycle.ts"
import type { Restore } from "./ending.ts"
import { type Lease, stepAside, surrender } from "./lease.ts"
import { endLife, takeOver } from "./life-end.ts"
import type { AnyFiber, Dropping, Handled } from "./lifetime.ts"
import { refusal } from "./misuse.ts"
import { claim } from "./settling.ts"

/**
 * Ends the life, or joins whoever is ending it; fails with the release's own error. `listening` says,
 * when that is known, whether someone still takes the error; `exit` is what the release is told.
 */
export const drop = (
  lifetime: Handled,
  listening: () => boolean = constTrue,
  exit: Exit.Exit<unknown, unknown> = Exit.void
): Effect.Effect<void, unknown> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => end(lifetime, fiber, restore, listening, exit, constVoid))
  )

/** Gives a lease up; who gives up the last one ends the life, and who asks again joins that. */
export const dropLease = (
  lease: Lease,
  listening: () => boolean = constTrue,
  exit: Exit.Exit<unknown, unknown> = Exit.void
): Effect.Effect<void, unknown> =>
  Effect.suspend(() =>
    stepAside(lease) ? Exit.void : Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        if (stepAside(lease)) return Exit.void // others may have come since
        if (lease.state._tag === "Moved") return Effect.die(refusal(lease, "drop"))
        return end(lease.value, fiber, restore, listening, exit, () => surrender(lease))
      })
    )
  )

/** `begins` runs in the step that begins the drop. */
const end = (
  lifetime: Handled,
  fiber: AnyFiber,
  restore: Restore,
  listening: () => boolean,
  exit: Exit.Exit<unknown, unknown>,
  begins: () => void
): Effect.Effect<void, unknown> => {
  const state = lifetime.state
  switch (state._tag) {
    case "Dropped":
      return Effect.asVoid(lifetime.heard(state.exit))
    case "Moved":
      return Effect.die(refusal(lifetime, "drop"))
    case "Dropping":
      return orCycle(fiber, lifetime, "drop", () => {
        state.claims++
        return Effect.andThen(awaitEnded(lifetime, state, fiber), claim(lifetime, state, restore, listening))
      })
    case "Live":
    case "Reserved":
      return orCycle(fiber, lifetime, "drop", () => {
        begins()
        const dropping = takeOver(lifetime)
        dropping.claims++ // one who was refused may have joined already
        return Effect.andThen(
          endLife(lifetime, dropping, exit, fiber),
          claim(lifetime, dropping, restore, listening)
        )
      })
  }
}

/** Drops as far as it goes synchronously; where that is not to the end, the error is the owner's. */
export const dropSync = (lifetime: Handled): Exit.Exit<void, unknown> | undefined => {
  let listening = true
  const scheduler = new MixedScheduler("sync")
  const fiber = Effect.runForkWith(lifetime.services)(drop(lifetime, () => listening), { scheduler })
  fiber.currentDispatcher.flush()
  listening = false
  return fiber.pollUnsafe()
}

/** `transition` changes the state at once and returns what is left to do. */
const orCycle = <A, E>(
  fiber: AnyFiber,
  lifetime: Handled,
  operation: string,
  transition: () => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  if (!mayWait(lifetime)) return transition()
  const cycle = findCycle(fiber, lifetime)
  if (cycle !== undefined) return Effect.die(cycle)
  beginBoundWait(fiber, lifetime)
  const waiting = transition()
  return Effect.andThen(warnIfLikely(fiber, lifetime, operation), waiting)
}

const awaitEnded = (lifetime: Handled, dropping: Dropping, fiber: AnyFiber): Effect.Effect<void> =>
  waited(
    fiber,
    Effect.suspend(() => {
      if (dropping.exit !== undefined) return Effect.void
      dropping.ended ??= Deferred.makeUnsafe()
      return Deferred.await(dropping.ended)
    })
  )

/** Ends an uninterruptible wait that `beginWait` announced, if one did. */
const waited = (fiber: AnyFiber, wait: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.map(wait, () => endWait(fiber))
