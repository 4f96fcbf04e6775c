/**
 * A release that did not end within its limit.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * Which limit passed: the resource's own `timeout` or `forceTimeout`, or the
 * `budget` of the scope that was closing.
 *
 * @category models
 * @since 0.1.0
 */
export type Limit = "timeout" | "forceTimeout" | "budget"

/**
 * Says that a release, or what had to end before it, outlasted a limit.
 *
 * **Details**
 *
 * `resource` is its name. A release with a `timeout` adds this to the type of
 * its drop errors, a scope with a `budget` to the type of its `DropFailure`.
 * How far the release got by then stands in the `phase` of the `DropError`:
 * `force` where its `force` has ended, else `abandoned`.
 *
 * **Example** (Which limit passed)
 *
 * ```ts
 * import { AsyncDrop, DropTimeout } from "@async-drop/core"
 * import { Cause, Effect } from "effect"
 *
 * const program = AsyncDrop.scopedExit(
 *   AsyncDrop.acquireRelease(Effect.void, () => Effect.never, { name: "db", timeout: "5 millis" })
 * )
 * const { dropErrors: [error] } = await Effect.runPromise(program)
 * const timeout = error && Cause.squash(error.cause)
 * timeout instanceof DropTimeout.DropTimeout && timeout.message // => "db did not end within its timeout"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class DropTimeout extends Data.TaggedError("DropTimeout")<{
  readonly resource: string
  readonly limit: Limit
}> {
  override get message(): string {
    return `${this.resource} did not end within its ${words[this.limit]}`
  }
}

const words: { readonly [L in Limit]: string } = {
  timeout: "timeout",
  forceTimeout: "forceTimeout, after its timeout",
  budget: "scope's budget"
}
