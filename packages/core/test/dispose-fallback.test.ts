import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const program = fileURLToPath(new URL("./programs/without-disposal.ts", import.meta.url))

describe("a runtime without explicit resource management", () => {
  it("has the symbols of the registry, and a SuppressedError of ours", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 25_000 })
    assert.deepStrictEqual(JSON.parse(stdout), {
      before: ["undefined", "undefined", "undefined"],
      log: ["close awaited", "close at once", "foreign, at once", "foreign"],
      thrown: [true, "SuppressedError", "An error was suppressed during disposal", "earlier", "later"]
    })
  }, 30_000)
})
