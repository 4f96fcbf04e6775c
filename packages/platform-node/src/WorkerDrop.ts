/**
 * Pools of worker threads that end their jobs before they end.
 *
 * @since 0.1.0
 */
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import type { DropScope } from "@async-drop/core/DropScope"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { WorkerError } from "effect/workers/WorkerError"
import * as WorkerRunner from "effect/workers/WorkerRunner"
import type { Worker } from "node:worker_threads"
import { checkCount, checkDurations } from "./internal/options.ts"
import { type Call, type Job, JobLost, JobsLost, type Reply, WorkerStartError } from "./internal/worker-model.ts"
import * as Engine from "./internal/worker-pool.ts"

export { type Job, JobLost, JobsLost, WorkerStartError }

/**
 * A pool of threads that all serve one job.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerPool<I, A, E> {
  readonly name: string
  readonly job: Job<I, A, E>
  /** @internal */
  readonly engine: Engine.Engine
}

/**
 * The options of a pool.
 *
 * @category options
 * @since 0.1.0
 */
export interface PoolOptions {
  /** How many threads. Default 1. */
  readonly size?: number | undefined
  /** How long a thread has until it serves, before it is terminated. Default 10 seconds. */
  readonly startTimeout?: Duration.Input | undefined
  /** How long the close waits for jobs that run or are queued; zero, to interrupt them at once. Default 5 seconds. */
  readonly drain?: Duration.Input | undefined
  /** How long a thread has to end after it was asked to, before it is terminated. Default 1 second. */
  readonly terminateAfter?: Duration.Input | undefined
  /** What messages call it. Default `workers`. */
  readonly name?: string | undefined
}

/**
 * Describes a job, in a file that both sides import.
 *
 * @category constructors
 * @since 0.1.0
 */
export const job = <I, A, E = never>(options: {
  readonly input: Schema.Codec<I, unknown>
  readonly output: Schema.Codec<A, unknown>
  /** Typed errors cross as values of it. Default: there are none. */
  readonly error?: Schema.Codec<E, unknown> | undefined
}): Job<I, A, E> => ({
  input: options.input,
  output: options.output,
  // Without a schema nothing gives E but its default.
  error: options.error ?? (Schema.Never as unknown as Schema.Codec<E, unknown>)
})

/**
 * Serves a job in a thread, until its pool ends it.
 *
 * **Interruption**
 *
 * A job whose caller was interrupted is interrupted, and so is one that runs when
 * the pool ends; its releases run.
 *
 * **Gotchas**
 *
 * What the file of the thread opens before it serves counts into `startTimeout`;
 * outside of a thread it fails with a `WorkerError`.
 *
 * @see {@link make} for an example of both sides
 * @category constructors
 * @since 0.1.0
 */
export const serve = <I, A, E, R>(
  job: Job<I, A, E>,
  handler: (input: I) => Effect.Effect<A, E, R>
): Effect.Effect<void, WorkerError, R> =>
  Effect.gen(function*() {
    const platform = yield* WorkerRunner.WorkerRunnerPlatform
    const runner = yield* platform.start<Reply, Call>()
    const exits = exitOf(job)
    const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(job.input))
    const encode = Schema.encodeEffect(exits)
    const running = new Map<number, Fiber.Fiber<unknown, unknown>>()
    return yield* runner.run((port, call) => {
      if (call._tag === "interrupt") {
        return Effect.suspend(() => {
          const fiber = running.get(call.id)
          return fiber ? Fiber.interrupt(fiber) : Effect.void
        })
      }
      return Effect.uninterruptibleMask((restore) =>
        Effect.withFiber((fiber) => {
          running.set(call.id, fiber)
          const work = Effect.flatMap(Effect.orDie(decode(call.input)), handler)
          return Effect.exit(restore(work)).pipe(
            Effect.flatMap((exit) =>
              Effect.catchCause(encode(exit), (cause) => encode(Effect.runSyncExit(Effect.die(cause))))
            ),
            Effect.flatMap((exit) => runner.send(port, { id: call.id, exit })),
            Effect.ensuring(Effect.sync(() => running.delete(call.id)))
          )
        })
      )
    })
  }).pipe(Effect.provide(NodeWorkerRunner.layer))

