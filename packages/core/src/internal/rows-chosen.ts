// Which rows are drawn where there are too many: both ends, and of the middle what is marked.
import { among, grouped } from "./figures.ts"
import type { Row } from "./rows.ts"

export type Line =
  | { readonly _tag: "Row"; readonly row: Row }
  | { readonly _tag: "Elided"; readonly text: string }

export const chosen = (rows: ReadonlyArray<Row>, max: number): ReadonlyArray<Line> => {
  if (rows.length <= max) return rows.map(shown)
  const kept = new Set<Row>()
  const marked = rows.filter((row) => row.severity > 0)
    .sort((a, b) => b.severity - a.severity || b.duration - a.duration)
  for (const row of marked) {
    if (kept.size >= max / 2) break
    kept.add(row)
    // What it is a part of says where it is.
    if (row.above !== undefined) kept.add(row.above)
  }
  for (let i = 0; kept.size < max; i++) {
    kept.add(rows[i]!)
    if (kept.size < max) kept.add(rows[rows.length - 1 - i]!)
  }
  const lines: Array<Line> = []
  let hidden: Array<Row> = []
  const elide = (): void => {
    // One line for one row is no gain.
    if (hidden.length === 1) lines.push(shown(hidden[0]!))
    if (hidden.length > 1) lines.push({ _tag: "Elided", text: `${hidden[0]!.indent}… ${summary(hidden)}` })
    hidden = []
  }
  for (const row of rows) {
    if (!kept.has(row)) {
      hidden.push(row)
      continue
    }
    elide()
    lines.push(shown(row))
  }
  elide()
  return lines
}

const shown = (row: Row): Line => row.gap ? { _tag: "Elided", text: row.indent + row.name } : { _tag: "Row", row }

const summary = (hidden: ReadonlyArray<Row>): string => {
  const resources = hidden.reduce((sum, row) => sum + row.resources, 0)
  const counts: Record<string, number> = {}
  for (const row of hidden) {
    for (const mark of row.severity > 0 ? row.marks : []) counts[mark] = (counts[mark] ?? 0) + 1
  }
  const what = resources === 0 ? `${grouped(hidden.length)} more scopes` : `${grouped(resources)} more`
  const marked = among(counts, Object.keys(counts))
  return marked === "" ? what : `${what}, of them ${marked}`
}
