// What the close of a pool of one thread does to its job, in Effect and here: `pnpm bench:workers`.
import { AsyncDrop } from "@async-drop/core"
import { WorkerDrop } from "@async-drop/platform-node"
import { NodeWorker } from "@effect/platform-node"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Worker as Workers } from "effect/workers"
import { Worker } from "node:worker_threads"
import { columns } from "../runner/columns.ts"
import { busy, work } from "./job.ts"

interface Seen {
  /** How long the close took, in milliseconds. */
  readonly took: number
  readonly job: "answered" | "lost"
  /** What the scope failed with. */
  readonly told: string
}

/** A job that has begun has at least this much behind it when the close begins. */
const begun = 100

const spawn = (which: "effect" | "async-drop") => () =>
  new Worker(new URL("thread.ts", import.meta.url), { workerData: which })

const outcome = (exit: Exit.Exit<string, unknown> | undefined): Seen["job"] =>
  exit !== undefined && Exit.isSuccess(exit) ? "answered" : "lost"

const effect = (millis: number): Effect.Effect<Seen> =>
  Effect.gen(function*() {
    const answered = yield* Deferred.make<string>()
    let from = 0
    const exit = yield* Effect.exit(Effect.scoped(
      Effect.gen(function*() {
        const platform = yield* Workers.WorkerPlatform
        const worker = yield* platform.spawn<string, number>(0)
        const ready = yield* Deferred.make<void>()
        const hear = worker.run((text) => Deferred.succeed(answered, text), {
          onSpawn: Deferred.done(ready, Exit.void)
        })
        yield* Effect.forkScoped(hear)
        yield* Deferred.await(ready)
        yield* worker.send(millis)
        yield* Effect.sleep(begun)
        from = performance.now()
      }).pipe(Effect.provide(NodeWorker.layer(spawn("effect"))))
    ))
    const job = outcome(Deferred.isDoneUnsafe(answered) ? Exit.succeed("answered") : undefined)
    return { took: performance.now() - from, job, told: Exit.isSuccess(exit) ? "nothing" : "a failure" }
  })

const ours = (options: WorkerDrop.PoolOptions) => (millis: number): Effect.Effect<Seen> =>
  Effect.gen(function*() {
    let job: Fiber.Fiber<string, WorkerDrop.JobLost> | undefined
    let from = 0
    const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
      const pool = yield* WorkerDrop.make(work, spawn("async-drop"), options)
      job = yield* Effect.forkDetach(WorkerDrop.run(pool, millis, { name: "job" }), { startImmediately: true })
      yield* Effect.sleep(begun)
      from = performance.now()
    }))
    const took = performance.now() - from
    const told = dropErrors.flatMap(({ cause }) => cause.reasons).map((reason) =>
      String("error" in reason && reason.error)
    )
    return { took, job: outcome(job?.pollUnsafe()), told: told[0]?.replace(/^\w+: /, "") ?? "nothing" }
  })

const limits = { drain: "1 second", terminateAfter: "200 millis" } as const
const cases = [
  ["effect", effect],
  ["async-drop", ours({})],
  ["async-drop, limits 1 s and 0.2 s", ours(limits)]
] as const
const rows = [["pool", "its job", "close", "the job is", "the scope says"]]
for (const [name, run] of cases) {
  for (const [job, millis] of [["has 0.3 s left", 300 + begun], ["is busy for ever", busy]] as const) {
    const { job: end, told, took } = await Effect.runPromise(run(millis))
    rows.push([name, job, `${(took / 1000).toFixed(2)} s`, end, told])
  }
}
console.log(columns(rows, (index) => index !== 2).join("\n"))
