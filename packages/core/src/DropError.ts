/**
 * What went wrong when one resource was given back.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import { describe } from "./internal/describe.ts"

/**
 * How far a release got: run as asked (`graceful`), by its `force` (`force`),
 * or given up on (`abandoned`).
 *
 * @category models
 * @since 0.1.0
 */
export type Phase = "graceful" | "force" | "abandoned"

/**
 * One failed release: which resource, why, when and for how long.
 *
 * **Details**
 *
 * `cause` is the release's own cause, as it was: a typed failure is a `Fail` in
 * it, a thrown value or a defect a `Die`, an interrupted release an `Interrupt`.
 * `key` is the one under which the resource was in an `AsyncDropHashMap` or a
 * `ConcurrentStore`; it is missing elsewhere.
 * `startedAt` is in milliseconds on the monotonic clock, counted from the start
 * of the resource's owner. Two releases that fail alike stay two errors.
 *
 * In the seed: what `async_drop` returns as `Err(T::Error)`.
 *
 * @see {@link DropFailure} for all errors of one close together
 * @category models
 * @since 0.1.0
 */
export interface DropError<out E> {
  readonly resource: string
  readonly key?: unknown
  readonly phase: Phase
  readonly cause: Cause.Cause<E>
  readonly startedAt: number
  readonly duration: Duration.Duration
  /**
   * Ended after it was given up on, which has been told already. That it was interrupted by then stands in `cause`,
   * which has other reasons only where it failed.
   */
  readonly late?: boolean
  /** The stack of the acquire, when a `DropObserver` asks for stacks. */
  readonly acquiredAt?: string
}

/**
 * One line for a drop error: the resource, what its release came to, and of what.
 *
 * **Example** (Printing what a scope could not give back)
 *
 * ```ts
 * import { AsyncDrop, DropError } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const { dropErrors } = Effect.runSync(AsyncDrop.scopedExit(
 *   AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("disk full"), { name: "log" })
 * ))
 * dropErrors.map(DropError.toText) // => ["log: its release failed with disk full"]
 * ```
 *
 * @category conversions
 * @since 0.1.0
 */
export const toText: (error: DropError<unknown>) => string = describe
