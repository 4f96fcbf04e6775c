// From rounds to figures: medians, ratios, and whether a goal is met.
import type { Figures, Goal, GroupFigures } from "./model.ts"

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const valueOf = (figures: Figures, unit: Goal["unit"]): number | undefined =>
  unit === "bytes" ? figures.bytes : figures.rounds.length === 0 ? undefined : median(figures.rounds)

/** The median of the ratios round by round: what slows a whole round down cancels out. */
export const ratio = (figures: Figures, other: Figures, unit: Goal["unit"]): number | undefined => {
  if (unit === "bytes" || figures.rounds.length === 0) {
    return figures.bytes === undefined || other.bytes === undefined ? undefined : figures.bytes / other.bytes
  }
  return median(figures.rounds.map((nanos, round) => nanos / other.rounds[round]!))
}

export interface Judged {
  readonly goal: Goal
  readonly value: number
  readonly met: boolean
}

export const judge = (group: GroupFigures, figures: Figures): ReadonlyArray<Judged> =>
  figures.goals.flatMap((goal) => {
    const other = group.cases.find((each) => each.name === goal.against)
    if (goal.against !== undefined && other === undefined) {
      throw new Error(`${group.name}: no case is named ${goal.against}`)
    }
    const value = other === undefined ? valueOf(figures, goal.unit) : ratio(figures, other, goal.unit)
    return value === undefined ? [] : [{ goal, value, met: value <= goal.atMost }]
  })
