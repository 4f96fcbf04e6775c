/**
 * A value that is loaded once, when it is first awaited, and shared by all who await it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import type { Owned } from "./AsyncDrop.ts"
import type { DropFailure } from "./DropFailure.ts"
import type { DropErrorOf, Requires } from "./DropScope.ts"
import { refused } from "./internal/arc.ts"
import { keepHold, valueOf } from "./internal/borrow.ts"
import * as handle from "./internal/handle.ts"
import { place, scopeOf } from "./internal/place.ts"
import { Handles, implOf, SharedImpl, TypeId } from "./internal/shared.ts"

/**
 * One of several handles of a load: its value may fail to load with `E`, and to drop with `DE`.
 *
 * **Details**
 *
 * The load runs at the first `await`, in a fibre of its own, with the services
 * of whoever made the handle. The value lives until the last handle and the last
 * who awaited it are gone. Never awaited, it is never loaded; a failed load is
 * not remembered.
 *
 * In the seed: `AsyncDropShared<O, Fut>`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AsyncDropShared<out A, out E, out DE = never> extends AsyncDisposable, Pipeable {
  readonly [TypeId]: {
    readonly _A: Types.Covariant<A>
    readonly _E: Types.Covariant<E>
    readonly _DE: Types.Covariant<DE>
  }
  /** What messages call it. */
  readonly name: string
}

/**
 * Whether a value is a shared load.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAsyncDropShared = (u: unknown): u is AsyncDropShared<unknown, unknown, unknown> => hasProperty(u, TypeId)

type Dropped<DE> = [DE] extends [never] ? never : DropFailure<DE>

/**
 * Makes the first handle of a load, owned by the current `Scope`; nothing is loaded yet.
 *
 * **Details**
 *
 * In the seed: `AsyncDropShared::new`.
 *
 * **Interruption**
 *
 * It does not wait. In a closed scope nothing is made and the fibre is interrupted.
 *
 * **Example** (Two who await, one load)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropShared } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const config = AsyncDrop.acquireRelease(
 *   Effect.sync(() => (log.push("read"), { port: 80 })),
 *   () => Effect.sync(() => log.push("closed"))
 * )
 * const program = Effect.gen(function*() {
 *   const shared = yield* AsyncDropShared.make(config)
 *   const port = Effect.scoped(Effect.map(AsyncDropShared.await(shared), ({ port }) => port))
 *   return yield* Effect.all([port, port], { concurrency: "unbounded" })
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program)) // => [80, 80]
 * log // => ["read", "closed"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E, R>(
  load: Effect.Effect<A, E, R>
): Effect.Effect<
  AsyncDropShared<A, E, DropErrorOf<R>>,
  never,
  Owned<R> | Scope.Scope | Requires<DropErrorOf<R>>
> =>
  Effect.withFiber((fiber) =>
    place(
      fiber,
      () => {
        const handles = new Handles({ effect: load, services: fiber.context }, fiber)
        return new SharedImpl<A, E, DropErrorOf<R>>(handles, fiber.context)
      },
      (shared) => shared
    )
  )

/**
 * Gives another handle of the same load, owned by the current `Scope`.
 *
 * **Details**
 *
 * In the seed: `AsyncDropShared::clone`.
 *
 * **Interruption**
 *
 * It does not wait. Into a closed scope nothing is cloned and the fibre is interrupted.
 *
 * **Example** (A handle of what is loaded already)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropShared } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const config = AsyncDrop.acquireRelease(
 *   Effect.sync(() => (log.push("read"), { port: 80 })),
 *   () => Effect.sync(() => log.push("closed"))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const first = yield* AsyncDropShared.make(config)
 *   yield* Effect.scoped(AsyncDropShared.await(first))
 *   const second = yield* AsyncDropShared.clone(first)
 *   yield* AsyncDropShared.drop(first)
 *   const { port } = yield* Effect.scoped(AsyncDropShared.await(second))
 *   log.push(`port ${port}`)
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program))
 * log // => ["read", "port 80", "closed"]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const clone = <A, E, DE>(
  shared: AsyncDropShared<A, E, DE>
): Effect.Effect<AsyncDropShared<A, E, DE>, never, Scope.Scope | Requires<DE>> =>
  Effect.withFiber((fiber) => {
    const held = implOf(shared)
    const misuse = refused(held, "clone")
    if (misuse !== undefined) return Effect.die(misuse)
    return place(fiber, () => new SharedImpl<A, E, DE>(held.handles, fiber.context), (clone) => clone)
  })

const await_ = <A, E, DE>(shared: AsyncDropShared<A, E, DE>): Effect.Effect<A, E, Scope.Scope | Requires<DE>> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const held = implOf(shared)
      const misuse = refused(held, "await")
      if (misuse !== undefined) return Effect.die(misuse)
      if (scopeOf(fiber).state._tag === "Closed") return Effect.interrupt
      return held.handles.keyed.borrow(fiber, restore, held.handles.load, (hold) => keepHold(hold, fiber, valueOf))
    })
  )

export {
  /**
   * Waits for the value, and holds it for the current `Scope`; the first who awaits it loads it.
   *
   * **Details**
   *
   * A failure or defect of the load reaches everyone who waits, after its parts
   * are released. Inside its own load it is a `DropCycle`.
   *
   * In the seed: `shared.await`, which gives an `AsyncDropArc`.
   *
   * **Interruption**
   *
   * A waiter that is interrupted leaves at once where others wait; the last one
   * stops the load and returns after its parts are released.
   *
   * @category operations
   * @since 0.1.0
   */
  await_ as await
}

