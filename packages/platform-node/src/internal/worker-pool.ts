/**
 * A pool of worker threads, one job per thread at a time.
 *
 * Invariants
 * 1. A job is in the queue, in exactly one thread, or done; it is done once.
 * 2. Jobs leave the queue in the order in which they came.
 * 3. A thread that ended is started again only for a job, and that job is lost if it ends again.
 * 4. After `close` no thread is left, and no job comes in.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Worker from "effect/workers/Worker"
import type * as WorkerRunner from "effect/workers/WorkerRunner"
import type * as Threads from "node:worker_threads"
import { type Call, JobLost, JobsLost, type Reply, WorkerStartError } from "./worker-model.ts"

interface Task {
  readonly id: number
  readonly name: string
  readonly input: unknown
  readonly done: Deferred.Deferred<unknown, JobLost>
}

interface Thread {
  readonly worker: Threads.Worker
  readonly ready: Deferred.Deferred<void, WorkerStartError>
  readonly exited: Deferred.Deferred<void>
  task: Task | undefined
  cause: unknown
}

export interface Limits {
  readonly drain: Duration.Duration
  readonly terminateAfter: Duration.Duration
}

export interface Engine {
  readonly name: string
  readonly limits: Limits
  readonly spawn: (index: number) => Threads.Worker
  readonly slots: Array<Thread | undefined>
  readonly queue: Array<Task>
  readonly drained: Deferred.Deferred<void>
  state: "open" | "closing"
  ids: number
}

export const make = (name: string, size: number, limits: Limits, spawn: Engine["spawn"]): Engine => ({
  name,
  limits,
  spawn,
  slots: Array.from({ length: size }, () => undefined),
  queue: [],
  drained: Deferred.makeUnsafe(),
  state: "open",
  ids: 0
})

/** Starts every thread, and waits until all serve. */
export const start = (pool: Engine): Effect.Effect<void, WorkerStartError> =>
  Effect.forEach(pool.slots, (_, index) =>
    Effect.suspend(() => {
      const started = startThread(pool, index)
      return Result.isFailure(started) ? Effect.fail(started.failure) : Deferred.await(started.success.ready)
    }), { concurrency: "unbounded", discard: true })

/** Gives a job to the pool, and waits for what its thread answers. */
export const run = (pool: Engine, name: string | undefined, input: unknown): Effect.Effect<unknown, JobLost> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      if (pool.state === "closing") return Effect.interrupt
      const id = ++pool.ids
      const task: Task = { id, name: name ?? `job#${id}`, input, done: Deferred.makeUnsafe() }
      pool.queue.push(task)
      dispatch(pool)
      return Effect.onInterrupt(restore(Deferred.await(task.done)), () => cancel(pool, task))
    })
  )

/** Refuses new jobs, waits for those that are there, and ends every thread. */
export const close = (pool: Engine): Effect.Effect<void, JobsLost> =>
  Effect.gen(function*() {
    pool.state = "closing"
    settle(pool)
    yield* Effect.raceFirst(Deferred.await(pool.drained), Effect.sleep(pool.limits.drain))
    const running = pool.slots.flatMap((thread) => thread?.task ?? [])
    const lost = [...running, ...pool.queue.splice(0)]
    for (const task of lost) fail(pool, task, "closed", "the pool ended before it had")
    const ends = yield* Effect.forEach(pool.slots, (thread) => thread ? end(pool, thread) : Effect.succeed(0), {
      concurrency: "unbounded"
    })
    if (lost.length === 0) return
    const jobs = lost.map(({ name }) => name)
    const terminated = ends.reduce((sum, one) => sum + one, 0)
    const message = `${pool.name} ended before ${jobs.length} of its jobs had: ${jobs.slice(0, 10).join(", ")}`
    return yield* new JobsLost({ pool: pool.name, jobs, terminated, message })
  })

/** Asks a thread to end, and ends it at the limit; 1 if it had to. */
const end = (pool: Engine, thread: Thread): Effect.Effect<number> =>
  Effect.suspend(() => {
    const close: WorkerRunner.PlatformMessage<Call> = [1]
    thread.worker.postMessage(close)
    return Effect.raceFirst(
      Effect.as(Deferred.await(thread.exited), 0),
      Effect.as(Effect.sleep(pool.limits.terminateAfter), 1)
    )
  }).pipe(Effect.tap((late) => late === 1 ? terminate(thread) : Effect.void))

