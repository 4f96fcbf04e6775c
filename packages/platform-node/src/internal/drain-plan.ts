// By when each step of the close of one server is taken.
//
//   delay ──▶ graceful ──nine tenths──▶ interrupted ──the end──▶ cut
//
// 1. It ends within what is left of the time around it, and leaves a part of that to what is released after it:
//    whoever is around forces at once what has not ended by then, and names none of its requests.
// 2. A delay that does not fit leaves a third of it to the requests that came last.
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** In milliseconds. */
export interface Limits {
  readonly budget: number
  readonly drainDelay: number
}

/** In milliseconds from its start. */
export interface Plan {
  readonly budget: number
  readonly drainDelay: number
  readonly forced: number
}

/** The part of the budget that is kept for forced ends. */
export const forcing = 0.1

/** The part of the time around it that it may take. */
const own = 0.9

/** How great a part the delay may be of a budget that is less than it was made for. */
const delaying = 2 / 3

export const planOf = ({ budget, drainDelay }: Limits, timeLeft: Option.Option<Duration.Duration>): Plan => {
  const left = Option.match(timeLeft, { onNone: () => Infinity, onSome: Duration.toMillis })
  const had = Math.min(budget, Math.floor(left * own))
  const delay = had === budget ? drainDelay : Math.min(drainDelay, Math.floor(had * delaying))
  return { budget: had, drainDelay: delay, forced: had * (1 - forcing) }
}
