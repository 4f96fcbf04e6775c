import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { fileURLToPath } from "node:url"
import { type ServerProcess, startProcess } from "./support/process.ts"
import { connect, get, upgradeTo } from "./support/server.ts"

const program = fileURLToPath(new URL("support/drained.process.ts", import.meta.url))

/** A server that is killed with the test where it has not ended. */
const serve = (env: Record<string, string> = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => startProcess(program, env)),
    (server) => Effect.promise(() => server.terminate(0))
  )

const sigterm = (server: ServerProcess) => Effect.promise(() => server.terminate(10_000))

/** Ends with the code of the close frame that comes after it was open. */
const webSocket = (port: number) =>
  Effect.callback<Effect.Effect<number>>((resume) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    const closed = Promise.withResolvers<number>()
    client.onclose = ({ code }) => closed.resolve(code)
    client.onopen = () => client.send("hi")
    client.onmessage = () => resume(Effect.succeed(Effect.promise(() => closed.promise)))
  })

// Bounds on times leave room for a busy machine; what was measured, the exit of the process included, stands beside.

describe("a server process on SIGTERM", { timeout: 20_000 }, () => {
  it.live("closes connections that are idle or were never used, and is gone", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const unused = yield* connect(server.port)
      const idle = yield* connect(server.port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
      yield* Effect.sleep("300 millis")
      assert.include(idle.received(), "hello")
      const { code, output, took } = yield* sigterm(server)
      yield* unused.closed
      assert.include(yield* idle.closed, "keep-alive")
      assert.deepStrictEqual([code, output], [130, `${server.port}\n`]) // 130: of NodeRuntime.runMain
      assert.isBelow(took, 1000) // measured 56
    }))

  it.live("answers the requests in flight before it is gone", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const clients = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 5 }, () => get(server.port, "/slow")), { concurrency: 5 })
      )
      yield* Effect.sleep("300 millis")
      const { code, output, took } = yield* sigterm(server)
      assert.deepStrictEqual((yield* Fiber.join(clients)).map(({ body }) => body), Array(5).fill("done"))
      assert.deepStrictEqual([code, output], [130, `${server.port}\n`])
      assert.isAbove(took, 1000) // what a head that has begun to come has
      assert.isBelow(took, 4000) // 2200 left of them; measured 2290
    }))

  it.live("sends a streamed body to its end before it is gone", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const client = yield* Effect.forkChild(get(server.port, "/ticks"))
      yield* Effect.sleep("300 millis")
      const { code, output, took } = yield* sigterm(server)
      assert.strictEqual((yield* Fiber.join(client)).body, "tick ".repeat(25))
      assert.deepStrictEqual([code, output], [130, `${server.port}\n`])
      assert.isAbove(took, 1000)
      assert.isBelow(took, 4000) // 2200 left of it; measured 2184
    }))

  it.live("sends WebSockets close frame 1001, and is gone", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const closed = yield* webSocket(server.port)
      const { code, output, took } = yield* sigterm(server)
      assert.strictEqual(yield* closed, 1001)
      assert.deepStrictEqual([code, output], [130, `${server.port}\n`])
      assert.isBelow(took, 1000) // measured 84
    }))

  it.live("cuts a stalled WebSocket within its budget, and names it", () =>
    Effect.gen(function*() {
      const server = yield* serve({ BUDGET: "1000" })
      const stalled = yield* connect(server.port, upgradeTo("/ws"))
      yield* Effect.sleep("200 millis")
      assert.include(stalled.received(), "101")
      const { output, signal, took } = yield* sigterm(server)
      yield* stalled.closed
      assert.isNull(signal)
      assert.match(output, /HTTP server.*did not drain within 1s: GET \/ws was interrupted/s)
      assert.isAtLeast(took, 900)
      assert.isBelow(took, 2000) // measured 978
    }))

  it.live("is gone after its budget where a handler hangs, and names it", () =>
    Effect.gen(function*() {
      const server = yield* serve({ BUDGET: "1000" })
      const client = yield* Effect.forkChild(Effect.flip(get(server.port, "/hang")))
      yield* Effect.sleep("200 millis")
      const { output, signal, took } = yield* sigterm(server)
      assert.strictEqual(yield* Fiber.join(client), "ECONNRESET")
      assert.isNull(signal)
      assert.match(output, /did not drain within 1s: GET \/hang was abandoned after .*, 1 connection was cut/)
      assert.isAtLeast(took, 990)
      assert.isBelow(took, 2000) // measured 1059
    }))

  it.live("is gone after its budget where the release of a request hangs, and names it", () =>
    Effect.gen(function*() {
      const server = yield* serve({ BUDGET: "1000" })
      assert.strictEqual((yield* get(server.port, "/leak")).body, "done")
      const { output, signal, took } = yield* sigterm(server)
      assert.isNull(signal)
      assert.match(output, /did not drain within 1s: GET \/leak was abandoned/)
      assert.isBelow(took, 2000) // measured 1070
    }))
})