const terminate = (thread: Thread) =>
  Effect.andThen(Effect.promise(() => thread.worker.terminate()), Deferred.await(thread.exited))

/** Takes back a job nobody waits for: a thread that does not let go of it in time is ended. */
const cancel = (pool: Engine, task: Task): Effect.Effect<void> =>
  Effect.suspend(() => {
    const queued = pool.queue.indexOf(task)
    if (queued >= 0) {
      pool.queue.splice(queued, 1)
      settle(pool)
      return Effect.void
    }
    const thread = pool.slots.find((one) => one?.task === task)
    if (thread === undefined) return Effect.void
    post(thread, { _tag: "interrupt", id: task.id })
    return Effect.raceFirst(
      Effect.as(Effect.exit(Deferred.await(task.done)), true),
      Effect.as(Effect.sleep(pool.limits.terminateAfter), false)
    ).pipe(Effect.flatMap((ended) => ended ? Effect.void : terminate(thread)))
  })

const dispatch = (pool: Engine): void => {
  for (let index = 0; index < pool.slots.length && pool.queue.length > 0; index++) {
    if (pool.slots[index]?.task !== undefined) continue
    const started = pool.slots[index] ?? Result.getOrElse(startThread(pool, index), (error) => error)
    const task = pool.queue.shift()! // the loop has looked
    if (started instanceof WorkerStartError) {
      fail(pool, task, "died", "its thread could not be started", started.cause)
      continue
    }
    started.task = task
    post(started, { _tag: "run", id: task.id, input: task.input })
  }
  settle(pool)
}

const startThread = (pool: Engine, index: number): Result.Result<Thread, WorkerStartError> =>
  Result.map(
    Result.try({ try: () => pool.spawn(index), catch: (cause) => startError(pool, cause) }),
    (worker) => {
      const thread: Thread = {
        worker,
        ready: Deferred.makeUnsafe(),
        exited: Deferred.makeUnsafe(),
        task: undefined,
        cause: undefined
      }
      pool.slots[index] = thread
      worker.on("message", (message: Worker.PlatformMessage) => {
        if (message[0] === 0) return Deferred.doneUnsafe(thread.ready, Exit.void)
        const { exit, id } = message[1] as Reply // only `serve` answers
        if (thread.task?.id !== id) return
        Deferred.doneUnsafe(thread.task.done, Exit.succeed(exit))
        thread.task = undefined
        return dispatch(pool)
      })
      worker.on("error", (cause) => (thread.cause = cause))
      worker.on("exit", (code) => {
        pool.slots[index] = undefined
        const cause = thread.cause ?? `exit code ${code}`
        Deferred.doneUnsafe(thread.ready, Exit.fail(startError(pool, cause)))
        if (thread.task !== undefined) fail(pool, thread.task, "died", "its thread ended", cause)
        thread.task = undefined
        Deferred.doneUnsafe(thread.exited, Exit.void)
        dispatch(pool)
      })
      return thread
    }
  )

const post = (thread: Thread, call: Call): void => {
  const message: WorkerRunner.PlatformMessage<Call> = [0, call]
  thread.worker.postMessage(message)
}

const settle = (pool: Engine): void => {
  if (pool.state === "open" || pool.queue.length > 0 || pool.slots.some((thread) => thread?.task)) return
  Deferred.doneUnsafe(pool.drained, Exit.void)
}

const fail = (pool: Engine, task: Task, reason: JobLost["reason"], why: string, cause?: unknown): void => {
  const message = `${task.name} of ${pool.name} is lost: ${why}`
  Deferred.doneUnsafe(task.done, Exit.fail(new JobLost({ pool: pool.name, job: task.name, reason, message, cause })))
}

const startError = (pool: Engine, cause: unknown) =>
  new WorkerStartError({
    pool: pool.name,
    message: `a thread of ${pool.name} ended before it served: ${cause instanceof Error ? cause.message : cause}`,
    cause
  })
