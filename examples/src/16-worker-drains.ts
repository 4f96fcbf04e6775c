// A worker that finishes its jobs when it is told to end, within 5 s, and says what it left.
import { AsyncDrop, DropContext, DropReport } from "@async-drop/core"
import { type Cause, Console, Duration, Effect, Option, Queue } from "effect"
import assert from "node:assert/strict"

const done: Array<string> = []
const left: Array<string> = []

interface Job {
  readonly name: string
  readonly work: Effect.Effect<void>
}

/** Takes one job after the other, for as long as it is wanted. */
const start = Effect.gen(function*() {
  const queue = yield* Queue.unbounded<Job, Cause.Done>()
  const pending = new Set<string>()
  const run = Effect.flatMap(Queue.take(queue), ({ name, work }) =>
    Effect.andThen(
      work,
      Effect.sync(() => {
        pending.delete(name)
        done.push(name)
      })
    ))
  const fiber = yield* Effect.forkDetach(Effect.exit(Effect.forever(run)))
  const add = (job: Job) => Effect.andThen(Effect.sync(() => pending.add(job.name)), Queue.offer(queue, job))
  return { add, fiber, pending, queue }
})

const worker = AsyncDrop.acquireRelease(
  start,
  // Asked: no job is taken in, and those that are there are done.
  ({ fiber, queue }) =>
    Effect.gen(function*() {
      const { timeLeft } = yield* DropContext.DropContext
      yield* Console.log(
        `draining, with ${Option.match(timeLeft, { onNone: () => "all the time", onSome: Duration.format })}`
      )
      yield* Queue.end(queue)
      return yield* fiber.pollUnsafe() ?? Effect.exit(Effect.callback<void>((resume) => {
        fiber.addObserver(() => resume(Effect.void))
      }))
    }),
  {
    name: "worker",
    // Told: what is still to do is left, and named.
    force: ({ fiber, pending }) =>
      Effect.suspend(() => {
        left.push(...pending)
        fiber.interruptUnsafe()
        return DropReport.note(`left: ${left.join(", ")}`)
      })
  }
)

const program = Effect.gen(function*() {
  const { add } = yield* worker
  yield* add({ name: "mail", work: Effect.sleep("100 millis") })
  yield* add({ name: "invoice", work: Effect.sleep("100 millis") })
  yield* add({ name: "backup", work: Effect.never })
  yield* add({ name: "thumbnail", work: Effect.void })
})

const begun = performance.now()
const ended = program.pipe(
  AsyncDrop.scoped({ budget: "5 seconds" }),
  AsyncDrop.withReport((report) => Console.log(DropReport.toText(report))),
  Effect.catchTag("DropFailure", ({ errors: [{ phase, resource }] }) => Effect.succeed(`${resource}: ${phase}`))
)
assert.equal(await Effect.runPromise(ended), "worker: force")
assert.ok(performance.now() - begun < 5500)
assert.deepEqual(done, ["mail", "invoice"])
assert.deepEqual(left, ["backup", "thumbnail"])
console.log(`left: ${left.join(", ")}`)
