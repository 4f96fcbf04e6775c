// Giving away: the resource leaves its handle for another holder.
//
// 1. It waits for the uses begun, interruptibly, and new ones are refused meanwhile.
// 2. It takes the resource in one synchronous step, or not at all.
// 3. A drop that comes meanwhile takes over; the one who waited is refused.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { beginWait, endWait, findCycle, warnIfLikely } from "./cycle.ts"
import { type AnyFiber, type Handled, live, type Reserved } from "./lifetime.ts"
import { refusal } from "./misuse.ts"

/**
 * Waits for the uses begun, refusing new ones, then lets `commit` take the resource. Both ways end in a
 * `sync` that no frame follows which could be interrupted: under a caller's `uninterruptibleMask` what
 * `commit` gives arrives, or it has not run.
 */
export const reserve = <A>(lifetime: Handled, operation: string, commit: (fiber: AnyFiber) => A): Effect.Effect<A> =>
  Effect.withFiber((fiber) => {
    if (lifetime.state._tag !== "Live") return Effect.die(refusal(lifetime, operation))
    if (lifetime.uses === undefined) {
      return Effect.catchCause(
        Effect.sync(() => {
          // A yield may have come between the check and this step.
          if (lifetime.state._tag !== "Live" || lifetime.uses !== undefined) throw changed
          return commit(fiber)
        }),
        (cause) => Cause.squash(cause) === changed ? reserve(lifetime, operation, commit) : Effect.failCause(cause)
      )
    }
    const cycle = findCycle(fiber, lifetime)
    if (cycle !== undefined) return Effect.die(cycle)
    return Effect.andThen(warnIfLikely(fiber, lifetime, operation), awaitTurn(lifetime, operation, commit, fiber))
  })

const changed = Symbol("@async-drop/core/changed")

const awaitTurn = <A>(
  lifetime: Handled,
  operation: string,
  commit: (fiber: AnyFiber) => A,
  fiber: AnyFiber
): Effect.Effect<A> =>
  Effect.callback((resume) => {
    if (lifetime.state._tag !== "Live" || lifetime.uses === undefined) {
      return resume(reserve(lifetime, operation, commit))
    }
    const cycle = findCycle(fiber, lifetime)
    if (cycle !== undefined) return resume(Effect.die(cycle))
    const reserved: Reserved = {
      _tag: "Reserved",
      operation,
      refuse: () => {
        endWait(fiber)
        resume(Effect.suspend(() => Effect.die(refusal(lifetime, operation))))
      }
    }
    const backToLive = () => {
      endWait(fiber)
      if (lifetime.state !== reserved) return
      lifetime.state = live
      lifetime.drained = undefined
    }
    lifetime.state = reserved
    beginWait(fiber, lifetime)
    lifetime.drained = () =>
      void resume(Effect.sync(() => {
        if (lifetime.state !== reserved) throw refusal(lifetime, operation)
        backToLive()
        return commit(fiber)
      }))
    return Effect.sync(backToLive)
  })
