// The end of everything that has a body: its exit and the errors of its releases become one exit.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import { DropFailure } from "../DropFailure.ts"
import { interrupted, isPrimary, outcome } from "./outcome.ts"
import { report, type Reporter } from "./sink.ts"

export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

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
  reporterOf: (error: DropError<unknown>) => Reporter
): Effect.Effect<A, E | DropFailure<unknown>> =>
  Effect.flatMap(Effect.exit(restore(Effect.void)), (probe) => {
    const ended = probe._tag === "Failure" ? interrupted(exit, probe.cause) : exit
    if (!isPrimary(ended)) {
      for (const error of failure.errors) report(context, reporterOf(error), error)
    }
    return outcome(ended, failure)
  })
