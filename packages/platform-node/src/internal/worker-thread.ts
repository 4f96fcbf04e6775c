/**
 * One thread of a pool, from its spawn to its exit.
 *
 * Invariants
 * 1. It serves within its limit, or it is terminated; so it serves or ends.
 * 2. It has one job at a time, which is answered, or handed back when it ends.
 * 3. `exited` is done once, after its job was handed back.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as WorkerRunner from "effect/workers/WorkerRunner"
import type * as Threads from "node:worker_threads"
import type { Call, JobLost, Reply } from "./worker-model.ts"

export interface Task {
  readonly id: number
  readonly name: string
  readonly input: unknown
  readonly done: Deferred.Deferred<unknown, JobLost>
}

export interface Events {
  /** It has answered, and is free. */
  readonly free: () => void
  /** It has ended by itself or not; with the job that it had, and why. */
  readonly ended: (task: Task | undefined, cause: unknown) => void
}

/** Starts a fibre that belongs to nobody, with the services of the pool. */
export type Fork = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

export class Thread {
  /** Fails with the reason why it never served. */
  readonly ready = Deferred.makeUnsafe<void, unknown>()
  readonly exited = Deferred.makeUnsafe<void>()
  task: Task | undefined = undefined
  private cause: unknown = undefined
  private readonly worker: Threads.Worker
  private readonly events: Events
  private readonly starting: Fiber.Fiber<void>

  /** May throw what `worker` does where it is no worker. */
  constructor(worker: Threads.Worker, limit: Duration.Duration, fork: Fork, events: Events) {
    this.worker = worker
    this.events = events
    worker.on("message", (message: unknown) => this.heard(message))
    worker.on("error", (cause) => (this.cause = cause))
    worker.on("exit", (code) => this.gone(code))
    this.starting = fork(Effect.andThen(
      Effect.sleep(limit),
      Effect.sync(() => {
        this.cause = new Error(`it did not come to WorkerDrop.serve within ${Duration.format(limit)}`)
        void worker.terminate()
      })
    ))
  }

  give(task: Task): void {
    this.task = task
    this.post({ _tag: "run", id: task.id, input: task.input })
  }

  /** Interrupts its job; whether it let go of it in time. */
  interrupt(task: Task, limit: Duration.Duration): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      this.post({ _tag: "interrupt", id: task.id })
      return inTime(Effect.exit(Deferred.await(task.done)), limit)
    })
  }

  /** Lets it end, which interrupts its job; whether it did in time. */
  end(limit: Duration.Duration): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const close: WorkerRunner.PlatformMessage<Call> = [1]
      this.worker.postMessage(close)
      return inTime(Deferred.await(this.exited), limit)
    })
  }

  /** Ends it, as soon as it is not inside a call of the system; whether that was in time. */
  terminate(limit: Duration.Duration = stopping): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      void this.worker.terminate()
      return inTime(Deferred.await(this.exited), limit)
    })
  }

  private post(call: Call): void {
    const message: WorkerRunner.PlatformMessage<Call> = [0, call]
    this.worker.postMessage(message)
  }

  private heard(message: unknown): void {
    // A thread may also say what is none of ours.
    if (!Array.isArray(message)) return
    if (message[0] === 0) {
      this.starting.interruptUnsafe()
      Deferred.doneUnsafe(this.ready, Exit.void)
      return
    }
    const { task } = this
    if (task === undefined || !isReply(message[1]) || message[1].id !== task.id) return
    // Free before its caller goes on in this step, and asks for more.
    this.task = undefined
    Deferred.doneUnsafe(task.done, Exit.succeed(message[1].exit))
    this.events.free()
  }

  private gone(code: number): void {
    this.starting.interruptUnsafe()
    const cause = this.cause ??
      (code === 0 ? new Error("its file ended (exit code 0)") : new Error(`exit code ${code}`))
    const task = this.task
    this.task = undefined
    this.events.ended(task, cause)
    Deferred.doneUnsafe(this.ready, Exit.fail(cause))
    Deferred.doneUnsafe(this.exited, Exit.void)
  }
}

/** How long a thread that was terminated is waited for: one inside a call of the system ends after that. */
const stopping = Duration.seconds(1)

const inTime = (ended: Effect.Effect<unknown>, limit: Duration.Duration): Effect.Effect<boolean> =>
  Effect.raceFirst(Effect.as(ended, true), Effect.as(Effect.sleep(limit), false))

const isReply = (value: unknown): value is Reply =>
  typeof value === "object" && value !== null && "id" in value && "exit" in value
