// The end of everything that has a body: its exit and the errors of its releases become one exit.
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import { DropFailure } from "../DropFailure.ts"
import { interrupted, isPrimary, outcome } from "./outcome.ts"
import { report, type Reporter } from "./sink.ts"

export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Restores what `body` gives, calling it in a step of its own: by then the frame around this is there, so an
 * interrupt that was raised within the step before finds it. The first way restores in that same step.
 */
export const restoring = <A, E, R>(restore: Restore, body: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  restore === Effect.interruptible ? Effect.interruptibleMask(body) : restore(Effect.suspend(body))

/**
 * Answers with the outcome. An interrupt that arrived while closing deletes a typed failure at the next
 * handler it skips, so it is looked for first. Where the failure is not the primary one, each error is
 * reported as well.
 */
export const answer = <A, E>(
  context: Context.Context<never>,
  restore: Restore,
  exit: Exit.Exit<A, E>,
  failure: DropFailure<unknown>,
  typedBeyond: boolean,
  reporterOf: (error: DropError<unknown>) => Reporter
): Effect.Effect<A, E | DropFailure<unknown>> =>
  Effect.flatMap(pendingInterrupt(restore), (interrupt) => {
    const ended = interrupt === undefined ? exit : interrupted(exit, interrupt)
    if (!isPrimary(ended)) {
      for (const error of failure.errors) report(context, reporterOf(error), error)
    }
    return outcome(ended, failure, typedBeyond)
  })

/** The interrupt that waits for the end of an uninterruptible region, if one does. */
export const pendingInterrupt = (restore: Restore): Effect.Effect<Cause.Cause<never> | undefined> =>
  Effect.map(Effect.exit(restore(Effect.void)), (probe) => probe._tag === "Failure" ? probe.cause : undefined)
