// The options with their defaults, checked.
import * as Duration from "effect/Duration"
import type { Bounds, Limits } from "./bounds.ts"
import { misuse } from "./misuse.ts"
import type { Options } from "./model.ts"

export interface Settings {
  readonly name: string
  readonly strategy: "exhaustive" | "random"
  readonly bounds: Bounds
  readonly limits: Limits
  readonly schedules: number
  readonly millis: number
  readonly seed: number
  readonly preempt: number
  readonly interrupt: number
  readonly leaks: boolean
  readonly prune: boolean
  readonly shrinks: number
}

/** Throws a `DropUsageError` where an option makes no sense. */
export const settings = (operation: string, options: Options): Settings => {
  const whole = (option: keyof Options, value: number, least: number) => {
    if (Number.isSafeInteger(value) && value >= least) return value
    throw misuse(operation, `${option} is ${value}`, `Give a whole number, at least ${least}.`)
  }
  const weight = (option: string, value: number) => {
    if (Number.isFinite(value) && value >= 0) return value
    throw misuse(operation, `weights.${option} is ${value}`, "Give a number, at least 0.")
  }
  const strategy = options.strategy ?? "exhaustive"
  if (strategy !== "exhaustive" && strategy !== "random") {
    throw misuse(operation, `strategy is ${String(strategy)}`, "Say \"exhaustive\" or \"random\".")
  }
  return {
    name: options.name ?? "program",
    strategy,
    bounds: {
      preemptions: whole("preemptions", options.preemptions ?? 2, 0),
      interrupts: whole("interrupts", options.interrupts ?? 1, 0),
      delays: whole("delays", options.delays ?? 0, 0)
    },
    limits: { steps: whole("steps", options.steps ?? 10_000, 1) },
    schedules: whole("schedules", options.schedules ?? (strategy === "random" ? 1_000 : 100_000), 1),
    millis: options.timeLimit === undefined ? Number.POSITIVE_INFINITY : timeLimit(operation, options.timeLimit),
    seed: whole("seed", options.seed ?? 1, 0),
    preempt: weight("preempt", options.weights?.preempt ?? 1),
    interrupt: weight("interrupt", options.weights?.interrupt ?? 1),
    leaks: options.leaks ?? true,
    prune: options.prune ?? true,
    shrinks: whole("shrinks", options.shrinks ?? 1_000, 0)
  }
}

const timeLimit = (operation: string, input: Duration.Input) => {
  const millis = Duration.toMillis(Duration.fromInputUnsafe(input))
  if (millis > 0) return millis
  throw misuse(operation, `timeLimit is ${String(input)}`, "Give a time longer than 0.")
}
