// Each promise of docs/promises.md names its tests; each of them must exist and have passed in the last `pnpm test`.
// A row is `| promise | tests |`; a test is named in backticks by the end of its path, as far as it is unmistakable:
// `file › describe › test`, `describe › test` or `test`. Several are parted by <br>.
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { readReport, type Test } from "./lib/report.ts"

const file = "docs/promises.md"
const { tests } = await readReport()
const lines = (await readFile(file, "utf8")).split("\n")
const problems: Array<string> = []
let promises = 0
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

for (const [at, line] of lines.entries()) {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"))
  const [, promise = "", cell] = cells
  if (cell === undefined || /^:?-+:?$/.test(promise) || /^:?-+:?$/.test(lines[at + 1]?.split("|")[1]?.trim() ?? "")) {
    continue
  }
  const names = [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)
  promises++
  named += names.length
  if (names.length === 0) problems.push(`${file}:${at + 1}: this promise names no test`)
  for (const name of names) {
    const problem = check(name)
    if (problem !== undefined) problems.push(`${file}:${at + 1}: ${problem}`)
  }
}
if (promises === 0) problems.push(`${file}: no promises found`)

for (const problem of problems) console.error(problem)
console.log(`promises: ${promises}, naming ${named} tests; ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
