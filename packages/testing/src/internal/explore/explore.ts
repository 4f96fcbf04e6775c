// From a program and options to a report: search, shrink, replay, print.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Bounds } from "./bounds.ts"
import { misuse } from "./misuse.ts"
import type { Failure, Needs, Options, Program, Report } from "./model.ts"
import { Recorder } from "./recorder.ts"
import { Repeat } from "./repeat.ts"
import { type Found, search, settle } from "./search.ts"
import { effectOf, Session } from "./session.ts"
import { type Settings, settings as settingsOf } from "./settings.ts"
import { indices, isAlike, shrink } from "./shrink.ts"
import { timeline } from "./timeline.ts"
import { decode, encode, nameHash, sumOf } from "./token.ts"
import { trap } from "./traps.ts"
import { misuseOf, type Verdict } from "./verdict.ts"

type AnyProgram = Program<unknown, unknown, never>

export const explore = <A, E, R>(program: Program<A, E, R>, options: Options): Effect.Effect<Report, never, Needs<R>> =>
  Effect.contextWith((context: Context.Context<Needs<R>>) => {
    const settings = settingsOf("Explore.check", options)
    // The context of the caller holds what the program needs, and each run has a scope.
    const known = (typeof program === "function" ? program : effectOf(program)) as AnyProgram
    const started = performance.now()
    const report: Effect.Effect<Part> = options.replay === undefined
      ? searched(known, settings, context)
      : replayed(known, settings, context, options.replay)
    return Effect.map(report, (it): Report => ({ ...it, name: settings.name, millis: performance.now() - started }))
  })

type Part = Omit<Report, "name" | "millis">

const searched = Effect.fnUntraced(
  function*(program: AnyProgram, settings: Settings, context: Context.Context<never>) {
    const session = new Session(program, settings, context)
    const { found, ...rest } = yield* search(session)
    const failure = found && (yield* explain(session, found, rest.schedules, settings.bounds))
    return { ...rest, strategy: settings.strategy, failure }
  }
)

const replayed = Effect.fnUntraced(
  function*(program: AnyProgram, settings: Settings, context: Context.Context<never>, text: string) {
    const token = decode(text)
    if (token === undefined) {
      throw misuse("Explore.check", `replay is ${JSON.stringify(text)}`, "Give a token as a failure prints it.")
    }
    const foreign = (why: string) =>
      misuse(
        "Explore.check",
        `the token ${text} does not fit "${settings.name}": ${why}`,
        "Explore again, without `replay`, for a token of this program."
      )
    if (token.name !== nameHash(settings.name)) throw foreign("it was made under another name")
    const session = new Session(program, settings, context, token.bounds)
    const run = session.run(new Repeat(token.values, true))
    if (sumOf(session.trail, token.values.length) !== token.sum) {
      throw foreign("the program, or what it runs on, is another one than when the token was made")
    }
    const verdict = yield* settle(run)
    const failure = verdict && (yield* explain(session, { verdict, values: token.values }, 1, token.bounds, false))
    return { strategy: "replay" as const, schedules: 1, pruned: 0, steps: run.world.steps, ended: false, failure }
  }
)

/** Shrinks what was found, and runs it once more for its timeline. */
const explain = Effect.fnUntraced(
  function*(session: Session, found: Found, schedule: number, bounds: Bounds, smaller = true) {
    const usage = misuseOf(found.verdict.cause)
    if (usage !== undefined) return yield* Effect.die(usage)
    const random = found.verdict.kind === "nondeterministic"
    const values = smaller && !random ? shrink(session, found.verdict, found.values) : found.values
    const recorder = new Recorder()
    const run = session.run(new Repeat(values, false), recorder)
    const token = encode(session.settings.name, bounds, session.trail)
    const settled = yield* settle(run)
    const again = settled !== undefined && isAlike(settled, found.verdict)
    const verdict = again ? settled : changed(session, found.verdict, values)
    const failure: Failure = {
      ...(verdict.kind === "deadlock" || verdict.kind === "escape" ? hinted(session, verdict, values) : verdict),
      token,
      timeline: timeline(recorder, run.world),
      schedule,
      shrunk: { from: indices(found.values).length, to: indices(values).length }
    }
    return failure
  }
)

const calls = (session: Session, values: ReadonlyArray<number>) =>
  trap(() => void session.run(new Repeat(values, false))).join(", ")

const changed = (session: Session, verdict: Verdict, values: ReadonlyArray<number>): Verdict => {
  const called = calls(session, values)
  const what = verdict.kind === "nondeterministic"
    ? verdict.message
    : `"${verdict.message}" was found, and not when run again`
  const why = called === ""
    ? "It depends on something besides its choices: state that outlives a run, say"
    : `The program calls ${called}. Use Effect's Random and Clock, or ctl.choose`
  return { kind: "nondeterministic", message: `${what}. ${why}`, cause: undefined }
}

const hinted = (session: Session, verdict: Verdict, values: ReadonlyArray<number>): Verdict => {
  const called = calls(session, values)
  return called === "" ? verdict : { ...verdict, message: `${verdict.message}. The program calls ${called}` }
}
