// What options say, looked at before anything is opened.
import { DropUsageError } from "@async-drop/core/DropUsageError"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { constants } from "node:os"
import type { Options, Report } from "../../NodeDrop.ts"

/** Options with their defaults; times in milliseconds. */
export interface Settings {
  readonly budget: number
  readonly signals: ReadonlyArray<NodeJS.Signals>
  readonly exitCode: "signal" | "zero" | ((report: Report) => number)
  readonly onUncaught: "release" | "exit"
  readonly secondSignal: "force" | "ignore"
  readonly watchdog: number | undefined
  readonly report: "failures" | "always" | "never"
  readonly disableErrorReporting: boolean
}

export const settingsOf = (options: Options): Settings | DropUsageError => {
  const { exitCode = "signal", onUncaught = "release", report = "failures", secondSignal = "force" } = options
  const { signals = ["SIGINT", "SIGTERM", "SIGHUP"] } = options
  const budget = millisOf(options.budget ?? "10 seconds")
  const watchdog = options.watchdog === undefined ? undefined : millisOf(options.watchdog)
  if (budget === undefined) {
    return misuse(`budget is ${String(options.budget)}`, "Give a duration, zero or more, that ends")
  }
  if (options.watchdog !== undefined && (watchdog === undefined || watchdog < 100)) {
    return misuse(`watchdog is ${String(options.watchdog)}`, "Give a duration, 100 ms or more, that ends")
  }
  const unknown = signals.find((signal) => !canBeHeard(signal))
  if (unknown !== undefined) {
    return misuse(`signals holds ${String(unknown)}`, "Give names of signals that a process can listen to")
  }
  if (typeof exitCode !== "function") {
    const bad = oneOf("exitCode", exitCode, ["signal", "zero"])
    if (bad !== undefined) return bad
  }
  const bad = oneOf("onUncaught", onUncaught, ["release", "exit"])
    ?? oneOf("secondSignal", secondSignal, ["force", "ignore"])
    ?? oneOf("report", report, ["failures", "always", "never"])
  if (bad !== undefined) return bad
  const disableErrorReporting = options.disableErrorReporting === true
  return { budget, signals, exitCode, onUncaught, secondSignal, watchdog, report, disableErrorReporting }
}

export const secondProgram = (): DropUsageError => misuse("a program runs already", "Run one, and fork the other in it")

/** As long as a timer can be; `undefined` for what is negative, endless or no duration. */
const millisOf = (input: Duration.Input): number | undefined => {
  const millis = Option.map(Duration.fromInput(input), Duration.toMillis)
  // `Duration` makes zero of a number that is negative or NaN.
  if (typeof input === "number" && !(input >= 0)) return undefined
  return Option.getOrUndefined(Option.filter(millis, (value) => value >= 0 && value <= 2_147_483_647))
}

const canBeHeard = (signal: string): boolean =>
  signal in constants.signals && signal !== "SIGKILL" && signal !== "SIGSTOP"

const oneOf = (option: string, value: string, values: ReadonlyArray<string>): DropUsageError | undefined =>
  values.includes(value)
    ? undefined
    : misuse(`${option} is ${String(value)}`, `Give ${values.map((value) => `"${value}"`).join(" or ")}`)

const misuse = (state: string, hint: string): DropUsageError =>
  new DropUsageError({
    resource: "process",
    operation: "NodeDrop.runMain",
    state,
    message: `NodeDrop.runMain: ${state}. ${hint}`
  })
