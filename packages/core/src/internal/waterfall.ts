// A report as text: one row for each release, drawn on the time axis of the whole close.
import type { DropReport, TextOptions } from "../DropReport.ts"
import { cut, fit, printable, widthOf, wrap } from "./columns.ts"
import { among, duration, grouped, percent } from "./figures.ts"
import { chosen, type Line } from "./rows-chosen.ts"
import { type Row, rowsOf } from "./rows.ts"

export const waterfall = (report: DropReport, options: TextOptions = {}): string => {
  const width = Math.min(Math.max(Math.trunc(options.width ?? 80) || 40, 40), 1_000)
  const maxRows = Math.max(Math.trunc(options.maxRows ?? 40) || 40, 8)
  const paint: Paint = options.colors === true ? colored : (text) => text
  const rows = rowsOf(report)
  const lines = chosen(rows, maxRows)
  const shown = lines.flatMap((line) => line._tag === "Row" ? [line.row] : [])
  return [
    ...wrap(headline(report), width).map((line) => paint(line, "bold")),
    ...chart(report, lines, shown, width, paint),
    "",
    ...wrap(totals(report), width),
    ...section("Notes", shown.filter((row) => row.note !== undefined && !fitsBeside(row, width)).map(noteOf), width),
    ...section("Errors", errors(report), width)
  ].map((line) => line.trimEnd()).join("\n")
}

type Style = "bold" | "dim" | "bad" | "odd"
type Paint = (text: string, style: Style | undefined) => string

const codes: { readonly [S in Style]: string } = { bold: "1", dim: "2", bad: "31", odd: "33" }
const colored: Paint = (text, style) =>
  style === undefined || text.trim() === "" ? text : `\u001b[${codes[style]}m${text}\u001b[0m`

const headline = ({ scopes: [scope] }: DropReport): string => {
  const { budget, concurrency, finished } = scope
  const ended = finished ? `closed in ${duration(scope.duration)}` : `not closed after ${duration(scope.duration)}`
  const spent = budget === undefined
    ? ""
    : `, ${percent(budget.spent, budget.limit)} of its budget of ${duration(budget.limit)}`
  const together = concurrency === 1
    ? "one at a time"
    : concurrency === "unbounded"
    ? "all together"
    : `${concurrency} at a time`
  return `${printable(scope.name)} ${ended}${spent}, ${together}`
}

const chart = (
  report: DropReport,
  lines: ReadonlyArray<Line>,
  rows: ReadonlyArray<Row>,
  width: number,
  paint: Paint
): ReadonlyArray<string> => {
  if (lines.length === 0) return []
  const total = report.scopes[0].duration
  const marked = (row: Row) => (fitsBeside(row, width) ? withNote : without)(row)
  const widest = (of: (row: Row) => number, least: number) => rows.reduce((most, row) => Math.max(most, of(row)), least)
  const times = widest((row) => duration(row.duration).length, 4)
  const marks = Math.min(widest((row) => widthOf(marked(row)), 0), mostBeside(width))
  const beside = times + marks + (marks === 0 ? 4 : 6)
  const most = Math.min(Math.floor(width * 0.4), width - beside - leastBar)
  const labels = Math.min(widest((row) => widthOf(row.indent + row.name), 8), most)
  const bars = width - beside - labels
  const axis = `${" ".repeat(labels + 2)}0${duration(total).padStart(bars - 1)}`
  const drawn = lines.map((line): string => {
    if (line._tag === "Elided") return paint(cut(line.text, width), "dim")
    const { row } = line
    const cells = [fit(row.indent + row.name, labels), bar(row, total, bars), duration(row.duration).padStart(times)]
    const style = row.severity === 2 ? "bad" : row.severity === 1 ? "odd" : undefined
    return [cells[0], paint(cells[1]!, style), cells[2], paint(cut(marked(row), marks), style)].join("  ")
  })
  return ["", paint(axis, "dim"), ...drawn]
}

const leastBar = 12

/** From the cell that something starts in to the cell that it ends in, with the wait before it. */
const bar = (row: Row, total: number, width: number): string => {
  if (row.startedAt === undefined) return fit("never started", width)
  const cell = (time: number) => total > 0 ? Math.min(Math.max(time / total, 0), 1) * width : 0
  // Rounded by itself, so that what took the same time looks the same.
  const length = Math.round(cell(row.duration))
  const start = Math.min(Math.round(cell(row.startedAt)), width - Math.max(length, 1))
  const waits = Math.min(Math.round(cell(row.startedAt - row.waited)), start)
  const drawn = " ".repeat(waits) + "·".repeat(start - waits) + (length < 1 ? "▏" : row.ink.repeat(length))
  return drawn.padEnd(width)
}

/** How much room there is beside the bars for words. */
const mostBeside = (width: number): number => Math.floor(width * 0.25)

/** What is said of a release stands in its row, or has a line of its own below. */
const fitsBeside = (row: Row, width: number): boolean => widthOf(withNote(row)) <= mostBeside(width)

const without = ({ budget, marks }: Row): string => [...marks, ...(budget === undefined ? [] : [budget])].join(", ")

const withNote = (row: Row): string => [without(row), row.note ?? ""].filter((text) => text !== "").join(", ")

const noteOf = ({ name, note }: Row) => (): string => `${name}: ${note}`

const totals = ({ totals }: DropReport): string => {
  const { resources, scopes } = totals
  const inScopes = scopes === 1 ? "" : ` in ${grouped(scopes)} scopes`
  const ways = among({ ...totals }, ["released", "failed", "died", "interrupted", "abandoned", "unfinished"])
  const also = among({ ...totals, "not listed": totals.leftOut }, ["forced", "late", "not listed"])
  const what = ways === "" ? "" : `: ${ways}`
  return `${grouped(resources)} ${resources === 1 ? "resource" : "resources"}${inScopes}${what}${
    also === "" ? "" : `; ${also}`
  }`
}

const errors = ({ scopes }: DropReport): ReadonlyArray<() => string> =>
  scopes.flatMap(({ resources }) => resources).flatMap(({ error, key, late, name }) => {
    const who = key === undefined ? name : `${name} (key ${key})`
    const ends = (late ?? []).flatMap((end) =>
      end.error === undefined ? [] : [() => `${who}, late, after ${duration(end.duration)}: ${end.error}`]
    )
    return error === undefined ? ends : [() => `${who}: ${error}`, ...ends]
  })

/** How many entries a section has. */
const mostEntries = 20

/** What cannot stand in the rows, under a title. */
const section = (title: string, lines: ReadonlyArray<() => string>, width: number): ReadonlyArray<string> => {
  if (lines.length === 0) return []
  const told = lines.slice(0, mostEntries).map((line) => printable(line()))
  const more = lines.length > mostEntries ? [`… ${grouped(lines.length - mostEntries)} more`] : []
  return ["", title, ...[...told, ...more].flatMap((text) => wrap(text, width - 2).map((line) => `  ${line}`))]
}
