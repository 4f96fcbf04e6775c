// Runs each numbered example; each must exit with 0.
import { globSync } from "node:fs"
import { run } from "./lib/run.ts"

const files = globSync("examples/src/[0-9]*.ts").toSorted()
let failed = 0
for (const file of files) {
  const { code, output } = await run(["node", file], { limit: 60 })
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${file}`)
  if (code === 0) continue
  failed++
  console.log(`exit ${code}\n${output}`)
}
console.log(`examples: ${files.length} run, ${failed} failed`)
process.exitCode = files.length > 0 && failed === 0 ? 0 : 1
