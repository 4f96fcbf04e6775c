// Reports Effect mistakes (floating effects, missing `return yield*`, …) in the source of each package.
import { run } from "./lib/run.ts"

const check = (name: string) =>
  run(["effect-tsgo", "diagnostics", "--project", `packages/${name}/tsconfig.json`, "--format", "text", "--strict"], {
    show: true
  })

const outcomes = [await check("core"), await check("platform-node"), await check("testing")]
process.exitCode = outcomes.every(({ code }) => code === 0) ? 0 : 1
