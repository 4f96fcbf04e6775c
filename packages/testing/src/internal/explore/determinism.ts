// Runs each of some schedules twice, and compares.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Determinism, Needs, Options, Program } from "./model.ts"
import { RandomWalk } from "./random-walk.ts"
import { Recorder } from "./recorder.ts"
import { Repeat } from "./repeat.ts"
import { effectOf, type Run, Session } from "./session.ts"
import { settings as settingsOf } from "./settings.ts"
import { trap } from "./traps.ts"
import { misuseOf, oneLine } from "./verdict.ts"

type AnyProgram = Program<unknown, unknown, never>

export const determinism = <A, E, R>(
  program: Program<A, E, R>,
  options: Options
): Effect.Effect<Determinism, never, Needs<R>> =>
  Effect.contextWith((context: Context.Context<Needs<R>>) => {
    const settings = settingsOf("Explore.checkDeterminism", { strategy: "random", schedules: 20, ...options })
    // The context of the caller holds what the program needs, and each run has a scope.
    const known = (typeof program === "function" ? program : effectOf(program)) as AnyProgram
    const session = new Session(known, settings, context)
    const walk = new RandomWalk(settings.seed, settings.bounds, settings)
    const calls = new Set<string>()
    for (let schedule = 1; schedule <= settings.schedules; schedule++) {
      walk.begin()
      const [first, second] = [new Recorder(), new Recorder()]
      const runs: Array<Run> = []
      for (const call of trap(() => void runs.push(session.run(walk, first)))) calls.add(call)
      const usage = misuseOf(runs[0]?.verdict?.cause)
      if (usage !== undefined) return Effect.die(usage)
      runs.push(session.run(new Repeat(session.trail.taken(), false), second))
      const differs = difference(first, second) ?? results(runs)
      if (differs !== undefined || calls.size > 0) return Effect.succeed(verdict(schedule, differs, [...calls]))
    }
    return Effect.succeed(verdict(settings.schedules, undefined, []))
  })

const verdict = (schedules: number, differs: string | undefined, calls: ReadonlyArray<string>): Determinism => {
  const called = calls.length === 0 ? "" : `the program calls ${calls.join(", ")}`
  const advice = calls.length === 0
    ? "it depends on something besides its choices: state that outlives a run, say"
    : "use Effect's Random and Clock, or ctl.choose, and let fibres wait for fibres only"
  const deterministic = differs === undefined && calls.length === 0
  return {
    deterministic,
    schedules,
    calls,
    message: deterministic ? undefined : [differs, called, advice].filter((it) => it).join("; ")
  }
}

const difference = (first: Recorder, second: Recorder): string | undefined => {
  const length = Math.max(first.digest.length, second.digest.length)
  for (let i = 0; i < length; i++) {
    if (first.digest[i] !== second.digest[i]) {
      return `two runs of the same choices differ from step ${stepAt(first, i)} on`
    }
  }
  return undefined
}

const stepAt = (recorder: Recorder, index: number) =>
  recorder.digest.slice(0, index + 1).filter((it) => typeof it === "number" && it > 0).length

const results = ([first, second]: ReadonlyArray<Run>) => {
  const [a, b] = [text(first), text(second)]
  return a === b ? undefined : `two runs of the same choices end differently: first ${a}, then ${b}`
}

/** Only what can be compared without knowing the program's values. */
const text = (run: Run | undefined): string => {
  if (run === undefined) return "nothing"
  if (run.verdict !== undefined) return `${run.verdict.kind}: ${run.verdict.message}`
  const exit = run.world.main?.pollUnsafe()
  if (exit === undefined) return "unfinished"
  if (Exit.isFailure(exit)) return oneLine(exit.cause)
  return typeof exit.value === "object" || typeof exit.value === "function" ? "success" : String(exit.value)
}
