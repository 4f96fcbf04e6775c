/**
 * A pool of worker threads, one job per thread at a time.
 *
 * Invariants
 * 1. A job is in the queue, in exactly one thread, or done; it is done once.
 * 2. Jobs leave the queue in the order in which they came.
 * 3. A thread that ended is started again only for a job, and that job is lost if it ends again.
 * 4. No job comes in once the pool is `draining`, and none leaves the queue once it is `ending`.
 * 5. After `close` or `cut` every thread has ended, or is counted as left.
 */
import { DropContext } from "@async-drop/core/DropContext"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Threads from "node:worker_threads"
import { JobLost, JobsLost, WorkerStartError } from "./worker-model.ts"
import { type Fork, type Task, Thread } from "./worker-thread.ts"

export interface Limits {
  readonly start: Duration.Duration
  readonly drain: Duration.Duration
  readonly terminateAfter: Duration.Duration
}

export type Spawn = (index: number) => Threads.Worker

export interface Engine {
  readonly name: string
  readonly limits: Limits
  readonly spawn: Spawn
  readonly fork: Fork
  readonly slots: Array<Thread | undefined>
  readonly queue: Array<Task>
  readonly lost: Array<Task>
  readonly drained: Deferred.Deferred<void>
  state: "open" | "draining" | "ending"
  ids: number
  /** Those that were ended from outside. */
  readonly terminated: Set<Thread>
}

export const make = (name: string, size: number, limits: Limits, spawn: Spawn): Effect.Effect<Engine> =>
  Effect.map(Effect.context<never>(), (context) => ({
    name,
    limits,
    spawn,
    fork: Effect.runForkWith(context),
    slots: Array.from({ length: size }, () => undefined),
    queue: [],
    lost: [],
    drained: Deferred.makeUnsafe(),
    state: "open",
    ids: 0,
    terminated: new Set()
  }))

/** Starts every thread, and waits until all serve. */
export const start = (pool: Engine): Effect.Effect<void, WorkerStartError> =>
  Effect.suspend(() => {
    const started = Result.all(pool.slots.map((_, index) => startThread(pool, index)))
    if (Result.isFailure(started)) return Effect.fail(started.failure)
    const ready = (thread: Thread) =>
      Effect.mapError(Deferred.await(thread.ready), (cause) => startError(pool, "ended before it served", cause))
    return Effect.forEach(started.success, ready, { concurrency: "unbounded", discard: true })
  })

/** Gives a job to the pool, and waits for what its thread answers. */
export const run = (pool: Engine, name: string | undefined, input: unknown): Effect.Effect<unknown, JobLost> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      if (pool.state !== "open") return Effect.interrupt // 4
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
    const { drain, terminateAfter } = within(pool.limits, (yield* DropContext).timeLeft)
    pool.state = "draining"
    settle(pool)
    yield* Effect.raceFirst(Deferred.await(pool.drained), Effect.sleep(drain))
    yield* endAll(pool, (thread) =>
      Effect.flatMap(thread.end(terminateAfter), (ended) => {
        return ended ? Effect.succeed(true) : terminate(pool, thread)
      }))
  })

/** As `close`, where there is no time left: also while that is under way, or was interrupted. */
export const cut = (pool: Engine): Effect.Effect<void, JobsLost> =>
  Effect.onInterrupt(
    endAll(pool, (thread) => terminate(pool, thread)),
    // Who is given up on has no time to wait any more, but still says what is lost.
    () => lost(pool, pool.slots.filter((thread) => thread !== undefined).length)
  )

const terminate = (pool: Engine, thread: Thread): Effect.Effect<boolean> => {
  pool.terminated.add(thread)
  return thread.terminate()
}

/** What it names is known before its first wait, so whoever comes later names the same. */
const endAll = (pool: Engine, end: (thread: Thread) => Effect.Effect<boolean>): Effect.Effect<void, JobsLost> =>
  Effect.suspend(() => {
    loseAll(pool)
    const threads = pool.slots.filter((thread) => thread !== undefined)
    return Effect.flatMap(
      Effect.forEach(threads, end, { concurrency: "unbounded" }),
      (ends) => lost(pool, ends.filter((it) => !it).length)
    )
  })

