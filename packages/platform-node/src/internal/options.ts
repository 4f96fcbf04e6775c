// What is wrong with an option, said before anything is acquired.
import { DropUsageError } from "@async-drop/core/DropUsageError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** Dies of a duration that is negative or none; the default is not asked. */
export const checkDurations = (
  resource: string,
  operation: string,
  options: { readonly [option: string]: Duration.Input | undefined }
): Effect.Effect<void> => {
  for (const [option, input] of Object.entries(options)) {
    if (input === undefined || isDuration(input)) continue
    return Effect.die(badOption(resource, operation, `${option} is ${String(input)}`, "Give a duration, zero or more"))
  }
  return Effect.void
}

/** Dies of what can be no file mode. */
export const checkMode = (resource: string, operation: string, mode: number | undefined): Effect.Effect<void> =>
  mode === undefined || (Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)
    ? Effect.void
    : Effect.die(badOption(resource, operation, `mode is ${mode}`, "Give a whole number from 0 to 0o7777"))

/** Dies of what is no count. */
export const checkCount = (resource: string, operation: string, option: string, count: number): Effect.Effect<void> =>
  Number.isInteger(count) && count >= 1
    ? Effect.void
    : Effect.die(badOption(resource, operation, `${option} is ${count}`, "Give a whole number, one or more"))

const badOption = (resource: string, operation: string, state: string, hint: string): DropUsageError =>
  new DropUsageError({ resource, operation, state, message: `${operation} of ${resource}: ${state}. ${hint}` })

const isDuration = (input: Duration.Input): boolean => {
  if (typeof input === "number") return input >= 0
  const duration = Duration.fromInput(input)
  return duration._tag === "Some" && Duration.toMillis(duration.value) >= 0
}
