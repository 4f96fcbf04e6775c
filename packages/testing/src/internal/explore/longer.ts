// `EXPLORE_SECONDS=60 EXPLORE_SEED=7 vitest run` explores each test for longer and wider: schedules are drawn
// instead of walked, with one more preemption and interrupt where there are any.
import { misuse } from "./misuse.ts"
import type { Options } from "./model.ts"

interface TestOptions extends Options {
  readonly timeout?: number | undefined
}

export const longer = (options: TestOptions): TestOptions => {
  const seconds = setting("EXPLORE_SECONDS")
  if (seconds === undefined || options.replay !== undefined) return options
  return {
    ...options,
    strategy: "random",
    seed: setting("EXPLORE_SEED") ?? options.seed,
    preemptions: more(options.preemptions ?? 2),
    interrupts: more(options.interrupts ?? 1),
    schedules: Number.MAX_SAFE_INTEGER,
    timeLimit: seconds * 1000,
    timeout: seconds * 1000 + 60_000
  }
}

const more = (bound: number) => bound > 0 ? bound + 1 : 0

const setting = (name: string): number | undefined => {
  const text = environment()?.[name]
  if (text === undefined || text === "") return undefined
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0) return value
  throw misuse("Explore.effect", `${name} is ${text}`, "Give a number, at least 0.")
}

/** Where there is no Node there is no environment. */
const environment = () =>
  (globalThis as { readonly process?: { readonly env?: Record<string, string | undefined> } }).process?.env
