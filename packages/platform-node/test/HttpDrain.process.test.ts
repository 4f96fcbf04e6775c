import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { fileURLToPath } from "node:url"
import { type DrainedOptions, type ServerProcess, startProcess } from "./support/process.ts"
import { connect, get, upgradeTo } from "./support/server.ts"

const program = fileURLToPath(new URL("support/drained.process.ts", import.meta.url))

/** A server that is killed with the test where it has not ended. */
const serve = (options: DrainedOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => startProcess(program, options)),
    (server) => Effect.promise(() => server.end("SIGTERM", 0))
  )

const end = (server: ServerProcess, signal: NodeJS.Signals = "SIGTERM") =>
  Effect.promise(() => server.end(signal, 15_000))

/** The others than SIGTERM, each with its exit code. */
const signals = [["SIGINT", 130], ["SIGHUP", 129]] as const

/** The same for each of them, side by side. */
const each = <E, R>(body: (signal: NodeJS.Signals, code: number) => Effect.Effect<void, E, R>) =>
  Effect.forEach(signals, ([signal, code]) => Effect.scoped(body(signal, code)), { concurrency: 2, discard: true })

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

describe("a server process on SIGINT and SIGHUP", { timeout: 30_000 }, () => {
  it.live("closes what is idle, ends what is in flight, and is gone", () =>
    each((signal, code) =>
      Effect.gen(function*() {
        const server = yield* serve()
        const idle = yield* connect(server.port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        const closed = yield* webSocket(server.port)
        const clients = yield* Effect.forkChild(
          Effect.all([get(server.port, "/slow"), get(server.port, "/ticks")], { concurrency: 2 })
        )
        yield* Effect.sleep("300 millis")
        const ended = yield* end(server, signal)
        assert.include(yield* idle.closed, "hello")
        assert.strictEqual(yield* closed, 1001)
        assert.deepStrictEqual((yield* Fiber.join(clients)).map(({ body }) => body), ["done", "tick ".repeat(25)])
        assert.deepStrictEqual([ended.code, ended.output], [code, `${server.port}\ndb closed\n`])
        assert.isBelow(ended.took, 5000) // 2200 left of them; measured 2290
      })
    ))
})

describe("a server process on SIGTERM", { timeout: 20_000 }, () => {
  it.live("closes connections that are idle or were never used, and is gone", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const unused = yield* connect(server.port)
      const idle = yield* connect(server.port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
      yield* Effect.sleep("300 millis")
      assert.include(idle.received(), "hello")
      const { code, output, took } = yield* end(server)
      yield* unused.closed
      assert.include(yield* idle.closed, "keep-alive")
      assert.deepStrictEqual([code, output], [143, `${server.port}\ndb closed\n`])
      assert.isBelow(took, 1000) // measured 56
    }))

  it.live("answers the requests in flight before it is gone, and its report says how many there were", () =>
    Effect.gen(function*() {
      const server = yield* serve({ main: { report: "always" } })
      const clients = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 5 }, () => get(server.port, "/slow")), { concurrency: 5 })
      )
      yield* Effect.sleep("300 millis")
      const { code, output, took } = yield* end(server)
      assert.deepStrictEqual((yield* Fiber.join(clients)).map(({ body }) => body), Array(5).fill("done"))
      assert.strictEqual(code, 143)
      assert.include(output, "HTTP drain: 5 requests in flight, all ended\n")
      assert.isAbove(took, 1000) // what a head that has begun to come has
      assert.isBelow(took, 4000) // 2200 left of them; measured 2290
    }))

  it.live("sends a streamed body to its end before it is gone", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const client = yield* Effect.forkChild(get(server.port, "/ticks"))
      yield* Effect.sleep("300 millis")
      const { code, output, took } = yield* end(server)
      assert.strictEqual((yield* Fiber.join(client)).body, "tick ".repeat(25))
      assert.deepStrictEqual([code, output], [143, `${server.port}\ndb closed\n`])
      assert.isAbove(took, 1000)
      assert.isBelow(took, 4000) // 2200 left of it; measured 2184
    }))

  it.live("sends WebSockets close frame 1001, and is gone", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const closed = yield* webSocket(server.port)
      const { code, output, took } = yield* end(server)
      assert.strictEqual(yield* closed, 1001)
      assert.deepStrictEqual([code, output], [143, `${server.port}\ndb closed\n`])
      assert.isBelow(took, 1000) // measured 84
    }))

  it.live("cuts a stalled WebSocket within its budget, and names it", () =>
    Effect.gen(function*() {
      const server = yield* serve({ drain: { budget: "1 second" } })
      const stalled = yield* connect(server.port, upgradeTo("/ws"))
      yield* Effect.sleep("200 millis")
      assert.include(stalled.received(), "101")
      const { output, signal, took } = yield* end(server)
      yield* stalled.closed
      assert.isNull(signal)
      assert.match(output, /HTTP drain.*did not drain within 1s: GET \/ws was interrupted/s)
      assert.isAtLeast(took, 900)
      assert.isBelow(took, 2000) // measured 978
    }))

  it.live("is gone after its budget where a handler hangs, and names it", () =>
    Effect.gen(function*() {
      const server = yield* serve({ drain: { budget: "1 second" } })
      const client = yield* Effect.forkChild(Effect.flip(get(server.port, "/hang")))
      yield* Effect.sleep("200 millis")
      const { output, signal, took } = yield* end(server)
      assert.strictEqual(yield* Fiber.join(client), "ECONNRESET")
      assert.isNull(signal)
      assert.match(output, /did not drain within 1s: GET \/hang was abandoned after .*, 1 connection was cut/)
      assert.isAtLeast(took, 990)
      assert.isBelow(took, 2000) // measured 1059
    }))

  it.live("is gone after its budget where the release of a request hangs, and names it; also by NodeRuntime.runMain", () =>
    Effect.gen(function*() {
      const server = yield* serve({ drain: { budget: "1 second" }, runtime: "effect" })
      assert.strictEqual((yield* get(server.port, "/leak")).body, "done")
      const { output, signal, took } = yield* end(server)
      assert.isNull(signal)
      assert.match(output, /did not drain within 1s: GET \/leak was abandoned/)
      assert.isBelow(took, 2000) // measured 1070
    }))
})

