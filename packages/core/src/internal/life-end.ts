// The end of a life that has a handle, whoever ends it.
//
// 1. Only who has entered `Dropping` runs the release, once.
// 2. It starts when the last use has left. A use that outlasts the limit makes the resource abandoned; then
//    who leaves last runs it, late.
// 3. `Dropped` is entered after the release has ended and its error, if any, is delivered.
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Closing, closingOf } from "./closing.ts"
import { asHeard, cutShort } from "./cut-short.ts"
import { endWait, releasing } from "./cycle.ts"
import { dropError, reportBeside } from "./errors.ts"
import { type Lapse, waiting } from "./lapse.ts"
import { type AnyFiber, type Dropping, type Handled, observe } from "./lifetime.ts"
import { ended, start } from "./release.ts"

/** From Live or Reserved to Dropping. */
export const takeOver = (lifetime: Handled): Dropping => {
  const state = lifetime.state
  const dropping: Dropping = {
    _tag: "Dropping",
    fiber: undefined,
    exit: undefined,
    error: undefined,
    claims: 0,
    ended: undefined,
    settled: undefined
  }
  lifetime.state = dropping
  if (state._tag === "Reserved") state.refuse()
  return dropping
}

/** Waits for the uses and runs the release, as far as the limits let it. */
export const endLife = (
  lifetime: Handled,
  dropping: Dropping,
  exit: Exit.Exit<unknown, unknown>,
  fiber: AnyFiber
): Effect.Effect<void> => {
  const refusing = lifetime.refuseWaiters()
  if (lifetime.uses === undefined && refusing === undefined) {
    endWait(fiber) // no use begins any more
    return release(lifetime, dropping, exit, 0)
  }
  const clock = fiber.getRef(Clock.Clock)
  const begun = clock.monotonicTimeNanosUnsafe()
  const closing = closingOf(fiber)
  const timeout = lifetime.meta?.limits?.timeout ?? Infinity
  const drained = Effect.flatMap(
    waiting(
      (over) => {
        if (lifetime.uses === undefined) return over()
        lifetime.drained = () => void over()
        observe(lifetime, (id, resource) => ({ _tag: "Waiting", id, resource, for: ["its uses"] }))
      },
      fiber,
      clock,
      timeout,
      closing?.budget
    ),
    (lapse) => {
      endWait(fiber)
      if (lapse !== undefined) return outlasted(lifetime, dropping, exit, lapse, begun, clock, closing)
      // Only a limit needs to know how long it was.
      const waited = timeout === Infinity ? 0 : Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6
      return release(lifetime, dropping, exit, waited)
    }
  )
  return refusing === undefined ? drained : Effect.andThen(refusing, drained)
}

/** A use outlasts the limit: the resource is given up on, and released, late, by who leaves last. */
const outlasted = (
  lifetime: Handled,
  dropping: Dropping,
  exit: Exit.Exit<unknown, unknown>,
  { by, limit }: Lapse,
  begun: bigint,
  clock: Clock.Clock,
  closing: Closing | undefined
): Effect.Effect<void> => {
  const base = lifetime.owner?.startedAt ?? lifetime.startedAt
  const result = cutShort(lifetime, limit, "abandoned", by)
  const close = closing === undefined ? {} : { close: closing.id }
  observe(lifetime, (id, resource) => ({ _tag: "Abandoned", id, resource, limit, ...close }))
  dropping.exit = asHeard(lifetime, result)
  dropping.error = dropError(lifetime, result.cause, { base, start: begun, end: clock.monotonicTimeNanosUnsafe() })
  by?.deliver(dropping.error)
  lifetime.drained = () => releaseLate(lifetime, exit, base)
  ended(lifetime, result)
  if (dropping.ended !== undefined) Deferred.doneUnsafe(dropping.ended, Exit.void)
  return Effect.void
}

const releaseLate = (lifetime: Handled, exit: Exit.Exit<unknown, unknown>, base: bigint): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const begun = clock.monotonicTimeNanosUnsafe()
    const started = Effect.provideContext(start(lifetime, exit, clock, undefined), lifetime.services)
    return Effect.map(Effect.exit(started), (result) => {
      observe(lifetime, (id, resource) => ({ _tag: "Late", id, resource, phase: "graceful", exit: result }))
      const times = { base, start: begun, end: clock.monotonicTimeNanosUnsafe() }
      reportBeside(lifetime, "graceful", result, times, true)
    })
  })

/** Runs the release, once. Afterwards the lifetime is settled, or its error waits to be delivered. */
export const release = (
  lifetime: Handled,
  dropping: Dropping,
  exit: Exit.Exit<unknown, unknown>,
  waited: number
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const closing = closingOf(fiber)
    const begun = clock.monotonicTimeNanosUnsafe()
    const { context, mark } = releasing(lifetime, fiber)
    const services = closing === undefined ? context : closing.around(lifetime, context)
    dropping.fiber = fiber
    const started = Effect.provideContext(start(lifetime, exit, clock, closing, waited), services)
    return Effect.flatMap(Effect.exit(started), (result) => {
      const base = lifetime.owner?.startedAt ?? lifetime.startedAt
      mark.active = 0
      dropping.fiber = undefined
      dropping.exit = asHeard(lifetime, result)
      ended(lifetime, result)
      if (result._tag === "Success") settle(lifetime, dropping)
      else {
        const times = { base, start: begun, end: clock.monotonicTimeNanosUnsafe() }
        dropping.error = dropError(lifetime, result.cause, times)
      }
      if (dropping.ended !== undefined) Deferred.doneUnsafe(dropping.ended, Exit.void)
      return Effect.void
    })
  })

export const settle = (lifetime: Handled, dropping: Dropping): void => {
  lifetime.state = { _tag: "Dropped", exit: dropping.exit! } // settled after the release has ended
  lifetime.owner?.remove(lifetime)
  dropping.settled?.()
}
