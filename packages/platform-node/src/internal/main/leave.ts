// The last steps of a process, which nothing may keep it from.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { say, textOf } from "./say.ts"

export const exitWith = (code: number): void => {
  const thrown = Effect.runSyncExit(Effect.sync(() => process.exit(code)))
  // Only a listener that throws leads to here, and the second call asks none.
  if (thrown._tag === "Failure") say(`A listener of the exit threw: ${textOf(Cause.squash(thrown.cause))}`)
  process.exit(code)
}

/** What is left of a run whose end cannot be told: an error may throw itself when it is looked at. */
export const untold = (cause: Cause.Cause<never>): Effect.Effect<void> =>
  Effect.sync(() => {
    say(`The end of the program cannot be told: ${textOf(Cause.squash(cause))}`)
    exitWith(1)
  })
