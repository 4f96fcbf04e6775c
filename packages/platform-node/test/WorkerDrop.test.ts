import { AsyncDrop, DropFailure, DropReporter, DropUsageError } from "@async-drop/core"
import { WorkerDrop } from "@async-drop/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option } from "effect"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { afterAll, afterEach } from "vitest"
import { Refused, task } from "./fixtures/worker-job.ts"

const root = mkdtempSync(join(tmpdir(), "worker-drop-"))
let files = 0
const file = () => join(root, `f-${++files}`)
const began = (path: string) => `${path}.began`
const interrupted = (path: string) => `${path}.interrupted`

/** Every thread of the test; the number of one that has exited is -1. */
const threads: Array<Worker> = []
const track = (worker: Worker) => {
  threads.push(worker)
  return worker
}
const living = () => threads.filter(({ threadId }) => threadId !== -1).length
const spawn = () => track(new Worker(new URL("./fixtures/worker-thread.ts", import.meta.url)))
const script = (code: string) => () => track(new Worker(code, { eval: true }))

afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.terminate()))
})
afterAll(() => rmSync(root, { recursive: true }))

const pool = (options?: WorkerDrop.PoolOptions) => WorkerDrop.make(task, spawn, options)
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkDetach(effect, { startImmediately: true })
const holds = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.andThen(Effect.sleep(5), holds(condition)))
const until = (path: string) => holds(() => existsSync(path))
const touch = (path: string) => Effect.sync(() => writeFileSync(path, ""))
const failureOf = <E>(exit: Exit.Exit<unknown, E>) =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined

/** The one drop error of a scope, which is one of lost jobs. */
const lostBy = (exit: Exit.Exit<unknown, unknown>): WorkerDrop.JobsLost => {
  const failure = failureOf(exit)
  if (!(failure instanceof DropFailure.DropFailure)) return assert.fail(`no DropFailure: ${exit}`)
  assert.strictEqual(failure.errors.length, 1)
  const lost = Option.getOrUndefined(Cause.findErrorOption(failure.errors[0].cause))
  return lost instanceof WorkerDrop.JobsLost ? lost : assert.fail(`no JobsLost: ${failure.errors[0].cause}`)
}

describe("WorkerDrop.run", { timeout: 30_000 }, () => {
  it.live("gives answers, typed errors and defects, and one that died is started again", () =>
    Effect.gen(function*() {
      const workers = yield* pool()
      assert.strictEqual(yield* WorkerDrop.run(workers, { does: "echo", path: file() }), join(root, `f-${files}`))
      const path = file()
      const refused = yield* Effect.flip(WorkerDrop.run(workers, { does: "refuse", path }))
      assert.isTrue(refused instanceof Refused && refused.why === path)
      const died = yield* Effect.exit(WorkerDrop.run(workers, { does: "die", path: file() }))
      assert.isTrue(Exit.isFailure(died) && String(Cause.squash(died.cause)).includes("out of paper"))
      const lost = yield* Effect.flip(WorkerDrop.run(workers, { does: "exit", path: file() }, { name: "mail" }))
      assert.strictEqual(lost.message, "mail of workers is lost: its thread ended: exit code 3")
      assert.isTrue(lost instanceof WorkerDrop.JobLost && lost.reason === "died" && lost.job === "mail")
      assert.strictEqual(yield* WorkerDrop.run(workers, { does: "echo", path }), path)
    }).pipe(AsyncDrop.scoped))

  it.live("runs one job a thread at a time, and lets the others wait in the order in which they came", () =>
    Effect.gen(function*() {
      const workers = yield* pool({ size: 2 })
      const paths = Array.from({ length: 6 }, file)
      const ended: Array<string> = []
      const fibers = []
      for (const path of paths) {
        const job = WorkerDrop.run(workers, { does: "wait", path })
        fibers.push(yield* beside(Effect.tap(job, () => Effect.sync(() => ended.push(path)))))
      }
      yield* Effect.forEach(paths.slice(0, 2), (path) => until(began(path)))
      for (const [index, path] of paths.entries()) {
        assert.deepStrictEqual(paths.filter((it) => existsSync(began(it))), paths.slice(0, index + 2))
        yield* touch(path)
        yield* holds(() => ended.includes(path))
        const next = paths[index + 2]
        if (next !== undefined) yield* until(began(next))
      }
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(ended, paths)
    }).pipe(AsyncDrop.scoped))

  it.live("interrupted interrupts the job in its thread, and ends a thread that does not let go", () =>
    Effect.gen(function*() {
      const workers = yield* pool({ terminateAfter: "200 millis" })
      for (const does of ["never", "spin"] as const) {
        const path = file()
        const fiber = yield* beside(WorkerDrop.run(workers, { does, path }))
        yield* until(began(path))
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(existsSync(interrupted(path)), does === "never")
        assert.strictEqual(living(), does === "never" ? 1 : 0)
        assert.strictEqual(yield* WorkerDrop.run(workers, { does: "echo", path }), path)
      }
    }).pipe(AsyncDrop.scoped))

  it.live("interrupted while it waits is taken back, and the one behind it goes next", () =>
    Effect.gen(function*() {
      const workers = yield* pool()
      const [first, second, third] = [file(), file(), file()]
      const running = yield* beside(WorkerDrop.run(workers, { does: "wait", path: first }))
      const waiting = yield* beside(WorkerDrop.run(workers, { does: "echo", path: second }))
      const last = yield* beside(WorkerDrop.run(workers, { does: "echo", path: third }))
      yield* Fiber.interrupt(waiting)
      yield* touch(first)
      assert.deepStrictEqual(yield* Fiber.joinAll([running, last]), ["waited", third])
      assert.isFalse(existsSync(began(second)))
    }).pipe(AsyncDrop.scoped))

  it.live("is lost with all that wait where no thread can be started again", () =>
    Effect.gen(function*() {
      const once = () => threads.length === 0 ? spawn() : assert.fail("no more threads")
      const workers = yield* WorkerDrop.make(task, once)
      const jobs = (["exit", "echo", "echo"] as const).map((does) => WorkerDrop.run(workers, { does, path: file() }))
      const errors = yield* Effect.forEach(jobs, Effect.flip, { concurrency: "unbounded" })
      assert.deepStrictEqual(errors.map((error) => error.message), [
        "job#1 of workers is lost: its thread ended: exit code 3",
        "job#2 of workers is lost: its thread could not be started",
        "job#3 of workers is lost: its thread could not be started"
      ])
    }).pipe(AsyncDrop.scoped))

  it.live("does not mind what else a thread says", () =>
    Effect.gen(function*() {
      const workers = yield* pool()
      const path = file()
      assert.strictEqual(yield* WorkerDrop.run(workers, { does: "babble", path }), path)
      threads[0]!.emit("message", "nobody asked")
      threads[0]!.emit("message", [1, { id: 1, exit: null }])
      assert.strictEqual(yield* WorkerDrop.run(workers, { does: "echo", path }), path)
    }).pipe(AsyncDrop.scoped))
})

