// What went wrong in one release becomes one `DropError`, with the release's own cause.
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import type { DropError, Phase } from "../DropError.ts"
import { DropFailure } from "../DropFailure.ts"
import { DropReporter } from "../DropReporter.ts"
import { cutOf } from "./cut-short.ts"
import { type Lifetime, nameOf } from "./lifetime.ts"
import { report } from "./sink.ts"

/** When the owner started, and when the release did and ended, in nanoseconds. */
export interface Times {
  readonly base: bigint
  readonly start: bigint
  readonly end: bigint
}

const spent = ({ base, end, start }: Times): Pick<DropError<unknown>, "startedAt" | "duration"> => ({
  startedAt: Number(start - base) / 1e6,
  duration: Duration.nanos(end - start)
})

export const dropError = (
  lifetime: Lifetime,
  cause: Cause.Cause<unknown>,
  times: Times,
  phase: Phase = cutOf(lifetime, cause)?.phase ?? "graceful"
): DropError<unknown> => {
  const acquiredAt = lifetime.meta?.acquiredAt
  const stack = acquiredAt === undefined ? {} : { acquiredAt }
  const key = lifetime.key === undefined ? {} : { key: lifetime.key }
  return { resource: nameOf(lifetime), ...key, phase, cause, ...spent(times), ...stack }
}

/** Tells the reporter of what no result can hold: what a `force` failed with, what ended after it was given up on. */
export const reportBeside = (
  lifetime: Lifetime,
  phase: Phase,
  exit: Exit.Exit<unknown, unknown>,
  times: Times,
  late: boolean
): void => {
  const cause = exit._tag === "Success" ? Cause.empty : exit.cause
  const error = dropError(lifetime, cause, times, phase)
  const context = lifetime.place
  report(context, Context.get(context, DropReporter), late ? { ...error, late } : error)
}

/** What plain finalizers died of: each reason an error of its own, what an owner died of taken apart again. */
export const finalizerErrors = (cause: Cause.Cause<unknown>, times: Times): ReadonlyArray<DropError<unknown>> =>
  cause.reasons.flatMap((reason): ReadonlyArray<DropError<unknown>> =>
    reason._tag === "Die" && reason.defect instanceof DropFailure
      ? reason.defect.errors
      : [{ resource: "a plain finalizer", phase: "graceful", cause: Cause.fromReasons([reason]), ...spent(times) }]
  )

/** How many errors the failures that finalizers died of had only counted. */
export const droppedIn = (cause: Cause.Cause<unknown>): number => {
  let dropped = 0
  for (const reason of cause.reasons) {
    if (reason._tag === "Die" && reason.defect instanceof DropFailure) dropped += reason.defect.dropped
  }
  return dropped
}
