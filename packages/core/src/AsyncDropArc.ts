/**
 * Shared ownership of one resource: it is dropped when its last handle is.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { constFalse, dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import type { DropOptions, Release } from "./AsyncDrop.ts"
import * as AsyncDropGuard from "./AsyncDropGuard.ts"
import type { AsyncDropWeak } from "./AsyncDropWeak.ts"
import type { Requires } from "./DropScope.ts"
import type { DropTimeout } from "./DropTimeout.ts"
import { ArcImpl, ArcShared, lease, leaseOf, refused, TypeId, WeakImpl } from "./internal/arc.ts"
import { inOneMove } from "./internal/batch.ts"
import * as handle from "./internal/handle.ts"
import { stepAside } from "./internal/lease.ts"
import { onService } from "./internal/on-service.ts"
import { place, scopeOf } from "./internal/place.ts"
import { service, type ServiceKey } from "./internal/service.ts"
import { asGuard, takeOver, takeUnscoped } from "./internal/taking.ts"

/**
 * One of several handles of a resource whose release may fail with `E`.
 *
 * **Details**
 *
 * Each handle is dropped once, by hand or by the scope that owns it; a second
 * drop of the same handle counts no more. The last one to leave runs the
 * release, returns after it and gets its error; of several that leave together
 * exactly one does. A handle that was dropped no longer lends the value: that is
 * a `DropUsageError`, even while others still hold it.
 *
 * In the seed: `AsyncDropArc<T>`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AsyncDropArc<out A, out E = never> extends AsyncDisposable, Pipeable {
  readonly [TypeId]: { readonly _A: Types.Covariant<A>; readonly _E: Types.Covariant<E> }
  /** What messages call the resource. */
  readonly name: string
}

/**
 * Whether a value is a handle of a shared resource.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAsyncDropArc = (u: unknown): u is AsyncDropArc<unknown, unknown> => hasProperty(u, TypeId)

/**
 * Takes a guard over and gives the first handle of its resource, owned by the
 * current `Scope`.
 *
 * **Details**
 *
 * Waits for the uses of the guard, which is given away then. In the seed:
 * `AsyncDropArc::new`.
 *
 * **Interruption**
 *
 * Interrupted while it waits, the guard stays as it was. Into a scope that is
 * closed nothing is taken and the fibre is interrupted.
 *
 * **Example** (Released by the last one)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed("db"), () => Effect.sync(() => log.push("closed")))
 *   const first = yield* AsyncDropArc.make(guard)
 *   const second = yield* AsyncDropArc.clone(first)
 *   yield* AsyncDropArc.drop(first)
 *   log.push("first is gone")
 *   yield* AsyncDropArc.drop(second)
 *   log.push("second is gone")
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program))
 * log // => ["first is gone", "closed", "second is gone"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E>(
  guard: AsyncDropGuard.AsyncDropGuard<A, E>
): Effect.Effect<AsyncDropArc<A, E>, never, Scope.Scope | Requires<E>> =>
  takeOver(
    guard,
    "AsyncDropArc.make",
    (from, fiber) => new ArcImpl<A, E>(new ArcShared(from), fiber.context),
    (arc) => arc
  )

/**
 * Takes a guard over and gives the first handle of its resource, which nothing
 * owns: whoever holds it has to drop it.
 *
 * **Details**
 *
 * Prefer `make`: a handle that is forgotten keeps its resource for ever.
 *
 * **Interruption**
 *
 * Interrupted while it waits, the guard stays as it was; after that the handle
 * arrives, or the resource is dropped and its error goes to the `DropReporter`.
 *
 * **Example** (Held by an object, not by a scope)
 *
 * ```ts
 * import { AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const open = AsyncDropGuard.makeUnscoped(Effect.succeed("db"), () => Effect.sync(() => log.push("closed")))
 *
 * const arc = Effect.runSync(Effect.flatMap(open, AsyncDropArc.makeUnscoped))
 * log.push("at work")
 * Effect.runSync(AsyncDropArc.drop(arc))
 * log // => ["at work", "closed"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeUnscoped = <A, E>(
  guard: AsyncDropGuard.AsyncDropGuard<A, E>
): Effect.Effect<AsyncDropArc<A, E>> =>
  takeUnscoped(
    guard,
    "AsyncDropArc.makeUnscoped",
    (from) => {
      const shared = new ArcShared(from)
      return new ArcImpl<A, E>(shared, shared.unowned)
    },
    (arc) => handle.dropLease(arc, constFalse) // nobody has the handle, so nobody takes the error
  )

/**
 * Gives another handle of the same resource, owned by the current `Scope`.
 *
 * **Details**
 *
 * In the seed: `AsyncDropArc::clone`.
 *
 * **Interruption**
 *
 * It does not wait. Into a closed scope nothing is cloned and the fibre is interrupted.
 *
 * @category operations
 * @since 0.1.0
 */
