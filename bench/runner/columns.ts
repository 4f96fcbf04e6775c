// Rows of text under each other.

/** `left` says which columns begin at the same place; the others end there. */
export const columns = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  left: (index: number) => boolean
): ReadonlyArray<string> => {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)))
  return rows.map((cells) =>
    cells.map((cell, i) => left(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ").trimEnd()
  )
}
