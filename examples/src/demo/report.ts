import type { DropError } from "@async-drop/core"
import { Cause, Console, Effect, Exit } from "effect"
import { constants } from "node:os"
import { BadInput, Stopped } from "./errors.ts"
import type { Kind, Ledger } from "./ledger.ts"
import { count, millis } from "./text.ts"

/** What a run came to, and what it left. */
export interface Run {
  readonly exit: Exit.Exit<ReadonlyArray<string>, unknown>
  readonly dropErrors: ReadonlyArray<DropError.DropError<unknown>>
  readonly ledger: Ledger
  readonly left: ReadonlyArray<string>
}

/** Prints how a run went; gives the exit code, 0 only where nothing went wrong. */
export const conclude = Effect.fnUntraced(function*(run: Run) {
  const clean = run.dropErrors.length === 0 && run.left.length === 0
  const failure = Exit.isFailure(run.exit) ? Cause.squash(run.exit.cause) : undefined
  if (failure instanceof BadInput && clean) return yield* failure
  if (Exit.isSuccess(run.exit)) yield* Console.log(run.exit.value.join("\n"))
  else yield* Console.error(failure instanceof Stopped ? failure.message : Cause.pretty(run.exit.cause))
  yield* Console.log(["", ...closes(run.ledger), "", ...failures(run.dropErrors), leftovers(run.left)].join("\n"))
  if (failure instanceof BadInput) return 2
  if (failure instanceof Stopped) return 128 + constants.signals[failure.signal]
  return clean && failure === undefined ? 0 : 1
})

/** What was opened, in what order it was closed, and how long that took. */
const closes = ({ kinds }: Ledger) =>
  aligned([
    ["closed, in this order", "opened", "closed", "failed", "open at once", "mean close", "longest"],
    ...[...kinds].map(([name, kind]) => [`  ${name}`, ...figures(kind)])
  ])

const figures = ({ closed, failed, longest, most, opened, total }: Kind) => [
  ...[opened, closed, failed, most].map(count),
  ...[total / Math.max(closed, 1), longest].map(millis)
]

/** Each release that failed, by the name of its resource. */
const failures = (errors: Run["dropErrors"]) =>
  errors.length === 0 ? ["no release failed"] : [
    `${errors.length} releases failed:`,
    ...errors.map(({ cause, resource }) => `  ${resource}: ${reasons(cause)}`)
  ]

const reasons = (cause: Cause.Cause<unknown>) =>
  Cause.prettyErrors(cause).map(({ message, name }) => `${name}: ${message}`).join("; ")

const leftovers = (left: Run["left"]) =>
  `still open: ${left.length === 0 ? "nothing that was not there at the start" : left.join(", ")}`

const aligned = (rows: ReadonlyArray<ReadonlyArray<string>>) => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
  return rows.map((row) => row.map(pad).join("  "))
}
