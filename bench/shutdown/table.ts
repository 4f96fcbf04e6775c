// The results as a table.
import { columns } from "../runner/columns.ts"
import { median } from "../runner/figures.ts"
import type { Case } from "./cases.ts"
import type { Measured } from "./measure.ts"

const header = ["case", "exit after", "exit", "served after", "resets reused", "resets new", "503", "other"]

export const table = (results: ReadonlyArray<readonly [Case, ReadonlyArray<Measured>]>): string =>
  columns([header, ...results.map(([{ name }, rounds]) => row(name, rounds))], (i) => i === 0).join("\n")

const row = (name: string, rounds: ReadonlyArray<Measured>): ReadonlyArray<string> => [
  name,
  spread(rounds.map(({ took }) => took), (millis) => `${(millis / 1000).toFixed(2)} s`),
  [...new Set(rounds.map(({ exit }) => exit))].join("/"),
  ...(["served", "resetsReused", "resetsFresh", "status503", "other"] as const).map((key) =>
    spread(rounds.map((round) => round[key]), (count) => Math.round(count).toLocaleString("en-US"))
  )
]

const spread = (values: ReadonlyArray<number>, show: (value: number) => string): string => {
  const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)].map(show)
  return least === most ? middle! : `${middle} (${least}..${most})`
}
