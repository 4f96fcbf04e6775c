// What a job is, and what can go wrong with one; public through WorkerDrop.
import * as Data from "effect/Data"
import type * as Schema from "effect/Schema"

/**
 * What goes into a thread and what comes out, shared by both sides.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job<I, A, E> {
  readonly input: Schema.Codec<I, unknown>
  readonly output: Schema.Codec<A, unknown>
  readonly error: Schema.Codec<E, unknown>
}

/**
 * A thread could not be started, or ended before it served.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkerStartError extends Data.TaggedError("WorkerStartError")<{
  readonly pool: string
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * A job has no answer.
 *
 * **Details**
 *
 * `died`: its thread ended by itself, or could not be started again; `cause`
 * tells. `closed`: the pool ended first.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobLost extends Data.TaggedError("JobLost")<{
  readonly pool: string
  readonly job: string
  readonly reason: "died" | "closed"
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * A pool ended before these jobs had.
 *
 * **Details**
 *
 * `jobs` are their names, the running ones first; `terminated` is how many
 * threads had to be ended from outside, `left` how many of these had not ended
 * a second later, or when a budget was over: one that waits for the system cannot.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobsLost extends Data.TaggedError("JobsLost")<{
  readonly pool: string
  readonly jobs: ReadonlyArray<string>
  readonly terminated: number
  readonly left: number
  readonly message: string
}> {}

/** What a thread is told, inside Effect's own envelope. */
export type Call =
  | { readonly _tag: "run"; readonly id: number; readonly input: unknown }
  | { readonly _tag: "interrupt"; readonly id: number }

/** What a thread answers, inside Effect's own envelope. */
export interface Reply {
  readonly id: number
  readonly exit: unknown
}
