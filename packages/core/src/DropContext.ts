/**
 * What a release can know about the close that runs it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Phase } from "./DropError.ts"
import type { Limit } from "./DropTimeout.ts"

/**
 * How far a release has got, how long it still may take, and who was given up
 * on before it.
 *
 * **Details**
 *
 * `phase` is `graceful` in a release and `force` in what was given as `force`.
 * `reason` is the limit that passed, where one did. `timeLeft` is counted anew
 * each time it is read: up to the end of the present phase, none where nothing
 * limits it. `abandoned` names what was given up on in the same close, of that
 * what may depend on this resource: with `concurrency` above 1 only what named
 * it in `dependsOn`. A pool can read there that a connection was never given
 * back, and not wait for it; by default a release runs as ever.
 *
 * @category models
 * @since 0.1.0
 */
export interface DropContext {
  readonly phase: Phase
  readonly reason: Option.Option<Limit>
  readonly timeLeft: Option.Option<Duration.Duration>
  readonly abandoned: ReadonlyArray<string>
}

/**
 * The situation of the release that is running, to be read inside of it.
 *
 * **Details**
 *
 * Outside of a release, and where nothing is limited, it is graceful and has
 * nothing to tell.
 *
 * **Example** (A release that asks how long it may take)
 *
 * ```ts
 * import { AsyncDrop, DropContext } from "@async-drop/core"
 * import { Duration, Effect, Option } from "effect"
 *
 * const flush = Effect.map(DropContext.DropContext, ({ timeLeft }) =>
 *   Option.exists(timeLeft, (left) => Duration.isLessThanOrEqualTo(left, Duration.seconds(2))))
 *
 * let hurried = false
 * const program = AsyncDrop.scoped(AsyncDrop.acquireRelease(
 *   Effect.succeed("queue"),
 *   () => Effect.map(flush, (isShort) => void (hurried = isShort)),
 *   { timeout: "1 second" }
 * ))
 *
 * await Effect.runPromise(program) // => "queue"
 * hurried // => true
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const DropContext: Context.Reference<DropContext> = Context.Reference<DropContext>(
  "@async-drop/core/DropContext",
  { defaultValue: () => quiet }
)

const quiet: DropContext = { phase: "graceful", reason: Option.none(), timeLeft: Option.none(), abandoned: [] }
