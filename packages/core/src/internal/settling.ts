// Who gets the error of a release that a handle or an owner ended.
//
// 1. It is delivered once: to the droppers, if one of them was not interrupted, else to the sink of the
//    present owner.
// 2. An owner waits until it is certain that a dropper has it, or that none will.
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { DropError } from "../DropError.ts"
import { closingOf } from "./closing.ts"
import { cutShort, isImposed } from "./cut-short.ts"
import { endWait } from "./cycle.ts"
import { pendingInterrupt, type Restore } from "./ending.ts"
import { dropError } from "./errors.ts"
import { waiting } from "./lapse.ts"
import { settle } from "./life-end.ts"
import type { AnyFiber, Dropping, Handled } from "./lifetime.ts"
import { deliver, deliverAway } from "./sink.ts"

/** Runs the release for an owner, who gets the error unless a dropper joined. */
export const settledFor = (
  lifetime: Handled,
  dropping: Dropping,
  deaths: Array<DropError<unknown>>,
  life: Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.flatMap(life, () => {
    if (lifetime.state !== dropping) return Effect.void
    if (dropping.claims > 0) return Effect.withFiber((fiber) => awaitSettled(lifetime, dropping, fiber, deaths))
    take(lifetime, dropping, deaths)
    settle(lifetime, dropping)
    return Effect.void
  })

/** The owner takes an error that no dropper took. */
const take = (lifetime: Handled, dropping: Dropping, deaths: Array<DropError<unknown>>): void => {
  const error = dropping.error
  dropping.error = undefined
  if (error === undefined || isImposed(lifetime, error)) return
  lifetime.scatter(error, (context, each) => deliver(context, each, deaths))
}

/**
 * A dropper takes the error, unless it was interrupted. The last who could not leaves it to the owner, if
 * that is waiting, else to the sink.
 */
export const claim = (
  lifetime: Handled,
  dropping: Dropping,
  restore: Restore,
  listening: () => boolean
): Effect.Effect<void, unknown> =>
  Effect.suspend(() => {
    const exit = dropping.exit! // the release has ended
    if (exit._tag === "Success") return Effect.void
    return Effect.flatMap(pendingInterrupt(restore), (interrupt) => {
      const delivered = interrupt === undefined && listening()
      if (lifetime.state === dropping && (delivered || --dropping.claims === 0)) {
        if (delivered) dropping.error = undefined
        else if (dropping.settled === undefined) takeAway(lifetime, dropping)
        settle(lifetime, dropping)
      }
      return interrupt === undefined ? Effect.asVoid(lifetime.heard(exit)) : Effect.failCause(interrupt)
    })
  })

/** As `take`, where there is no owner that could die of it. */
const takeAway = (lifetime: Handled, dropping: Dropping): void => {
  const error = dropping.error
  dropping.error = undefined
  if (error === undefined || isImposed(lifetime, error)) return
  lifetime.scatter(error, deliverAway)
}

export const awaitSettled = (
  lifetime: Handled,
  dropping: Dropping,
  fiber: AnyFiber,
  deaths: Array<DropError<unknown>>
): Effect.Effect<void> => {
  const clock = fiber.getRef(Clock.Clock)
  const begun = clock.monotonicTimeNanosUnsafe()
  const settled = waiting(
    (over) => {
      if (lifetime.state !== dropping) return over()
      dropping.settled = over
    },
    fiber,
    clock,
    Infinity,
    closingOf(fiber)?.budget
  )
  return Effect.map(settled, (lapse) => {
    endWait(fiber)
    if (lapse === undefined) return take(lifetime, dropping, deaths)
    // Whoever drops it goes on, and has its error.
    dropping.settled = undefined
    const base = lifetime.owner?.startedAt ?? lifetime.startedAt
    const { cause } = cutShort(lifetime, lapse.limit, "abandoned", lapse.by)
    const times = { base, start: begun, end: clock.monotonicTimeNanosUnsafe() }
    lapse.by?.deliver(dropError(lifetime, cause, times))
    lifetime.owner?.remove(lifetime)
  })
}
