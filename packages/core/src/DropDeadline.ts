/**
 * A limit for whatever closes in a program, that begins when the program is told to end.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { DropContext } from "./DropContext.ts"
import { Deadline } from "./internal/deadline.ts"
import { badLimits } from "./internal/misuse.ts"

const TypeId = "~@async-drop/core/DropDeadline"

/**
 * A budget that every close in an effect has a part in, once it has begun.
 *
 * @category models
 * @since 0.1.0
 */
export interface DropDeadline {
  readonly [TypeId]: Deadline
}

/**
 * Makes a deadline that has not begun: until then it costs and changes nothing.
 *
 * **When to use**
 *
 * Around a program that somebody else ends, as `NodeDrop.runMain` does: the
 * scopes inside it know nothing of the time that is left.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<DropDeadline> = Effect.sync(() => ({ [TypeId]: new Deadline() }))

/**
 * Lets the closes of an effect have a part in a deadline.
 *
 * @category providing
 * @since 0.1.0
 */
export const provide: {
  (deadline: DropDeadline): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, deadline: DropDeadline): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(effect: Effect.Effect<A, E, R>, deadline: DropDeadline): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, DropContext, deadline[TypeId])
)

/**
 * Begins a deadline: what closes from now on is forced after nine tenths of the time, and given up on at its end.
 *
 * **Details**
 *
 * As a `budget` of `AsyncDrop.scoped`, for all scopes together, plain ones too;
 * a shorter limit of their own stands. What it cuts short is told to the
 * `DropReporter` of the context in which it begins. A release that has begun
 * before is not cut short. The second time it changes nothing.
 *
 * **Example** (A program that has 50 ms left)
 *
 * ```ts
 * import { AsyncDrop, DropDeadline, DropReporter } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const program = AsyncDrop.scoped(
 *   AsyncDrop.acquireRelease(Effect.succeed("done"), () => Effect.never, {
 *     name: "socket",
 *     force: () => Effect.sync(() => log.push("cut"))
 *   })
 * )
 * const main = Effect.gen(function*() {
 *   const deadline = yield* DropDeadline.make
 *   yield* DropDeadline.begin(deadline, "50 millis")
 *   const result = yield* DropDeadline.provide(program, deadline)
 *   yield* DropDeadline.end(deadline)
 *   return result
 * }).pipe(Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => void log.push(error.resource))))
 *
 * await Effect.runPromise(main) // => "done"
 * log // => ["cut", "socket"]
 * ```
 *
 * @category resource management
 * @since 0.1.0
 */
export const begin = (deadline: DropDeadline, within: Duration.Input): Effect.Effect<void> => {
  const misuse = badLimits("DropDeadline.begin", { budget: within })
  return misuse === undefined
    ? Effect.withFiber((fiber) => Effect.sync(() => deadline[TypeId].begin(fiber, Duration.toMillis(within))))
    : Effect.die(misuse)
}

/**
 * Ends a deadline that has begun: what closes later has no part in it.
 *
 * @category resource management
 * @since 0.1.0
 */
export const end = (deadline: DropDeadline): Effect.Effect<void> => Effect.sync(() => deadline[TypeId].end())
