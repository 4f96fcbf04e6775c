/**
 * A guard, or the error of whoever could not make one.
 *
 * **Details**
 *
 * It is Effect's own `Result`, so what CryFS gives `AsyncDropResult<T, E>` is
 * there already: `new`, `as_inner` and `into_inner` are nothing (it *is* the
 * result), `ok` is `Result.getSuccess`, and `err` is `Result.getFailure`. This
 * module adds what `Result` cannot know: how it is dropped (`async_drop_impl`),
 * and how an exit becomes one.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as AsyncDropGuard from "./AsyncDropGuard.ts"

/**
 * A `Result` with a guard on its success side.
 *
 * **Details**
 *
 * In the seed: `AsyncDropResult<T, E>`.
 *
 * @category models
 * @since 0.1.0
 */
export type AsyncDropResult<A, E, DE = never> = Result.Result<AsyncDropGuard.AsyncDropGuard<A, DE>, E>

/**
 * Makes a result of an exit: its first typed failure is the failure side.
 *
 * **Details**
 *
 * Defects and interrupts stay what they are. In the seed: `AsyncDropResult::new`
 * of what a function that may fail has given.
 *
 * **Example** (A guard that could not be made)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropResult } from "@async-drop/core"
 * import { Effect, Result } from "effect"
 *
 * const open = AsyncDropGuard.make(Effect.fail("no such file"), () => Effect.void)
 * const program = Effect.gen(function*() {
 *   const result = yield* AsyncDropResult.fromExit(yield* Effect.exit(open))
 *   yield* AsyncDropResult.drop(result)
 *   return Result.isFailure(result) ? result.failure : "opened"
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => "no such file"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromExit = <A, E, DE>(
  exit: Exit.Exit<AsyncDropGuard.AsyncDropGuard<A, DE>, E>
): Effect.Effect<AsyncDropResult<A, E, DE>> => {
  if (exit._tag === "Success") return Effect.succeed(Result.succeed(exit.value))
  const reasons = exit.cause.reasons.filter((reason) => reason._tag !== "Fail")
  const failure = exit.cause.reasons.find(Cause.isFailReason)
  if (reasons.length > 0 || failure === undefined) return Effect.failCause(Cause.fromReasons(reasons))
  return Effect.succeed(Result.fail(failure.error))
}

/**
 * Drops the guard of a result, if there is one; fails with the release's own
 * error, as it is.
 *
 * **Details**
 *
 * In the seed: `result.async_drop().await`.
 *
 * **Interruption**
 *
 * As `AsyncDropGuard.drop`.
 *
 * @category operations
 * @since 0.1.0
 */
export const drop = <A, E, DE = never>(result: AsyncDropResult<A, E, DE>): Effect.Effect<void, DE> =>
  Result.isSuccess(result) ? AsyncDropGuard.drop(result.success) : Effect.void
