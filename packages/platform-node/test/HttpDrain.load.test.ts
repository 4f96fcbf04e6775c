import { assert, describe, it } from "@effect/vitest"
import { fileURLToPath } from "node:url"
import { startLoad } from "./support/load.ts"
import { startProcess } from "./support/process.ts"

const program = fileURLToPath(new URL("support/drained.process.ts", import.meta.url))
const rounds = Number(process.env["DRAIN_ROUNDS"] ?? 3)

const sleep = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

/** SIGTERM at a random moment, under 50 clients that send as fast as they are answered. */
const round = async (drainDelay: number) => {
  const server = await startProcess(program, { drain: { drainDelay }, runtime: "effect" })
  const load = startLoad(server.port, { clients: 50 })
  await sleep(200 + Math.random() * 500)
  load.mark()
  const exited = await server.end("SIGTERM", 10_000)
  await sleep(50)
  const seen = await load.stop()
  if ("DRAIN_ROUNDS" in process.env) console.log(`${exited.took.toFixed(0)} ms, ${JSON.stringify(seen)}`)
  return { exited, seen }
}

describe(`a server process under load, ${rounds} times`, () => {
  it("answers all that was begun, resets no connection in use, and accepts nothing after its close", async () => {
    const resetsFresh: Array<number> = []
    for (let i = 0; i < rounds; i++) {
      const { exited, seen } = await round(500)
      resetsFresh.push(seen.resetsFresh)
      assert.isAbove(seen.served, 50)
      assert.isAbove(seen.refused, 0)
      assert.deepStrictEqual(
        [seen.resetsReused, seen.acceptedAfterClose, seen.status503, seen.otherStatus, seen.otherErrors],
        [0, 0, 0, 0, {}]
      )
      assert.deepStrictEqual([exited.signal, exited.code], [null, 130]) // of NodeRuntime.runMain
      assert.match(exited.output, /^\d+\ndb closed\n$/) // its port, and no drop error
      assert.isBelow(exited.took, 500 + 1000) // measured 500 + 40 to 90, the exit included
    }
    // One that connects in the very moment of the close may be reset; of 50 that waited, 40 were, before it waited too.
    assert.isAtMost(resetsFresh.toSorted((a, b) => a - b)[rounds >> 1]!, 10, resetsFresh.join())
  }, rounds * 10_000)

  it("without a delay is gone at once", async () => {
    for (let i = 0; i < rounds; i++) {
      const { exited, seen } = await round(0)
      assert.deepStrictEqual([seen.acceptedAfterClose, seen.status503], [0, 0])
      assert.match(exited.output, /^\d+\ndb closed\n$/)
      assert.isBelow(exited.took, 1000) // measured 65 to 110, the exit included
    }
  }, rounds * 10_000)
})
