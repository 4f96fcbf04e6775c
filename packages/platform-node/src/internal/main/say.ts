// What goes to stderr, and its words.
import * as DropReport from "@async-drop/core/DropReport"
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import { inspect } from "node:util"
import type { Report } from "../../NodeDrop.ts"
import { isWell } from "./closes.ts"

/**
 * Written before it returns, since an exit may follow. Not by `process.stderr`: where the terminal is gone,
 * which is what SIGHUP says, that raises an uncaught error, and saying so another one.
 */
export const say = (text: string): void => {
  const bytes = Buffer.from(`${text}\n`)
  let tries = 0
  for (let at = 0; at < bytes.length && tries < 20;) {
    try {
      at += writeSync(2, bytes, at)
    } catch (error) {
      // A full pipe that does not block: whoever reads it gets a little time.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return
      tries++
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}

/** Of whatever it is: what was thrown may throw itself when it is looked at. */
export const textOf = (value: unknown): string => {
  for (const options of [{}, { customInspect: false }]) {
    const text = Effect.runSyncExit(Effect.sync(() => inspect(value, options)))
    if (text._tag === "Success") return text.value
  }
  return "something that cannot be inspected"
}

/** Why it ended and how, then what each close was. */
export const wordsOf = (report: Report): string => {
  const { before, closes, duration, forced, leftOut, open, releasing, signal } = report
  const why = signal === undefined ? "The program ended" : `${signal} ended the program`
  const after = `after ${Math.round(duration)} ms`
  const how = forced === undefined
    ? `${why} ${after}.`
    : forced === "budget"
    ? `${why} by force ${after}: its budget was over.`
    : `${why} by force ${after}: a second signal came.`
  const left = open.length > 0
    ? [`Not given back: ${list(open)}.`, ...(releasing.length > 0 ? [`Being released: ${list(releasing)}.`] : [])]
    : forced === undefined
    ? []
    : [report.exit === undefined ? somethingElse : "The report of a drop error has not arrived."]
  const options = { width: process.stderr.columns, colors: process.stderr.isTTY && process.stderr.hasColors() }
  const drawn = (reports: ReadonlyArray<DropReport.DropReport>) => reports.map((it) => DropReport.toText(it, options))
  const shown = closes.length <= 10
    ? closes
    : closes.filter((close, index) => index === closes.length - 1 || !isWell(close))
  const notShown = leftOut + closes.length - shown.length
  return [
    how,
    ...left,
    ...(notShown > 0 ? [`Closes that are not shown: ${notShown}.`] : []),
    ...drawn(shown),
    ...(before.length > 0 ? ["Not well before that:", ...drawn(before)] : [])
  ].join("\n")
}

const somethingElse = "No resource of async-drop is open: something else does not end."

/** What keeps a process alive whose program has ended. */
export const wordsOfAlive = (alive: ReadonlyArray<string>, open: ReadonlyArray<string>): string => {
  const counts = new Map<string, number>()
  for (const name of alive) counts.set(name, (counts.get(name) ?? 0) + 1)
  const what = Array.from(counts, ([name, count]) => count === 1 ? name : `${count} × ${name}`)
  const ours = open.length === 0 ? "" : ` Not given back: ${list(open)}.`
  return `The program has ended, and the process is kept alive by ${what.join(", ") || "something unknown"}.${ours}`
}

const list = (names: ReadonlyArray<string>): string => {
  const shown = names.slice(0, 10).map(plain).join(", ")
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown
}

/** Without what would move a cursor. */
const plain = (name: string): string => name.replaceAll(/\p{Cc}/gu, "?")
