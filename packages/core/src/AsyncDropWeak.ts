/**
 * A handle of a shared resource that does not keep it alive.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import type { AsyncDropArc } from "./AsyncDropArc.ts"
import type { Requires } from "./DropScope.ts"
import { lease, sharedOf, WeakTypeId as TypeId } from "./internal/arc.ts"
import { place } from "./internal/place.ts"

/**
 * An uncounted handle, made by `AsyncDropArc.downgrade`.
 *
 * **When to use**
 *
 * In caches and back references, which want a resource while it lives and must
 * not be what keeps it.
 *
 * The seed has no such handle: in Rust it is `Weak`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AsyncDropWeak<out A, out E = never> extends Pipeable {
  readonly [TypeId]: { readonly _A: Types.Covariant<A>; readonly _E: Types.Covariant<E> }
  /** What messages call the resource. */
  readonly name: string
}

/**
 * Whether a value is a weak handle.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAsyncDropWeak = (u: unknown): u is AsyncDropWeak<unknown, unknown> => hasProperty(u, TypeId)

/**
 * Gives a counted handle owned by the current `Scope`, as long as the resource
 * lives.
 *
 * **Details**
 *
 * `None` when the last handle is gone, also while the release is still running,
 * and once the resource was unwrapped: a value that drops is never brought back.
 *
 * **Interruption**
 *
 * It does not wait. Into a closed scope nothing is counted and the fibre is interrupted.
 *
 * **Example** (While it lives, and afterwards)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropArc, AsyncDropGuard, AsyncDropWeak } from "@async-drop/core"
 * import { Effect, Option } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed("db"), () => Effect.void)
 *   const arc = yield* AsyncDropArc.make(guard)
 *   const weak = AsyncDropArc.downgrade(arc)
 *   const before = yield* Effect.scoped(AsyncDropWeak.upgrade(weak))
 *   yield* AsyncDropArc.drop(arc)
 *   const after = yield* AsyncDropWeak.upgrade(weak)
 *   return [Option.isSome(before), Option.isSome(after)]
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => [true, false]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const upgrade = <A, E>(
  weak: AsyncDropWeak<A, E>
): Effect.Effect<Option.Option<AsyncDropArc<A, E>>, never, Scope.Scope | Requires<E>> =>
  Effect.withFiber((fiber) => {
    const shared = sharedOf(weak)
    if (!shared.shareable) return Effect.succeedNone
    return place(fiber, () => lease<A, E>(shared, fiber.context, fiber), Option.some)
  })
