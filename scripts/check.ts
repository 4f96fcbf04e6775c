// Runs every gate, and ends with one line: the tests and gates that passed and failed.
// `--only NAME` runs that gate alone; `--tested CODE` takes the exit code of a test run that was just made.
import { rm } from "node:fs/promises"
import { parseArgs } from "node:util"
import { type Gate, gates } from "./lib/gates.ts"
import { readReport, reportFile } from "./lib/report.ts"
import { run } from "./lib/run.ts"

const { values } = parseArgs({ options: { only: { type: "string" }, tested: { type: "string" } } })
const chosen = gates.filter(({ name }) => values.only === undefined || values.only === name)
if (chosen.length === 0) throw new Error(`no such gate: ${values.only}; there are ${gates.map((it) => it.name)}`)

const exitCode = async ({ command, name }: Gate) => {
  if (name === "test" && values.tested !== undefined) return Number(values.tested)
  if (name === "test") await rm(reportFile, { force: true })
  console.log(`\n== ${name}: ${command.join(" ")}`)
  return (await run(command, { show: true })).code
}

const results: Array<string> = []
let passed = 0
for (const gate of chosen) {
  const start = performance.now()
  const code = await exitCode(gate)
  if (code === 0) passed++
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  results.push(`${code === 0 ? "ok  " : "FAIL"} ${gate.name} (${seconds} s)`)
}
console.log(`\n== gates\n${results.join("\n")}`)

const tests = chosen.some(({ name }) => name === "test") ? await readReport() : { passed: 0, failed: 0, skipped: 0 }
const failed = tests.failed + chosen.length - passed
if (tests.skipped > 0) console.log(`${tests.skipped} skipped`)
console.log(`${tests.passed + passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
