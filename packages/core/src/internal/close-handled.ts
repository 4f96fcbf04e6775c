// An owner ends the life of a resource that has a handle.
//
// 1. It waits for whoever ends that life already, and learns the same outcome.
// 2. It never waits for itself: closed from inside a use or the release of its own resource, it lets go and
//    has the cycle as its error.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DropCycle } from "../DropCycle.ts"
import type { DropError } from "../DropError.ts"
import { beginBoundWait, findCycle, mayWait, warnIfLikely } from "./cycle.ts"
import { dropError } from "./errors.ts"
import { endLife, release, takeOver } from "./life-end.ts"
import type { AnyFiber, Handled } from "./lifetime.ts"
import { now } from "./release.ts"
import { awaitSettled, settledFor } from "./settling.ts"
import { deliver, deliverAway } from "./sink.ts"

/**
 * The owner's way to end a life: errors go to the sink, those it must die of into `deaths`. The closer is
 * another fibre than this one where releases run side by side.
 */
export const closeHandled = (
  lifetime: Handled,
  exit: Exit.Exit<unknown, unknown>,
  deaths: Array<DropError<unknown>>,
  closer: AnyFiber
): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const state = lifetime.state
    if (state._tag === "Dropped" || state._tag === "Moved") {
      lifetime.owner?.remove(lifetime) // or its owner would never be done
      return Effect.void
    }
    const waits = mayWait(lifetime)
    const cycle = waits ? findCycle(closer, lifetime) ?? findCycle(fiber, lifetime) : undefined
    if (cycle !== undefined) return letGo(lifetime, exit, cycle, deaths, fiber)
    if (waits) beginBoundWait(fiber, lifetime)
    const closing = state._tag === "Dropping"
      ? awaitSettled(lifetime, state, fiber, deaths)
      : closeNow(lifetime, exit, deaths, fiber)
    return waits ? Effect.andThen(warnIfLikely(closer, lifetime, "close"), closing) : closing
  }))

const closeNow = (
  lifetime: Handled,
  exit: Exit.Exit<unknown, unknown>,
  deaths: Array<DropError<unknown>>,
  fiber: AnyFiber
): Effect.Effect<void> => {
  const dropping = takeOver(lifetime)
  return settledFor(lifetime, dropping, deaths, endLife(lifetime, dropping, exit, fiber))
}

/**
 * The owner is being closed from inside a use or a release of its own resource. Waiting would never
 * end: the owner gets the cycle as its error, and the release runs when the last use leaves.
 */
const letGo = (
  lifetime: Handled,
  exit: Exit.Exit<unknown, unknown>,
  cycle: DropCycle,
  deaths: Array<DropError<unknown>>,
  fiber: AnyFiber
): Effect.Effect<void> => {
  const at = now(fiber)
  const base = lifetime.owner?.startedAt ?? lifetime.startedAt
  const error = dropError(lifetime, Cause.die(cycle), { base, start: at, end: at })
  lifetime.owner?.remove(lifetime)
  const last = lifetime.state._tag === "Dropping" ? undefined : releaseLast(lifetime, exit)
  // Delivering runs others, who may end the last use meanwhile.
  deliver(lifetime.context, error, deaths)
  return last ?? Effect.void
}

/** Leaves the release to who ends the last use; gives it back where that has happened already. */
const releaseLast = (lifetime: Handled, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
  let run = false
  const released = Effect.suspend(() => {
    const dropping = lifetime.state
    if (run || dropping._tag !== "Dropping") return Effect.void
    run = true
    const late: Array<DropError<unknown>> = []
    return Effect.map(settledFor(lifetime, dropping, late, release(lifetime, dropping, exit, 0)), () => {
      for (const error of late) deliverAway(lifetime.context, error)
    })
  })
  lifetime.drained = () => released
  takeOver(lifetime)
  const last = Effect.suspend(() => lifetime.uses === undefined ? released : Effect.void)
  const refusing = lifetime.refuseWaiters()
  return refusing === undefined ? last : Effect.andThen(refusing, last)
}
