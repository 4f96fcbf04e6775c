// Texts that a user sees, kept as files. `UPDATE_GOLDEN=1` writes them anew.
import { DropFailure, DropReporter } from "@async-drop/core"
import { assert } from "@effect/vitest"
import { Cause, Console, Effect, Exit, Logger, Option, type Scope } from "effect"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { format, inspect } from "node:util"

const folder = new URL("../golden/", import.meta.url)

/** What changes from run to run has a word in its place. */
const normalised = (text: string): string =>
  text
    .replace(/^\[[\d:.]+\]/gm, "[time]")
    .replace(/\(#\d+\)/g, "(#fiber)")
    .replace(/(?<=[A-Za-z])#\d+/g, "#n")
    .replace(/^ +at .*?(:\d+:\d+\)?|<anonymous>\)|$)/gm, "    at <stack>")
    .replace(/( {4}at <stack>\n)+(?= {4}at <stack>)/g, "")

/** All that an effect writes to the console by the default logger. */
export const logOf = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<string, E, R> =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const log = (...args: ReadonlyArray<unknown>) => void lines.push(format(...args))
    return effect.pipe(
      Effect.provide(Logger.layer([Logger.defaultLogger])),
      Effect.provideService(Console.Console, { ...console, log, error: log }),
      Effect.map(() => lines.join("\n"))
    )
  })

/** How a value looks printed, its cause pretty, and both in the default log. */
const looksOf = (value: unknown, cause: Cause.Cause<unknown>): Effect.Effect<string> =>
  Effect.map(
    logOf(Effect.logError("It went wrong", cause)),
    (log) => sections({ "console.log": inspect(value), "Cause.pretty": Cause.pretty(cause), "default log": log })
  )

export const sections = (texts: Record<string, string>): string =>
  Object.entries(texts).map(([title, text]) => `--- ${title}\n${normalised(text)}\n`).join("\n")

export const assertGolden = (name: string, text: string): void => {
  const file = new URL(`${name}.txt`, folder)
  if (process.env["UPDATE_GOLDEN"] === "1") {
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, text)
  }
  assert.isTrue(existsSync(file), `${name}.txt is missing: run with UPDATE_GOLDEN=1`)
  assert.strictEqual(text, readFileSync(file, "utf8"))
}

const silent = Effect.provideService(DropReporter.DropReporter, () => Effect.void)

const causeOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Cause.Cause<E>, never, R> =>
  Effect.map(Effect.exit(effect), (exit) => Exit.isFailure(exit) ? exit.cause : Cause.empty)

/** The text of a `DropFailure`, by the cause that a program ends with. */
export const failureLooks = <A, E>(name: string, program: Effect.Effect<A, E>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const cause = yield* causeOf(silent(program))
    assertGolden(name, yield* looksOf(Option.getOrThrow(DropFailure.fromCause(cause)), cause))
  })

/** The text of what a program dies of, or fails with. */
export const looksOfError = <A, E>(name: string, program: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const cause = yield* causeOf(silent(program))
    assertGolden(name, yield* looksOf(Cause.squash(cause), cause))
  }).pipe(Effect.scoped) // looked at before its scope closes: what it shows is as it was
