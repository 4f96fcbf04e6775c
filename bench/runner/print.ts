// A group as a table for people, or as one line of JSON.
import { columns } from "./columns.ts"
import { judge, type Judged, median, ratio } from "./figures.ts"
import type { Figures, GroupFigures } from "./model.ts"

export const table = (group: GroupFigures): string => {
  const yardstick = group.cases.find((each) => each.name === group.yardstick)
  const rows = group.cases.map((each) => row(group, each, yardstick))
  const lines = columns([header, ...rows], (i) => i === 0 || i === header.length - 1)
  return [group.name, ...lines.map((line) => `  ${line}`), ""].join("\n")
}

export const json = (group: GroupFigures): string =>
  JSON.stringify({
    group: group.name,
    yardstick: group.yardstick,
    cases: group.cases.map((each) => ({
      name: each.name,
      ns: each.rounds.length === 0 ? undefined : median(each.rounds),
      rounds: each.rounds,
      bytes: each.bytes,
      goals: judge(group, each).map(({ goal, met, value }) => ({ ...goal, value, met }))
    }))
  })

const header = ["case", "ns", "min..max", "bytes", "ratio", "goals"]

const row = (group: GroupFigures, figures: Figures, yardstick: Figures | undefined): ReadonlyArray<string> => {
  const timed = figures.rounds.length > 0
  const of = yardstick === undefined ? undefined : ratio(figures, yardstick, timed ? "ns" : "bytes")
  return [
    figures.name,
    timed ? amount(median(figures.rounds)) : "",
    timed ? `${amount(Math.min(...figures.rounds))}..${amount(Math.max(...figures.rounds))}` : "",
    figures.bytes === undefined ? "" : amount(figures.bytes),
    of === undefined ? "" : of.toFixed(2),
    judge(group, figures).map(verdict).join("; ")
  ]
}

const verdict = ({ goal, met, value }: Judged): string => {
  const target = goal.against === undefined ? `${goal.atMost} ${goal.unit}` : `${goal.atMost} x ${goal.against}`
  const unit = goal.against !== undefined && goal.unit === "bytes" ? " (bytes)" : ""
  const seen = goal.against === undefined ? amount(value) : value.toFixed(2)
  return `${met ? "ok" : "MISSED"} ${seen} <= ${target}${unit}`
}

const amount = (value: number): string => Math.round(value).toLocaleString("en-US")