const lost = (pool: Engine, left: number): Effect.Effect<void, JobsLost> =>
  pool.lost.length === 0 ? Effect.void : Effect.fail(lostError(pool, left))

const loseAll = (pool: Engine): void => {
  if (pool.state === "ending") return
  pool.state = "ending"
  const running = pool.slots.flatMap((thread) => thread?.task ?? [])
  pool.lost.push(...running, ...pool.queue.splice(0))
  for (const task of pool.lost) fail(pool, task, "closed", "the pool ended before it had")
}

/** A part of the time that is left is for the end of the threads. */
const within = ({ drain, terminateAfter }: Limits, timeLeft: Option.Option<Duration.Duration>) => {
  if (Option.isNone(timeLeft)) return { drain, terminateAfter }
  const left = Duration.toMillis(timeLeft.value)
  return {
    drain: Duration.min(drain, Duration.millis(left * 0.7)),
    terminateAfter: Duration.min(terminateAfter, Duration.millis(left * 0.2))
  }
}

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
    return Effect.flatMap(
      thread.interrupt(task, pool.limits.terminateAfter),
      (ended) => ended ? Effect.void : Effect.asVoid(thread.terminate())
    )
  })

/** Gives jobs to threads that are free, then to those that have to be started again. */
const dispatch = (pool: Engine): void => {
  const isFree = (thread: Thread | undefined) => thread !== undefined && thread.task === undefined
  while (pool.queue.length > 0) {
    const free = pool.slots.find(isFree)
    const index = free === undefined ? pool.slots.indexOf(undefined) : -1
    if (free === undefined && index < 0) return
    const task = pool.queue.shift()! // the loop has looked
    const thread = free === undefined ? startThread(pool, index) : Result.succeed(free)
    if (Result.isSuccess(thread)) thread.success.give(task)
    else fail(pool, task, "died", "its thread could not be started", thread.failure.cause) // 3
  }
  settle(pool)
}

const startThread = (pool: Engine, index: number): Result.Result<Thread, WorkerStartError> =>
  Result.try({
    try: () => {
      const thread: Thread = new Thread(pool.spawn(index), pool.limits.start, pool.fork, {
        free: () => dispatch(pool),
        ended: (task, cause) => {
          pool.slots[index] = undefined
          if (task !== undefined) fail(pool, task, "died", `its thread ended: ${said(cause)}`, cause)
          dispatch(pool)
        }
      })
      pool.slots[index] = thread
      return thread
    },
    catch: (cause) => startError(pool, "could not be made", cause)
  })

const settle = (pool: Engine): void => {
  if (pool.state === "open" || pool.queue.length > 0 || pool.slots.some((thread) => thread?.task)) return
  Deferred.doneUnsafe(pool.drained, Exit.void)
}

const fail = (pool: Engine, task: Task, reason: JobLost["reason"], why: string, cause?: unknown): void => {
  const message = `${task.name} of ${pool.name} is lost: ${why}`
  Deferred.doneUnsafe(task.done, Exit.fail(new JobLost({ pool: pool.name, job: task.name, reason, message, cause })))
}

/** How many jobs a message names. */
const named = 10

const lostError = (pool: Engine, left: number): JobsLost => {
  const jobs = pool.lost.map(({ name }) => name)
  const more = jobs.length > named ? `, and ${jobs.length - named} more` : ""
  const still = left === 0 ? "" : `; ${left} of its threads did not end`
  return new JobsLost({
    pool: pool.name,
    jobs,
    terminated: pool.terminated.size,
    left,
    message: `${pool.name} ended before ${jobs.length} of its jobs had: ${
      jobs.slice(0, named).join(", ")
    }${more}${still}`
  })
}

const startError = (pool: Engine, what: string, cause: unknown) =>
  new WorkerStartError({ pool: pool.name, message: `a thread of ${pool.name} ${what}: ${said(cause)}`, cause })

const said = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)