/**
 * Starts worker threads until the current `Scope` closes, which lets their jobs end first.
 *
 * **When to use**
 *
 * Where a shutdown must not cut what threads are at. The close of Effect's own
 * workers interrupts jobs at once, and waits a fixed 5 s for a busy thread.
 *
 * **Details**
 *
 * It returns when all threads serve; one that cannot, or does not within
 * `startTimeout`, is a `WorkerStartError`, with every thread ended. A thread has
 * one job at a time; others wait in the order in which they came. A thread that
 * ends by itself loses its job (`JobLost`) and is started again for the next one.
 *
 * On close new jobs are refused, and those that run or wait have `drain` to end.
 * Then every thread is asked to end, which interrupts its job, and after
 * `terminateAfter` it is terminated, also when it is busy. Jobs lost so are named
 * in `JobsLost`, and their callers fail with `JobLost`. Where the scope has a
 * budget, the close takes no more than is left of it; what is lost then goes to
 * the `DropReporter`, by name, however little that was. Negative times and a `size`
 * below 1 are a `DropUsageError`.
 *
 * **Interruption**
 *
 * Waiting for the threads to serve can be interrupted, and ends those that were
 * started. The close is uninterruptible; it takes `drain` and `terminateAfter` at
 * most, and 1 s for a thread that cannot be terminated.
 *
 * **Gotchas**
 *
 * A thread that waits for the system, as in `execFileSync`, ends when that has
 * returned: after a second it is left, and counted in `JobsLost`. A thread ends
 * by itself only when it has nothing open any more; one that keeps a timer or a
 * socket, and is at no job, is terminated without a word.
 *
 * **Example** (A file that is both sides)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { WorkerDrop } from "@async-drop/platform-node"
 * import { Effect, Schema } from "effect"
 * import { isMainThread, Worker } from "node:worker_threads"
 *
 * const square = WorkerDrop.job({ input: Schema.Number, output: Schema.Number })
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* WorkerDrop.make(square, () => new Worker(new URL(import.meta.url)), { size: 2 })
 *   return yield* Effect.forEach([1, 2, 3], (n) => WorkerDrop.run(pool, n), { concurrency: "unbounded" })
 * })
 *
 * const result = isMainThread
 *   ? Effect.runPromise(AsyncDrop.scoped(program))
 *   : Effect.runPromise(WorkerDrop.serve(square, (n) => Effect.succeed(n * n)))
 *
 * isMainThread ? await result : undefined // => isMainThread ? [1, 4, 9] : undefined
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <I, A, E>(
  job: Job<I, A, E>,
  spawn: (index: number) => Worker,
  options?: PoolOptions
): Effect.Effect<WorkerPool<I, A, E>, WorkerStartError, Scope.Scope | DropScope<JobsLost>> =>
  Effect.uninterruptibleMask((restore) => {
    const {
      drain = "5 seconds",
      name = "workers",
      size = 1,
      startTimeout = "10 seconds",
      terminateAfter = "1 second"
    } = options ?? {}
    const open = Effect.gen(function*() {
      const engine = yield* Engine.make(name, size, {
        start: Duration.fromInputUnsafe(startTimeout),
        drain: Duration.fromInputUnsafe(drain),
        terminateAfter: Duration.fromInputUnsafe(terminateAfter)
      }, spawn)
      yield* Effect.onError(restore(Engine.start(engine)), () => Effect.ignore(Engine.close(engine)))
      return engine
    })
    return checkDurations(name, "WorkerDrop.make", { drain, startTimeout, terminateAfter }).pipe(
      Effect.andThen(checkCount(name, "WorkerDrop.make", "size", size)),
      Effect.andThen(AsyncDrop.acquireRelease(open, Engine.close, { name, force: Engine.cut })),
      Effect.map((engine): WorkerPool<I, A, E> => ({ name, job, engine }))
    )
  })

/**
 * Gives a job to a pool, and waits for its answer.
 *
 * **Details**
 *
 * It fails with the error of the job, or with `JobLost` if there will be no
 * answer. Of a pool that closes, it is interrupted.
 *
 * **Interruption**
 *
 * A job that waits is taken back. One that runs is interrupted in its thread, and
 * waited for; a thread that does not let go within `terminateAfter` is terminated.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = <I, A, E>(
  pool: WorkerPool<I, A, E>,
  input: I,
  options?: { readonly name?: string | undefined }
): Effect.Effect<A, E | JobLost> =>
  Effect.orDie(Schema.encodeEffect(Schema.toCodecJson(pool.job.input))(input)).pipe(
    Effect.flatMap((encoded) => Engine.run(pool.engine, options?.name, encoded)),
    Effect.flatMap((exit) => Effect.orDie(Schema.decodeUnknownEffect(exitOf(pool.job))(exit))),
    Effect.flatten
  )

const exitOf = <I, A, E>(job: Job<I, A, E>) => Schema.toCodecJson(Schema.Exit(job.output, job.error, Schema.Defect()))
