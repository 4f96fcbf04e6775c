// Each row of docs/promises.md, docs/parity.md and the like names its tests, in its last cell; each of them must exist and have
// passed in the last `pnpm test`. A test is named in backticks by the end of its path, as far as it is unmistakable:
// `file › describe › test`, `describe › test` or `test`. Several are parted by <br>.
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { readReport, type Test } from "./lib/report.ts"

const files = ["docs/promises.md", "docs/parity.md", "docs/parity-store.md", "docs/disposal.md"]
const { tests } = await readReport()
const problems: Array<string> = []
let rows = 0
let named = 0

/** The path as text, with the file's folders and without. */
const spelled = ({ path: [first = "", ...rest] }: Test) => [
  [first, ...rest].join(" › "),
  [basename(first), ...rest].join(" › ")
]

const answersTo = (name: string) => (test: Test) =>
  spelled(test).some((path) => path === name || path.endsWith(` › ${name}`))

const check = (name: string): string | undefined => {
  const found = tests.filter(answersTo(name))
  if (found.length === 0) return `there is no test "${name}"`
  if (found.length > 1) return `${found.length} tests are named "${name}": put the describe or the file in front`
  return found[0]?.passed ? undefined : `"${name}" did not pass`
}

const cellsOf = (line = ""): ReadonlyArray<string> =>
  line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"))

const isRule = (line: string | undefined) => /^[|\s:-]+$/.test(line ?? "") && cellsOf(line).length > 0

for (const file of files) {
  const lines = (await readFile(file, "utf8")).split("\n")
  const before = rows
  for (const [at, line] of lines.entries()) {
    const cell = cellsOf(line).at(-1)
    if (cell === undefined || isRule(line) || isRule(lines[at + 1])) continue
    const names = [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)
    rows++
    named += names.length
    if (names.length === 0) problems.push(`${file}:${at + 1}: this row names no test`)
    for (const name of names) {
      const problem = check(name)
      if (problem !== undefined) problems.push(`${file}:${at + 1}: ${problem}`)
    }
  }
  if (rows === before) problems.push(`${file}: no rows found`)
}

for (const problem of problems) console.error(problem)
console.log(`promises: ${rows} rows, naming ${named} tests; ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
