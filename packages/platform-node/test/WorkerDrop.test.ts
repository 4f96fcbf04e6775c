import { AsyncDrop, DropFailure, DropUsageError } from "@async-drop/core"
import { WorkerDrop } from "@async-drop/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option } from "effect"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { afterAll } from "vitest"
import { Refused, task } from "./fixtures/worker-job.ts"

const root = mkdtempSync(join(tmpdir(), "worker-drop-"))
afterAll(() => rmSync(root, { recursive: true }))
let files = 0
const file = () => join(root, `f-${++files}`)

const spawn = () => new Worker(new URL("./fixtures/worker-thread.ts", import.meta.url))
const pool = (options?: WorkerDrop.PoolOptions) => WorkerDrop.make(task, spawn, options)
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkDetach(effect, { startImmediately: true })
const until = (path: string): Effect.Effect<void> =>
  Effect.suspend(() => existsSync(path) ? Effect.void : Effect.andThen(Effect.sleep(5), until(path)))
const failureOf = <E>(exit: Exit.Exit<unknown, E>) =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined

describe("WorkerDrop.run", () => {
  it.live("gives answers and typed errors, and one that died is started again", () =>
    Effect.gen(function*() {
      const workers = yield* pool()
      assert.strictEqual(yield* WorkerDrop.run(workers, { does: "echo", path: "a" }), "a")
      const refused = yield* Effect.flip(WorkerDrop.run(workers, { does: "refuse", path: "no" }))
      assert.isTrue(refused instanceof Refused && refused.why === "no")
      const lost = yield* Effect.flip(WorkerDrop.run(workers, { does: "exit", path: file() }, { name: "mail" }))
      assert.isTrue(lost instanceof WorkerDrop.JobLost && lost.reason === "died" && lost.job === "mail")
      assert.strictEqual(yield* WorkerDrop.run(workers, { does: "echo", path: "b" }), "b")
    }).pipe(AsyncDrop.scoped))

  it.live("interrupted interrupts the job in its thread, and ends a thread that does not let go", () =>
    Effect.gen(function*() {
      const workers = yield* pool({ terminateAfter: "200 millis" })
      for (const does of ["never", "spin"] as const) {
        const path = file()
        const fiber = yield* beside(WorkerDrop.run(workers, { does, path }))
        yield* until(`${path}.began`)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(existsSync(path), does === "never")
        assert.strictEqual(yield* WorkerDrop.run(workers, { does: "echo", path: "on" }), "on")
      }
    }).pipe(AsyncDrop.scoped))
})

describe("WorkerDrop.make", () => {
  it.live("waits on close for jobs that run and wait, and refuses new ones", () =>
    Effect.gen(function*() {
      const path = file()
      const [workers, fibers] = yield* Effect.gen(function*() {
        const workers = yield* pool()
        const fibers = [
          yield* beside(WorkerDrop.run(workers, { does: "wait", path })),
          yield* beside(WorkerDrop.run(workers, { does: "echo", path: "queued" }))
        ] as const
        yield* beside(Effect.andThen(Effect.sleep(100), Effect.sync(() => writeFileSync(path, ""))))
        return [workers, fibers] as const
      }).pipe(AsyncDrop.scoped)
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["waited", "queued"])
      const refused = yield* Effect.exit(WorkerDrop.run(workers, { does: "echo", path: "late" }))
      assert.isTrue(Exit.isFailure(refused) && Cause.hasInterruptsOnly(refused.cause))
    }))

  it.live("terminates a busy thread at the limit, and names the jobs that are lost", () =>
    Effect.gen(function*() {
      const path = file()
      const fibers: Array<Fiber.Fiber<string, Refused | WorkerDrop.JobLost>> = []
      const exit = yield* Effect.gen(function*() {
        const workers = yield* pool({ drain: "50 millis", terminateAfter: "100 millis" })
        fibers.push(yield* beside(WorkerDrop.run(workers, { does: "spin", path }, { name: "spins" })))
        fibers.push(yield* beside(WorkerDrop.run(workers, { does: "echo", path }, { name: "waits" })))
        yield* until(`${path}.began`)
      }).pipe(AsyncDrop.scoped, Effect.exit)
      const failure = failureOf(exit)
      if (!(failure instanceof DropFailure.DropFailure)) return assert.fail("no DropFailure")
      const lost = Option.getOrThrow(Cause.findErrorOption(failure.errors[0].cause))
      if (!(lost instanceof WorkerDrop.JobsLost)) return assert.fail("no JobsLost")
      assert.deepStrictEqual([lost.jobs, lost.terminated], [["spins", "waits"], 1])
      for (const fiber of fibers) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.isTrue(error instanceof WorkerDrop.JobLost && error.reason === "closed")
      }
    }))

  it.live("of a file that is not there, or a bad option, says so and leaves nothing", () =>
    Effect.gen(function*() {
      const missing = WorkerDrop.make(task, () => new Worker(new URL("./none.ts", import.meta.url)))
      assert.isTrue(failureOf(yield* Effect.exit(AsyncDrop.scoped(missing))) instanceof WorkerDrop.WorkerStartError)
      for (const options of [{ size: 0 }, { drain: -1 }, { terminateAfter: NaN }]) {
        const exit = yield* Effect.exit(AsyncDrop.scoped(WorkerDrop.make(task, () => assert.fail("started"), options)))
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof DropUsageError.DropUsageError)
      }
    }))
})