describe("WorkerDrop.make", { timeout: 30_000 }, () => {
  it.live("waits on close for jobs that run and wait, and refuses new ones", () =>
    Effect.gen(function*() {
      const [first, second, ...rest] = Array.from({ length: 6 }, file) as [string, string, ...Array<string>]
      const [workers, fibers] = yield* Effect.gen(function*() {
        const workers = yield* pool({ size: 2 })
        const fibers: Array<Fiber.Fiber<string, unknown>> = []
        for (const path of [first, second]) fibers.push(yield* beside(WorkerDrop.run(workers, { does: "wait", path })))
        for (const path of rest) fibers.push(yield* beside(WorkerDrop.run(workers, { does: "echo", path })))
        yield* beside(Effect.andThen(Effect.sleep(100), Effect.andThen(touch(first), touch(second))))
        return [workers, fibers] as const
      }).pipe(AsyncDrop.scoped)
      assert.strictEqual(living(), 0)
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["waited", "waited", ...rest])
      const refused = yield* Effect.exit(WorkerDrop.run(workers, { does: "echo", path: "late" }))
      assert.isTrue(Exit.isFailure(refused) && Cause.hasInterruptsOnly(refused.cause))
    }))

  it.live("waits on close for its jobs also where the closer is interrupted", () =>
    Effect.gen(function*() {
      const path = file()
      const jobs: Array<Fiber.Fiber<string, unknown>> = []
      const closer = yield* beside(AsyncDrop.scoped(Effect.gen(function*() {
        const workers = yield* pool()
        jobs.push(yield* beside(WorkerDrop.run(workers, { does: "wait", path })))
        jobs.push(yield* beside(WorkerDrop.run(workers, { does: "echo", path })))
      })))
      yield* until(began(path))
      const interrupting = yield* beside(Fiber.interrupt(closer))
      yield* Effect.sleep(50)
      assert.isUndefined(interrupting.pollUnsafe())
      yield* touch(path)
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(yield* Fiber.joinAll(jobs), ["waited", path])
      assert.strictEqual(living(), 0)
    }))

  it.live("terminates a busy thread at the limit, and names the jobs that are lost", () =>
    Effect.gen(function*() {
      const path = file()
      const fibers: Array<Fiber.Fiber<string, Refused | WorkerDrop.JobLost>> = []
      let from = 0
      const exit = yield* Effect.gen(function*() {
        const workers = yield* pool({ drain: "50 millis", terminateAfter: "100 millis" })
        fibers.push(yield* beside(WorkerDrop.run(workers, { does: "spin", path }, { name: "spins" })))
        fibers.push(yield* beside(WorkerDrop.run(workers, { does: "echo", path: file() }, { name: "waits" })))
        yield* until(began(path))
        from = performance.now()
      }).pipe(AsyncDrop.scoped, Effect.exit)
      const took = performance.now() - from
      assert.isTrue(took >= 145 && took < 1000, `${took} ms`)
      const { jobs, left, message, terminated } = lostBy(exit)
      assert.deepStrictEqual([jobs, terminated, left], [["spins", "waits"], 1, 0])
      assert.strictEqual(message, "workers ended before 2 of its jobs had: spins, waits")
      for (const fiber of fibers) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.isTrue(error instanceof WorkerDrop.JobLost && error.reason === "closed")
      }
      assert.strictEqual(living(), 0)
    }))

  it.live("without time to drain interrupts its jobs at once, and their releases run", () =>
    Effect.gen(function*() {
      const path = file()
      const exit = yield* Effect.gen(function*() {
        const workers = yield* pool({ drain: 0 })
        yield* beside(WorkerDrop.run(workers, { does: "never", path }))
        yield* until(began(path))
      }).pipe(AsyncDrop.scoped, Effect.exit)
      const { jobs, terminated } = lostBy(exit)
      assert.deepStrictEqual([jobs, terminated], [["job#1"], 0])
      assert.isTrue(existsSync(interrupted(path)))
      assert.strictEqual(living(), 0)
    }))

  it.live("ends its wait for jobs when the last of them is interrupted, or dies", () =>
    Effect.gen(function*() {
      for (const does of ["never", "wait"] as const) {
        const path = file()
        let workers: Effect.Success<ReturnType<typeof pool>>
        let job: Fiber.Fiber<string, unknown>
        const closer = yield* beside(AsyncDrop.scoped(Effect.gen(function*() {
          workers = yield* pool({ drain: "20 seconds" })
          job = yield* beside(WorkerDrop.run(workers, { does, path }))
          yield* until(began(path))
        })))
        yield* until(began(path))
        yield* Effect.sleep(30) // until it closes
        if (does === "never") yield* Fiber.interrupt(job!)
        else yield* Effect.promise(() => threads.at(-1)!.terminate())
        yield* Fiber.join(closer)
        assert.isTrue(Exit.isFailure(yield* Fiber.await(job!)))
        assert.strictEqual(living(), 0)
      }
    }))

  it.live("takes no more than is left of a budget, and names what is lost all the same", () =>
    Effect.gen(function*() {
      // Who waits for the system ends too late to be heard of: what is lost is named all the same.
      for (const [budget, does] of [[600, "spin"], [60, "spin"], [60, "system"]] as const) {
        const path = file()
        const heard: Array<unknown> = []
        let from = 0
        const exit = yield* Effect.gen(function*() {
          const workers = yield* pool({ terminateAfter: "20 seconds" })
          yield* beside(WorkerDrop.run(workers, { does, path }, { name: "lasts" }))
          yield* until(began(path))
          // It says so right before it begins to wait.
          if (does === "system") yield* Effect.sleep(300)
          from = performance.now()
        }).pipe(
          AsyncDrop.scoped({ budget }),
          Effect.provideService(
            DropReporter.DropReporter,
            ({ cause }) => Effect.sync(() => heard.push(Cause.squash(cause)))
          ),
          Effect.exit
        )
        // Without it the job would be waited for: 20 seconds.
        assert.isBelow(performance.now() - from, budget + 150)
        const failure = failureOf(exit)
        if (!(failure instanceof DropFailure.DropFailure)) return assert.fail(`no DropFailure: ${exit}`)
        // What a release that was cut short has to say goes to the reporter.
        const [first] = failure.errors
        const lost = () => [Cause.squash(first.cause), ...heard].filter((it) => it instanceof WorkerDrop.JobsLost)
        assert.deepStrictEqual(lost().map(({ jobs, terminated }) => [jobs, terminated]), [[["lasts"], 1]])
        yield* holds(() => living() === 0)
      }
    }))

  it.live("is ended by force where no time is left, and says so to the reporter", () =>
    Effect.gen(function*() {
      const path = file()
      const heard: Array<unknown> = []
      const slow = AsyncDrop.acquireRelease(Effect.void, () => Effect.never, { name: "slow" })
      const exit = yield* Effect.gen(function*() {
        const workers = yield* pool({ terminateAfter: "20 seconds" })
        yield* slow
        yield* beside(WorkerDrop.run(workers, { does: "spin", path }, { name: "spins" }))
        yield* until(began(path))
      }).pipe(
        AsyncDrop.scoped({ budget: "500 millis" }),
        Effect.provideService(DropReporter.DropReporter, ({ cause }) =>
          Effect.sync(() => heard.push(Cause.squash(cause)))),
        Effect.exit
      )
      assert.isTrue(failureOf(exit) instanceof DropFailure.DropFailure)
      yield* holds(() =>
        living() === 0
      )
      assert.deepStrictEqual(heard.flatMap((it) => it instanceof WorkerDrop.JobsLost ? it.jobs : []), ["spins"])
    }))

  it.live("leaves a thread that waits for the system after a second, and says so", () =>
    Effect.gen(function*() {
      const path = file()
      let from = 0
      const exit = yield* Effect.gen(function*() {
        const workers = yield* pool({ drain: 0, terminateAfter: 0, name: "hashers" })
        yield* beside(WorkerDrop.run(workers, { does: "system", path }))
        yield* until(began(path))
        // It says so right before it begins to wait.
        yield* Effect.sleep(300)
        from = performance.now()
      }).pipe(AsyncDrop.scoped, Effect.exit)
      assert.isBelow(performance.now() - from, 2000)
      const { left, message, terminated } = lostBy(exit)
      assert.deepStrictEqual([terminated, left], [1, 1])
      assert.strictEqual(message, "hashers ended before 1 of its jobs had: job#1; 1 of its threads did not end")
    }))

  it.live("terminates a thread that keeps something open, and no job is lost by that", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        const workers = yield* pool({ terminateAfter: "50 millis" })
        yield* WorkerDrop.run(workers, { does: "timer", path: file() })
      }).pipe(AsyncDrop.scoped)
      assert.strictEqual(living(), 0)
    }))

  it.live("says in one sentence which thread does not start, and leaves none", () =>
    Effect.gen(function*() {
      const second = (then: () => Worker) => () => threads.length === 0 ? spawn() : then()
      const no = (message: string) => (): never => {
        throw new Error(message)
      }
      const cases: ReadonlyArray<readonly [() => Worker, RegExp]> = [
        [no("no threads today"), /^a thread of workers could not be made: no threads today$/],
        [second(no("no more")), /^a thread of workers could not be made: no more$/],
        [
          second(script("throw new Error('no such table')")),
          /^a thread of workers ended before it served: no such table$/
        ],
        [script(""), /^a thread of workers ended before it served: its file ended \(exit code 0\)$/],
        [script("process.exit(7)"), /^a thread of workers ended before it served: exit code 7$/],
        [
          script("setInterval(() => {}, 1000)"),
          /^a thread of workers ended before it served: it did not come to WorkerDrop.serve within 2s$/
        ],
        [() => track(new Worker(new URL("./none.ts", import.meta.url))), /ended before it served: Cannot find module/]
      ]
      for (const [make, sentence] of cases) {
        const exit = yield* Effect.exit(
          AsyncDrop.scoped(
            WorkerDrop.make(task, make, { size: 2, startTimeout: "2 seconds", terminateAfter: "3 seconds" })
          )
        )
        const error = failureOf(exit)
        assert.isTrue(error instanceof WorkerDrop.WorkerStartError)
        assert.match((error as WorkerDrop.WorkerStartError).message.split("\n")[0]!, sentence)
        assert.strictEqual(living(), 0)
        yield* Effect.promise(() => Promise.all(threads.splice(0).map((thread) => thread.terminate())))
      }
    }))

  it.live("interrupted while its threads start ends those that were started", () =>
    Effect.gen(function*() {
      const making = yield* beside(AsyncDrop.scoped(pool({ size: 2 })))
      assert.strictEqual(living(), 2)
      yield* Fiber.interrupt(making)
      assert.strictEqual(living(), 0)
    }))

  it.live("refuses options that make no sense before it starts a thread", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [WorkerDrop.PoolOptions, string]> = [
        [{ size: 0 }, "size is 0. Give a whole number, one or more"],
        [{ size: NaN }, "size is NaN. Give a whole number, one or more"],
        [{ size: 1.5 }, "size is 1.5. Give a whole number, one or more"],
        [{ drain: -1 }, "drain is -1. Give a duration, zero or more"],
        [{ startTimeout: -1 }, "startTimeout is -1. Give a duration, zero or more"],
        [{ terminateAfter: NaN }, "terminateAfter is NaN. Give a duration, zero or more"]
      ]
      for (const [options, sentence] of cases) {
        const exit = yield* Effect.exit(AsyncDrop.scoped(WorkerDrop.make(task, () => assert.fail("started"), options)))
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.isTrue(error instanceof DropUsageError.DropUsageError)
        assert.strictEqual((error as Error).message, `WorkerDrop.make of workers: ${sentence}`)
      }
    }))
})
