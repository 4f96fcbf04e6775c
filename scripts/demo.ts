// Runs the demo as the README says, both ways: it ends well, and with --fail it says what failed and exits with 1.
import { pnpm } from "./lib/pnpm.ts"
import { run } from "./lib/run.ts"

const runs = [
  { args: [], code: 0, says: "" },
  { args: ["--fail"], code: 1, says: "ENOSPC" }
]
let failed = 0
for (const { args, code, says } of runs) {
  const name = ["demo", ...args].join(" ")
  const outcome = await run([...pnpm, "demo", ...args], { limit: 180, show: true })
  const asExpected = outcome.code === code && outcome.output.includes(says)
  const wanted = `exit ${code}${says && ` and "${says}" in its output`}`
  console.log(`${name}: exit ${outcome.code}${asExpected ? ", as it should" : `, but ${wanted} was expected`}`)
  if (!asExpected) failed++
}
process.exitCode = failed