export const clone = <A, E>(
  arc: AsyncDropArc<A, E>
): Effect.Effect<AsyncDropArc<A, E>, never, Scope.Scope | Requires<E>> =>
  Effect.withFiber((fiber) => {
    const held = leaseOf(arc)
    const misuse = refused(held, "clone")
    if (misuse !== undefined) return Effect.die(misuse)
    return place(fiber, () => lease<A, E>(held.value, fiber.context, fiber), (arc) => arc)
  })

/**
 * Gives another handle of the same resource, which nothing owns: whoever holds
 * it has to drop it.
 *
 * **Interruption**
 *
 * It does not wait. To be sure of the handle once it is counted, call it as
 * `restore(cloneUnscoped(arc))` inside `Effect.uninterruptibleMask`.
 *
 * **Example** (A handle that outlives the scope of the first)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const keep = AsyncDrop.scoped(Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed("db"), () => Effect.sync(() => log.push("closed")))
 *   const first = yield* AsyncDropArc.make(guard)
 *   return yield* AsyncDropArc.cloneUnscoped(first)
 * }))
 *
 * const kept = Effect.runSync(keep)
 * log.push("the scope is closed")
 * Effect.runSync(AsyncDropArc.drop(kept))
 * log // => ["the scope is closed", "closed"]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const cloneUnscoped = <A, E>(arc: AsyncDropArc<A, E>): Effect.Effect<AsyncDropArc<A, E>> =>
  Effect.sync(() => {
    const held = leaseOf(arc)
    const misuse = refused(held, "clone")
    if (misuse !== undefined) throw misuse
    return lease<A, E>(held.value, held.value.unowned, Fiber.getCurrent()!) // called in the run loop
  })

/**
 * Gives the value of a handle.
 *
 * **Gotchas**
 *
 * Nothing keeps the resource from being dropped while the value is in use:
 * prefer `use`, which does.
 *
 * **Example** (Looking at the value)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed({ port: 80 }), () => Effect.void)
 *   const arc = yield* AsyncDropArc.make(guard)
 *   const { port } = yield* AsyncDropArc.get(arc)
 *   return port
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => 80
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const get = <A, E>(arc: AsyncDropArc<A, E>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const held = leaseOf(arc)
    const misuse = refused(held, "get")
    return misuse === undefined ? Effect.succeed(held.value.lent) : Effect.die(misuse)
  })

/**
 * Lends the value to `f`; the release waits until `f` has ended.
 *
 * **Interruption**
 *
 * Interrupting it interrupts `f` and ends the use.
 *
 * @category operations
 * @since 0.1.0
 */
