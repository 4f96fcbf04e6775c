// What a release comes to whose limit has passed: a failure that says how far it got, and who imposed it.
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import type { DropError, Phase } from "../DropError.ts"
import { DropTimeout, type Limit } from "../DropTimeout.ts"
import type { Budget } from "./budget.ts"
import { type Lifetime, nameOf } from "./lifetime.ts"

/** Which resource it is that was cut short: the cause of one may pass through the release of another. */
interface Cut {
  readonly id: number
  readonly phase: Phase
  /** The budget that ran out, where that was not the resource's own limit. */
  readonly by: Budget | undefined
}

class CutShort extends Context.Service<CutShort, Cut>()("@async-drop/core/CutShort") {}

export const cutShort = (
  lifetime: Lifetime,
  limit: Limit,
  phase: Phase,
  by: Budget | undefined
): Exit.Failure<never, DropTimeout> => {
  const timeout = Cause.makeFailReason(new DropTimeout({ resource: nameOf(lifetime), limit }))
  const cut = Context.make(CutShort, { id: lifetime.id, phase, by })
  // A failure, by its name; the type of the constructor does not say so.
  return Exit.failCause(Cause.fromReasons([timeout.annotate(cut)])) as Exit.Failure<never, DropTimeout>
}

/** How a lifetime was cut short, if it was. */
export const cutOf = (lifetime: Lifetime, cause: Cause.Cause<unknown>): Cut | undefined => {
  for (const reason of cause.reasons) {
    const annotations = Cause.reasonAnnotations(reason) as Context.Context<CutShort> // perhaps
    const cut = Context.getOrUndefined(annotations, CutShort)
    if (cut?.id === lifetime.id) return cut
  }
  return undefined
}

/** What a hand that drops it hears: a limit that others imposed is not in the type of its errors. */
export const asHeard = (lifetime: Lifetime, exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  if (exit._tag === "Success" || cutOf(lifetime, exit.cause)?.by === undefined) return exit
  return Exit.die(Cause.squash(exit.cause))
}

/** Whether the limit that an error tells of was another's, who has been told as it passed. */
export const isImposed = (lifetime: Lifetime, error: DropError<unknown>): boolean =>
  cutOf(lifetime, error.cause)?.by !== undefined
