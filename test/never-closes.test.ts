import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../examples/src/17-never-closes.ts", import.meta.url))

const run = () =>
  new Promise<{ readonly code: number | null; readonly output: string; readonly millis: number }>((resolve, reject) => {
    const child = spawn(process.execPath, [main], { stdio: ["ignore", "pipe", "inherit"], timeout: 20_000 })
    let output = ""
    let begun = 0
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text
      if (begun === 0 && output.includes("shutting down")) begun = performance.now()
    })
    child.on("error", reject).on("close", (code) => resolve({ code, output, millis: performance.now() - begun }))
  })

describe("an app whose one connection never closes", () => {
  it("ends within its budget, and prints what it was", async () => {
    const { code, millis, output } = await run()
    assert.strictEqual(code, 0)
    assert.match(output, /connection to billing.*abandoned/)
    assert.include(output, "left behind: connection to billing")
    assert.match(output, /3 resources: 2 released, 1 abandoned/)
    // The budget and 50 ms, four times over: other processes run beside it.
    assert.isBelow(millis, 1000 + 4 * 50)
  }, 30_000)
})
