// A structured-concurrency script: whatever ends it, the lease is given back before the process goes on.
import { AsyncDrop } from "@async-drop/core"
import { Effect, Fiber } from "effect"
import assert from "node:assert/strict"

const log: Array<string> = []

/** A value that brings its own release. */
class Lease implements AsyncDrop.AsyncDrop {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
  [AsyncDrop.asyncDrop]() {
    return Effect.sync(() => log.push(`gave ${this.name} back`))
  }
}

const holding = <A, E, R>(name: string, work: Effect.Effect<A, E, R>) =>
  AsyncDrop.use(Effect.sync(() => new Lease(name)), () => work)

const script = Effect.gen(function*() {
  const worker = yield* Effect.forkChild(holding("leader", Effect.never), { startImmediately: true })
  const size = yield* holding("reader", Effect.succeed(3))
  yield* Fiber.interrupt(worker)
  return size
})

assert.equal(await Effect.runPromise(script), 3)
assert.deepEqual(log, ["gave reader back", "gave leader back"])
