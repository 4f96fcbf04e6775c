// What options say, checked before anything is opened.
import { DropUsageError } from "@async-drop/core/DropUsageError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** A limit in milliseconds; what is negative, endless or no duration is a mistake. */
export const millisOf = (
  operation: string,
  option: string,
  input: Duration.Input
): Effect.Effect<number> => {
  const millis = Option.map(Duration.fromInput(input), Duration.toMillis)
  // `Duration` makes zero of NaN.
  const bad = Number.isNaN(input) || !Option.exists(millis, (value) => value >= 0 && value < Infinity)
  return bad
    ? Effect.die(misuse(operation, `${option} is ${String(input)}`, "Give a duration, zero or more, that ends"))
    : Effect.succeed(Option.getOrThrow(millis))
}

export const misuse = (operation: string, state: string, hint: string): DropUsageError =>
  new DropUsageError({ resource: "HTTP server", operation, state, message: `${operation}: ${state}. ${hint}` })
