// A connection that several parts of a program share: it is closed when the last of them is done with it.
import { AsyncDrop, AsyncDropArc, AsyncDropGuard, AsyncDropWeak } from "@async-drop/core"
import { Effect, Fiber, Latch } from "effect"
import assert from "node:assert/strict"

const log: Array<string> = []

const connect = AsyncDropGuard.make(
  Effect.succeed({ send: (line: string) => Effect.sync(() => void log.push(`sent ${line}`)) }),
  () => Effect.sync(() => log.push("closed")),
  { name: "connection" }
)

const program = Effect.gen(function*() {
  const latch = yield* Latch.make()
  const first = yield* Effect.flatMap(connect, AsyncDropArc.make)
  const weak = AsyncDropArc.downgrade(first)

  // A fibre with a handle of its own, in a scope of its own.
  const reader = yield* Effect.forkChild(
    AsyncDrop.scoped(Effect.gen(function*() {
      const mine = yield* AsyncDropArc.clone(first)
      yield* latch.await
      yield* AsyncDropArc.use(mine, (connection) => connection.send("bye"))
    })),
    { startImmediately: true }
  )
  assert.equal(AsyncDropArc.strongCount(first), 2)

  yield* AsyncDropArc.drop(first) // the reader still has it
  log.push("first is done")
  yield* latch.open
  yield* Fiber.join(reader) // returns after the connection is closed
  log.push("reader is done")

  assert.equal((yield* AsyncDropWeak.upgrade(weak))._tag, "None")
})

await Effect.runPromise(AsyncDrop.scoped(program))
assert.deepEqual(log, ["first is done", "sent bye", "closed", "reader is done"])