// Side by side, as they mostly wait.
describe("a server process in budgets around it", { concurrent: true, timeout: 20_000 }, () => {
  it.live("is gone within runMain's budget, all by default: a long poll gives back what it has, and is named", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const client = yield* Effect.forkChild(get(server.port, "/poll/7"))
      yield* Effect.sleep("300 millis")
      const { code, output, took } = yield* end(server)
      assert.strictEqual((yield* Fiber.join(client)).status, 503)
      assert.strictEqual(code, 143)
      assert.match(output, /poll given back\n[^]*db closed\n/)
      assert.match(output, /HTTP drain: .*did not drain within .*: GET \/poll\/7 \(\/poll\/:id\) was interrupted/)
      assert.include(output, "1 request in flight: 1 interrupted")
      assert.notMatch(output, /abandoned|Not given back/)
      assert.isBelow(took, 9000) // measured 7.3 s
    }))

  it.live("has its own steps within the budget of AsyncDrop.launch", () =>
    Effect.gen(function*() {
      const server = yield* serve({ launch: { budget: "2 seconds" } })
      const client = yield* Effect.forkChild(get(server.port, "/poll/7"))
      const hangs = yield* Effect.forkChild(Effect.flip(get(server.port, "/hang")))
      yield* Effect.sleep("300 millis")
      const { output, took } = yield* end(server)
      assert.strictEqual((yield* Fiber.join(client)).status, 503)
      assert.strictEqual(yield* Fiber.join(hangs), "ECONNRESET")
      assert.match(output, /poll given back\n[^]*db closed\n/)
      assert.match(output, /GET \/poll\/7 \(\/poll\/:id\) was interrupted .*, GET \/hang was abandoned/)
      assert.include(output, "2 requests in flight: 1 interrupted, 1 abandoned, 1 connection cut")
      assert.isBelow(took, 2000) // measured 1.6 s
    }))

  it.live("cuts a drain delay that is too long for runMain's budget, and says so", () =>
    Effect.gen(function*() {
      const server = yield* serve({
        drain: { budget: "6 seconds", drainDelay: "5 seconds" },
        main: { budget: "4 seconds", report: "always" }
      })
      const ended = yield* Effect.forkChild(end(server))
      yield* Effect.sleep("300 millis")
      assert.strictEqual((yield* get(server.port, "/")).body, "hello")
      yield* Effect.sleep("2400 millis")
      assert.strictEqual(yield* Effect.flip(get(server.port, "/")), "ECONNREFUSED")
      const { output, took } = yield* Fiber.join(ended)
      assert.match(output, /its drainDelay of 5s does not fit into the 3s \d+ms that are left, and is cut to 2s \d+ms/)
      assert.match(output, /no request in flight, 1 came, all ended; drain delay\s+cut to 2s\s+\d+ms/)
      assert.match(output, /db closed\n/)
      assert.isBelow(took, 3400) // measured 2200
    }))

  it.live("names the request whose release fails in its report", () =>
    Effect.gen(function*() {
      const server = yield* serve({ drain: { budget: "500 millis" } })
      const client = yield* connect(server.port, "GET /full HTTP/1.1\r\nhost: a\r\nx-request-id: id-7\r\n\r\n")
      yield* Effect.sleep("300 millis")
      const { output } = yield* end(server)
      yield* client.closed
      assert.match(output, /GET \/full id-7 .*\n +file .*failed/)
    }))
})
