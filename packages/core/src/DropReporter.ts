/**
 * Where drop errors go that no result could carry.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { DropError } from "./DropError.ts"
import { annotations, describe, isLateSuccess } from "./internal/describe.ts"
import { allReported } from "./internal/on-the-way.ts"

/**
 * Receives each drop error that is not the primary failure of a result.
 *
 * **Details**
 *
 * It is taken from the context when a resource is acquired. It is started at
 * once and not waited for: a reporter that fails, dies or hangs harms nothing.
 * By default it writes one structured log entry at level `Error`, annotated
 * with `resource` and `phase`; what ends well after it was given up on, which was
 * the error, is a `Warn` without a cause.
 *
 * **Example** (Counting drop errors)
 *
 * ```ts
 * import { AsyncDrop, DropReporter } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const seen: Array<string> = []
 * const program = Effect.scoped(
 *   AsyncDrop.acquireRelease(Effect.succeed("file"), () => Effect.die("disk gone"), { name: "log" })
 * ).pipe(Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => seen.push(error.resource))))
 *
 * Effect.runSync(program) // => "file"
 * seen // => ["log"]
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const DropReporter: Context.Reference<(error: DropError<unknown>) => Effect.Effect<void>> = Context.Reference(
  "@async-drop/core/DropReporter",
  {
    defaultValue: () => (error: DropError<unknown>) =>
      Effect.annotateLogs(
        isLateSuccess(error) ? Effect.logWarning(describe(error)) : Effect.logError(describe(error), error.cause),
        annotations(error)
      )
  }
)

/**
 * Waits until each report that is on its way, in the whole process, has ended.
 *
 * **When to use**
 *
 * Right before a process exits, within a limit: nobody else waits for reports.
 *
 * **Interruption**
 *
 * Can be interrupted; the reports go on.
 *
 * **Example** (A reporter that takes its time)
 *
 * ```ts
 * import { AsyncDrop, DropReporter } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const sent: Array<string> = []
 * const program = Effect.scoped(
 *   AsyncDrop.acquireRelease(Effect.succeed("file"), () => Effect.die("disk gone"), { name: "log" })
 * ).pipe(
 *   Effect.provideService(DropReporter.DropReporter, (error) =>
 *     Effect.delay(Effect.sync(() => sent.push(error.resource)), "5 millis"))
 * )
 *
 * await Effect.runPromise(Effect.andThen(program, DropReporter.awaitAll)) // => undefined
 * sent // => ["log"]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const awaitAll: Effect.Effect<void> = allReported