export const use: {
  <A, B, E2, R2>(
    f: (a: A) => Effect.Effect<B, E2, R2>
  ): <E>(arc: AsyncDropArc<A, E>) => Effect.Effect<B, E2, R2>
  <A, E, B, E2, R2>(arc: AsyncDropArc<A, E>, f: (a: A) => Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2>
} = dual(
  2,
  <A, E, B, E2, R2>(arc: AsyncDropArc<A, E>, f: (a: A) => Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2> => {
    const held = leaseOf(arc)
    return handle.use(held.value, f, held)
  }
)

/**
 * Gives a handle up; the last one runs the release and fails with its error, as it is.
 *
 * **Details**
 *
 * The release begins after the uses begun have ended. Dropping a handle again
 * does nothing, or joins the release it runs. The last drop from inside one's
 * own `use` or release is a `DropCycle`.
 *
 * In the seed: `arc.async_drop().await`.
 *
 * **Interruption**
 *
 * Uninterruptible: the last one returns only after the release has ended. An
 * error that finds every dropper interrupted goes to the owner of that handle.
 *
 * @category operations
 * @since 0.1.0
 */
export const drop = <A, E>(arc: AsyncDropArc<A, E>): Effect.Effect<void, E> =>
  handle.dropLease(leaseOf(arc)) as Effect.Effect<void, E> // what its release fails with, by construction

/**
 * Gives the guard back if this is the only handle; else gives this handle up and
 * returns `None`.
 *
 * **Details**
 *
 * The guard belongs to the current scope; weak handles no longer find it. Of
 * several that unwrap together exactly one gets it, without a release. The only
 * handle waits for the uses begun.
 *
 * In the seed: `AsyncDropArc::into_inner`.
 *
 * **Interruption**
 *
 * The wait can be interrupted; the handle is then as it was. Into a closed scope
 * nothing is unwrapped and the fibre is interrupted.
 *
 * **Example** (The guard of the only handle, and of one of two)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
 * import { Effect, Option } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed("db"), () => Effect.void)
 *   const first = yield* AsyncDropArc.make(guard)
 *   const second = yield* AsyncDropArc.clone(first)
 *   const early = yield* AsyncDropArc.unwrap(first)
 *   const late = yield* AsyncDropArc.unwrap(second)
 *   return [Option.isSome(early), Option.isSome(late)]
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => [false, true]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const unwrap = <A, E>(
  arc: AsyncDropArc<A, E>
): Effect.Effect<Option.Option<AsyncDropGuard.AsyncDropGuard<A, E>>, never, Scope.Scope | Requires<E>> =>
  Effect.withFiber((fiber) => {
    const held = leaseOf(arc)
    const shared = held.value
    const misuse = refused(held, "unwrap")
    if (misuse !== undefined) return Effect.die(misuse)
    const giveUp = () =>
      stepAside(held) ? Effect.succeedNone : Effect.as(Effect.exit(handle.dropLease(held, constFalse)), Option.none())
    // The only handle at first: a clone may come, and this one be dropped, before its turn comes.
    const take = () => {
      const late = refused(held, "unwrap")
      if (late !== undefined) return Effect.die(late)
      if (scopeOf(fiber).state._tag === "Closed") return Effect.interrupt
      if (!shared.sole) return giveUp()
      return inOneMove(() => {
        held.state = { _tag: "Moved", operation: "AsyncDropArc.unwrap" }
        held.owner?.remove(held)
        shared.count = 0
        return Effect.map(asGuard<A, E>(shared, "AsyncDropArc.unwrap", fiber), Option.some)
      })
    }
    return shared.sole ? Effect.flatten(handle.reserve(shared, "unwrap", take)) : take()
  })

/**
 * How many handles are held.
 *
 * **Details**
 *
 * 0 once the last one is given up, or was unwrapped. In the seed:
 * `AsyncDropArc::strong_count`.
 *
 * @category getters
 * @since 0.1.0
 */
export const strongCount = (arc: AsyncDropArc<unknown, unknown>): number => leaseOf(arc).value.count

/**
 * How many weak handles were made by `downgrade`: they have no end of their own.
 *
 * **Example** (Weak handles do not count as handles)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed("db"), () => Effect.void)
 *   const arc = yield* AsyncDropArc.make(guard)
 *   const clone = yield* AsyncDropArc.clone(arc)
 *   AsyncDropArc.downgrade(clone)
 *   return [AsyncDropArc.strongCount(arc), AsyncDropArc.weakCount(arc)]
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => [2, 1]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const weakCount = (arc: AsyncDropArc<unknown, unknown>): number => leaseOf(arc).value.weak

/**
 * Whether two handles are of the same resource.
 *
 * **Details**
 *
 * In the seed: `AsyncDropArc::ptr_eq`.
 *
 * **Example** (A clone, and a handle of something else)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const open = Effect.flatMap(AsyncDropGuard.make(Effect.succeed("db"), () => Effect.void), AsyncDropArc.make)
 * const program = Effect.gen(function*() {
 *   const first = yield* open
 *   const clone = yield* AsyncDropArc.clone(first)
 *   const other = yield* open
 *   return [AsyncDropArc.same(first, clone), AsyncDropArc.same(first, other)]
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => [true, false]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const same: {
  (that: AsyncDropArc<unknown, unknown>): (self: AsyncDropArc<unknown, unknown>) => boolean
  (self: AsyncDropArc<unknown, unknown>, that: AsyncDropArc<unknown, unknown>): boolean
} = dual(
  2,
  (self: AsyncDropArc<unknown, unknown>, that: AsyncDropArc<unknown, unknown>): boolean =>
    leaseOf(self).value === leaseOf(that).value
)

/**
 * Gives a handle that does not keep the resource alive.
 *
 * **Details**
 *
 * A handle that was dropped can be downgraded: its weak handle finds the
 * resource as long as others hold it. The seed has no such handle: in Rust it is
 * `Arc::downgrade`.
 *
 * @see `AsyncDropWeak.upgrade` for the way back
 * @category operations
 * @since 0.1.0
 */
export const downgrade = <A, E>(arc: AsyncDropArc<A, E>): AsyncDropWeak<A, E> => new WeakImpl<A, E>(leaseOf(arc).value)

/**
 * The options of a shared resource that is a service.
 *
 * @category options
 * @since 0.1.0
 */
export interface ServiceOptions<A, E, R, DE, R2, T extends Duration.Input | undefined = Duration.Input | undefined>
  extends DropOptions<A>
{
  readonly acquire: Effect.Effect<A, E, R>
  readonly release: Release<A, DE, R2>
  /** As in `DropOptions`; what it adds to the drop errors is in the type of the service. */
  readonly timeout?: T
}

/** `Limit` of the one option that counts: to infer all of them would let a misspelt one pass. */
type LimitOf<T> = T extends Duration.Input ? DropTimeout : never

/**
 * The class that `Service` gives: the service's key, its layer, its operations.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<
  in out Self,
  in out Id extends string,
  in out A,
  in out DE,
  in out E,
  in out R
> extends ServiceKey<Self, Id, AsyncDropArc<A, DE>> {
  /** Acquires the resource; the layer's scope holds the first handle. */
  readonly layer: Layer.Layer<Self, E, R>
  readonly get: Effect.Effect<A, never, Self>
  readonly use: <B, E2, R2>(f: (a: A) => Effect.Effect<B, E2, R2>) => Effect.Effect<B, E2, R2 | Self>
  /** A handle of one's own, which may outlive the layer. */
  readonly clone: Effect.Effect<AsyncDropArc<A, DE>, never, Self | Scope.Scope | Requires<DE>>
  readonly downgrade: Effect.Effect<AsyncDropWeak<A, DE>, never, Self>
  readonly strongCount: Effect.Effect<number, never, Self>
}

/**
 * A shared resource as a service, in the manner of `Context.Service`.
 *
 * **Details**
 *
 * `layer` acquires the resource and holds it; what its release may fail with
 * asks for a `DropScope` there. The service itself is the `AsyncDropArc`.
 *
 * **Gotchas**
 *
 * An `acquire` that is written in place with callbacks of its own, beside a
 * `release` whose parameter has no type, is inferred as `unknown`: name the
 * acquire first, or the parameter's type.
 *
 * **Example** (A database that two parts of an app share)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropArc } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * class Db extends AsyncDropArc.Service<Db>()("app/Db", {
 *   acquire: Effect.succeed({ query: (sql: string) => `${sql}: 1 row` }),
 *   release: () => Effect.fail("connection lost"),
 *   name: "db"
 * }) {}
 *
 * const program = Db.use((db) => Effect.succeed(db.query("select 1")))
 * const scoped = AsyncDrop.scoped(Effect.provide(program, Db.layer)).pipe(
 *   Effect.catchTag("DropFailure", (failure) => Effect.succeed(failure.errors[0].resource))
 * )
 * Effect.runSync(scoped) // => "db"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Service = <Self>() =>
<
  const Id extends string,
  A,
  E,
  R,
  DE = never,
  R2 = never,
  T extends Duration.Input | undefined = undefined
>(
  id: Id,
  options: ServiceOptions<A, E, R, DE, R2, T>
): ServiceClass<
  Self,
  Id,
  A,
  DE | LimitOf<T>,
  E,
  Exclude<R | R2, Scope.Scope> | Requires<DE | LimitOf<T>>
> =>
  service<Self, Id, AsyncDropArc<A, DE | LimitOf<T>>, object>(
    id,
    Effect.flatMap(
      AsyncDropGuard.make<A, E, R, DE, R2, DropOptions<A>>(options.acquire, options.release, options),
      make
    ),
    (key) => ({
      get: Effect.flatMap(key, get),
      ...onService(key, Effect.flatMap, { use }),
      clone: Effect.flatMap(key, clone),
      downgrade: Effect.map(key, downgrade),
      strongCount: Effect.map(key, strongCount)
    })
  )