/**
 * The value, if it is loaded; nothing keeps it from being dropped while it is looked at.
 *
 * **Details**
 *
 * `None` while it loads, while it drops, and after a load that failed. In the seed:
 * `AsyncDropShared::peek`.
 *
 * **Example** (Before and after it is loaded)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropShared } from "@async-drop/core"
 * import { Effect, Option } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const shared = yield* AsyncDropShared.make(Effect.succeed(80))
 *   const before = AsyncDropShared.peek(shared)
 *   yield* Effect.scoped(AsyncDropShared.await(shared))
 *   return [before, AsyncDropShared.peek(shared)]
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program)) // => [Option.none(), Option.some(80)]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const peek = <A, E, DE>(shared: AsyncDropShared<A, E, DE>): Option.Option<A> => {
  const { instance, state } = implOf(shared).handles.keyed
  const there = instance !== undefined && (state._tag === "Loaded" || state._tag === "Idle")
  return there ? Option.some(instance.lent) : Option.none()
}

/**
 * Gives a handle up; with the last one goes the value, unless someone who awaited it still has it.
 *
 * **Details**
 *
 * Where it runs the release, it fails with one `DropFailure` of what that fails
 * with. A load that someone still waits for goes on for him. Dropping a handle
 * again counts no more.
 *
 * In the seed: `shared.async_drop().await`, which runs a load that nobody has
 * awaited, to drop what it gives.
 *
 * **Interruption**
 *
 * Uninterruptible: it returns after the release, where it runs one.
 *
 * **Example** (The value goes with the last handle)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropShared } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const config = AsyncDrop.acquireRelease(Effect.void, () => Effect.sync(() => log.push("closed")))
 *
 * const program = Effect.gen(function*() {
 *   const first = yield* AsyncDropShared.make(config)
 *   const second = yield* AsyncDropShared.clone(first)
 *   yield* Effect.scoped(AsyncDropShared.await(first))
 *   yield* AsyncDropShared.drop(first)
 *   log.push("first is gone")
 *   yield* AsyncDropShared.drop(second)
 *   log.push("second is gone")
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program))
 * log // => ["first is gone", "closed", "second is gone"]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const drop = <A, E, DE>(shared: AsyncDropShared<A, E, DE>): Effect.Effect<void, Dropped<DE>> =>
  handle.dropLease(implOf(shared)) as Effect.Effect<void, Dropped<DE>> // what the close of a nest fails with

/**
 * How many handles there are.
 *
 * **Details**
 *
 * In the seed: `AsyncDropShared::strong_count`.
 *
 * **Example** (Handles count, who awaits does not)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropShared } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const shared = yield* AsyncDropShared.make(Effect.succeed(80))
 *   yield* AsyncDropShared.clone(shared)
 *   yield* AsyncDropShared.await(shared)
 *   return AsyncDropShared.strongCount(shared)
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program)) // => 2
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const strongCount = (shared: AsyncDropShared<any, any, any>): number => implOf(shared).handles.count
