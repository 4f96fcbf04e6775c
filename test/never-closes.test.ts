import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const example = fileURLToPath(new URL("../examples/src/17-never-closes.ts", import.meta.url))

describe("a process whose connection never closes", () => {
  it("ends within its budget, and prints what it could not give back", async () => {
    const child = spawn(process.execPath, [example], { stdio: ["ignore", "pipe", "inherit"], timeout: 20_000 })
    let output = ""
    let begun = 0
    child.stdout.on("data", (chunk) => {
      output += chunk
      if (begun === 0 && output.includes("closing")) begun = performance.now()
    })
    const [code] = await once(child, "exit")
    const took = performance.now() - begun
    assert.strictEqual(code, 0, output)
    assert.include(output, "not given back: connection\n")
    assert.match(output, /connection .* abandoned/)
    assert.match(output, /3 resources: 2 released, 1 abandoned/)
    // The budget is 1 s, and 50 ms; the rest is for a busy machine to end a process.
    assert.isAtLeast(took, 900)
    assert.isAtMost(took, 1_400)
  })
})
