// What is wrong with an option, said before anything is acquired.
import { DropUsageError } from "@async-drop/core/DropUsageError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Dies of a duration that is negative or none; the default is not asked. */
export const checkDurations = (
  resource: string,
  operation: string,
  options: { readonly [option: string]: Duration.Input | undefined }
): Effect.Effect<void> => {
  for (const [option, input] of Object.entries(options)) {
    if (input === undefined || Option.isSome(durationOf(input))) continue
    return Effect.die(misuse(resource, operation, `${option} is ${String(input)}`, "Give a duration, zero or more"))
  }
  return Effect.void
}

/** A limit in milliseconds; dies also of one that is endless. */
export const millisOf = (
  resource: string,
  operation: string,
  option: string,
  input: Duration.Input
): Effect.Effect<number> =>
  Option.match(Option.filter(Option.map(durationOf(input), Duration.toMillis), Number.isFinite), {
    onNone: () => {
      const state = `${option} is ${String(input)}`
      return Effect.die(misuse(resource, operation, state, "Give a duration, zero or more, that ends"))
    },
    onSome: (millis) => Effect.succeed(millis)
  })

/** Dies of what can be no file mode. */
export const checkMode = (resource: string, operation: string, mode: number | undefined): Effect.Effect<void> =>
  mode === undefined || (Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)
    ? Effect.void
    : Effect.die(misuse(resource, operation, `mode is ${mode}`, "Give a whole number from 0 to 0o7777"))

/** Dies of what is no count. */
export const checkCount = (resource: string, operation: string, option: string, count: number): Effect.Effect<void> =>
  Number.isInteger(count) && count >= 1
    ? Effect.void
    : Effect.die(misuse(resource, operation, `${option} is ${count}`, "Give a whole number, one or more"))

export const misuse = (resource: string, operation: string, state: string, hint: string): DropUsageError =>
  new DropUsageError({ resource, operation, state, message: `${operation} of ${resource}: ${state}. ${hint}` })

const durationOf = (input: Duration.Input): Option.Option<Duration.Duration> =>
  // `Duration` makes zero of NaN.
  Number.isNaN(input)
    ? Option.none()
    : Option.filter(Duration.fromInput(input), (duration) => Duration.toMillis(duration) >= 0)
