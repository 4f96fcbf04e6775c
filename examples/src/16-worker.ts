// A worker that drains within five seconds, and says what it left: jobs that take longer go back to the queue.
import { AsyncDrop, DropFailure } from "@async-drop/core"
import { Effect } from "effect"
import assert from "node:assert/strict"

const requeued: Array<string> = []
/** A job in hand: its release waits for its end; forced, it goes back to the queue. */
const job = (name: string, left: number) =>
  AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.sleep(left), {
    name,
    force: () => Effect.sync(() => void requeued.push(name))
  })

const worker = Effect.gen(function*() {
  yield* job("resize photo", 100)
  yield* job("send letter", 300)
  yield* job("encode film", 60_000)
})

const begun = performance.now()
const exit = await Effect.runPromiseExit(AsyncDrop.scoped(worker, { concurrency: "unbounded", budget: "5 seconds" }))
const seconds = (performance.now() - begun) / 1000

assert.ok(exit._tag === "Failure")
const failure = DropFailure.fromCause(exit.cause)
assert.ok(failure._tag === "Some")
const left = failure.value.errors.map(({ phase, resource }) => `${resource} (${phase})`)
assert.deepEqual(left, ["encode film (force)"])
assert.deepEqual(requeued, ["encode film"])
assert.ok(seconds < 5.2)
console.log(`drained in ${seconds.toFixed(1)} s; left: ${left.join(", ")}`)
