/**
 * A map that owns what is in it: dropping the map drops every entry.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import type { ScopeOptions } from "./AsyncDrop.ts"
import type { AsyncDropGuard } from "./AsyncDropGuard.ts"
import type { DropFailure } from "./DropFailure.ts"
import type { Requires } from "./DropScope.ts"
import { InsertRefused } from "./InsertRefused.ts"
import { GuardImpl, lifetimeOf } from "./internal/guard.ts"
import * as handle from "./internal/handle.ts"
import { type Entry, HashMapImpl, implOf, liveOf, TypeId } from "./internal/hash-map.ts"
import { acquired, type AnyFiber } from "./internal/lifetime.ts"
import { badLimits } from "./internal/misuse.ts"
import { onService } from "./internal/on-service.ts"
import { place, scopeOf } from "./internal/place.ts"
import { now } from "./internal/release.ts"
import { service, type ServiceKey } from "./internal/service.ts"
import { giveAway } from "./internal/taking.ts"

/**
 * Resources by key; the release of each may fail with `E`.
 *
 * **Details**
 *
 * Keys are compared by Effect's `Equal` and `Hash`. The map is dropped once, by
 * hand or by the scope that owns it. After its drop has begun an `insert` is
 * refused, everything else is a `DropUsageError`.
 *
 * In the seed: `AsyncDropHashMap<K, V>`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AsyncDropHashMap<in out K, in out A, out E = never> extends AsyncDisposable, Pipeable {
  readonly [TypeId]: {
    readonly _K: Types.Invariant<K>
    readonly _A: Types.Invariant<A>
    readonly _E: Types.Covariant<E>
  }
  /** What messages call the map. */
  readonly name: string
}

/**
 * The options of a map.
 *
 * **Gotchas**
 *
 * A `budget` may add a `DropTimeout` to what the map's drop fails with: name it
 * in the map's `E`, which is given and not inferred.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends ScopeOptions {
  /** What messages call it. Default: `AsyncDropHashMap`, with `#n`. */
  readonly name?: string | undefined
  /** How many entries are released at a time, 1 or more; with 1, last in first out. Default `"unbounded"`, as in the seed. */
  readonly concurrency?: number | "unbounded" | undefined
}

/**
 * Whether a value is a map of resources.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAsyncDropHashMap = (u: unknown): u is AsyncDropHashMap<unknown, unknown, unknown> =>
  hasProperty(u, TypeId)

/**
 * Makes an empty map that the current `Scope` owns.
 *
 * **Details**
 *
 * Where the scope drops it, each error goes to the `DropScope` of this place, with its
 * key. A `concurrency` or `maxErrors` below 1 or `NaN`, or a `budget` below 0 or
 * `NaN`, is a `DropUsageError`. In the seed: `AsyncDropHashMap::new`.
 *
 * **Interruption**
 *
 * It does not wait. In a closed scope no map is made and the fibre is interrupted.
 *
 * **Example** (Every failure is kept, with its key)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropHashMap } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const open = (path: string) => AsyncDropGuard.make(Effect.succeed(path), () => Effect.fail("disk full"))
 * const program = Effect.gen(function*() {
 *   const files = yield* AsyncDropHashMap.make<string, string, string>()
 *   for (const path of ["a", "b"]) {
 *     yield* AsyncDropHashMap.insert(files, path, yield* open(path))
 *   }
 *   return yield* AsyncDropHashMap.drop(files).pipe(
 *     Effect.catchTag("DropFailure", (failure) => Effect.succeed(failure.errors.map((error) => error.key)))
 *   )
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => ["b", "a"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <K, A, E = never>(
  options?: Options
): Effect.Effect<AsyncDropHashMap<K, A, E>, never, Scope.Scope | Requires<E>> =>
  Effect.withFiber((fiber) => {
    const misuse = badLimits("AsyncDropHashMap.make", options ?? {}, "AsyncDropHashMap")
    if (misuse !== undefined) return Effect.die(misuse)
    const map = new HashMapImpl<K, A, E>(fiber, now(fiber), options ?? {})
    return place(fiber, () => acquired(map.nest), () => map)
  })

/**
 * Gives a guard over to the map, under a key that has none.
 *
 * **Details**
 *
 * Waits for the uses of the guard, which is given away then. Refused, it fails
 * with the guard, undropped and owned as before. In the seed: `try_insert`.
 *
 * **Interruption**
 *
 * Interrupted while it waits, the guard stays as it was.
 *
 * @category operations
 * @since 0.1.0
 */
export const insert: {
  <K, A, E>(
    key: K,
    guard: AsyncDropGuard<A, E>
  ): (map: AsyncDropHashMap<K, A, E>) => Effect.Effect<void, InsertRefused<K, A, E>>
  <K, A, E>(
    map: AsyncDropHashMap<K, A, E>,
    key: K,
    guard: AsyncDropGuard<A, E>
  ): Effect.Effect<void, InsertRefused<K, A, E>>
} = dual(
  3,
  <K, A, E>(
    map: AsyncDropHashMap<K, A, E>,
    key: K,
    guard: AsyncDropGuard<A, E>
  ): Effect.Effect<void, InsertRefused<K, A, E>> =>
    Effect.suspend(() => {
      const impl = implOf(map)
      const from = lifetimeOf(guard)
      const refused = (): InsertRefused<K, A, E> | undefined => {
        const reason = impl.nest.state._tag !== "Live"
          ? "closed"
          : impl.find(key) !== undefined
          ? "present"
          : undefined
        if (reason === undefined) return undefined
        const message = `${guard.name} was not inserted into ${map.name}: ` +
          (reason === "closed" ? "the map is being dropped, or was" : "its key is present")
        return new InsertRefused<K, A, E>({ key, reason, guard, message })
      }
      const early = from.state._tag === "Live" ? refused() : undefined
      if (early !== undefined) return Effect.fail(early)
      const inserted = handle.reserve(
        from,
        "AsyncDropHashMap.insert",
        (): Effect.Effect<void, InsertRefused<K, A, E>> => {
          const late = refused()
          if (late !== undefined) return Effect.fail(late)
          giveAway(from, "AsyncDropHashMap.insert")
          impl.add(key, from)
          return Effect.void
        }
      )
      return Effect.flatten(inserted)
    })
)

/**
 * Gives the value of a key, if there is one.
 *
 * **Details**
 *
 * In the seed: `AsyncDropHashMap::get`, and `get_mut`.
 *
 * **Gotchas**
 *
 * Nothing keeps the entry from being dropped while the value is in use: remove
 * it while you use it, or take a `ConcurrentStore`, which waits for its borrowers.
 *
 * @category operations
 * @since 0.1.0
 */
export const get: {
  <K>(key: K): <A, E>(map: AsyncDropHashMap<K, A, E>) => Effect.Effect<Option.Option<A>>
  <K, A, E>(map: AsyncDropHashMap<K, A, E>, key: K): Effect.Effect<Option.Option<A>>
} = dual(
  2,
  <K, A, E>(map: AsyncDropHashMap<K, A, E>, key: K): Effect.Effect<Option.Option<A>> =>
    Effect.sync(() => {
      const entry = liveOf(map, "get").find(key)
      return entry === undefined ? Option.none() : Option.some(entry.lent)
    })
)

/**
 * Takes the guard of a key out of the map, if there is one: it belongs to the
 * current `Scope`.
 *
 * **Details**
 *
 * In the seed: `AsyncDropHashMap::remove`.
 *
 * **Interruption**
 *
 * It does not wait. Into a closed scope nothing is removed and the fibre is interrupted.
 *
 * @category operations
 * @since 0.1.0
 */
export const remove: {
  <K>(
    key: K
  ): <A, E>(
    map: AsyncDropHashMap<K, A, E>
  ) => Effect.Effect<Option.Option<AsyncDropGuard<A, E>>, never, Scope.Scope | Requires<E>>
  <K, A, E>(
    map: AsyncDropHashMap<K, A, E>,
    key: K
  ): Effect.Effect<Option.Option<AsyncDropGuard<A, E>>, never, Scope.Scope | Requires<E>>
} = dual(
  2,
  <K, A, E>(
    map: AsyncDropHashMap<K, A, E>,
    key: K
  ): Effect.Effect<Option.Option<AsyncDropGuard<A, E>>, never, Scope.Scope | Requires<E>> =>
    Effect.withFiber((fiber) => {
      const impl = liveOf(map, "remove")
      const entry = impl.find(key)
      return entry === undefined ? Effect.succeedNone : Effect.asSome(takeOut(impl, entry, fiber))
    })
)

/**
 * Takes all guards out of the map, oldest first: they belong to the current `Scope`.
 *
 * **Details**
 *
 * In the seed: `drain`.
 *
 * **Interruption**
 *
 * It does not wait. Into a closed scope nothing is removed and the fibre is interrupted.
 *
 * **Example** (Everything out, owned by the scope)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropHashMap } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const map = yield* AsyncDropHashMap.make<string, number>()
 *   yield* AsyncDropHashMap.insert(map, "a", yield* AsyncDropGuard.make(Effect.succeed(1), () => Effect.void))
 *   yield* AsyncDropHashMap.insert(map, "b", yield* AsyncDropGuard.make(Effect.succeed(2), () => Effect.void))
 *   const drained = yield* AsyncDropHashMap.drain(map)
 *   return [drained.map(([key]) => key), AsyncDropHashMap.size(map)]
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => [["a", "b"], 0]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const drain = <K, A, E>(
  map: AsyncDropHashMap<K, A, E>
): Effect.Effect<ReadonlyArray<readonly [K, AsyncDropGuard<A, E>]>, never, Scope.Scope | Requires<E>> =>
  Effect.withFiber((fiber) => {
    const impl = liveOf(map, "drain")
    if (scopeOf(fiber).state._tag === "Closed") return Effect.interrupt
    const guards: Array<readonly [K, AsyncDropGuard<A, E>]> = []
    for (const entry of impl.entries.index.values()) {
      // The scope is open, as just seen, and nobody comes between; a `Map` may lose entries while it is read.
      const guard = Effect.runSync(takeOut(impl, entry, fiber))
      guards.push([entry.key as K, guard]) // put in under this type
    }
    return Effect.succeed(guards)
  })

/**
 * Gives the values with their keys, oldest first.
 *
 * **Details**
 *
 * In the seed: `iter`.
 *
 * **Example** (What is in the map)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropHashMap } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const map = yield* AsyncDropHashMap.make<string, number>()
 *   yield* AsyncDropHashMap.insert(map, "a", yield* AsyncDropGuard.make(Effect.succeed(1), () => Effect.void))
 *   return yield* AsyncDropHashMap.entries(map)
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => [["a", 1]]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const entries = <K, A, E>(map: AsyncDropHashMap<K, A, E>): Effect.Effect<ReadonlyArray<readonly [K, A]>> =>
  Effect.sync(() =>
    Array.from(liveOf(map, "entries").entries.index.values(), (entry) => [entry.key as K, entry.lent] as const) // put in under this type
  )

/**
 * Whether the map has an entry for a key.
 *
 * **Gotchas**
 *
 * Of a map whose drop has begun it throws a `DropUsageError`, as `size` does.
 *
 * **Example** (Present, and taken out)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropHashMap } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const map = yield* AsyncDropHashMap.make<string, number>()
 *   yield* AsyncDropHashMap.insert(map, "a", yield* AsyncDropGuard.make(Effect.succeed(1), () => Effect.void))
 *   const before = AsyncDropHashMap.has(map, "a")
 *   yield* AsyncDropHashMap.remove(map, "a")
 *   return [before, AsyncDropHashMap.has(map, "a")]
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => [true, false]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const has: {
  <K>(key: K): (map: AsyncDropHashMap<K, any, any>) => boolean
  <K>(map: AsyncDropHashMap<K, any, any>, key: K): boolean
} = dual(
  2,
  <K>(map: AsyncDropHashMap<K, any, any>, key: K): boolean => liveOf(map, "has").find(key) !== undefined
)

/**
 * How many entries there are.
 *
 * **Details**
 *
 * In the seed: `AsyncDropHashMap::len`.
 *
 * @category getters
 * @since 0.1.0
 */
export const size = (map: AsyncDropHashMap<any, any, any>): number => liveOf(map, "size").size

/**
 * Drops every entry; fails with one `DropFailure` that holds each error, with its key.
 *
 * **Details**
 *
 * All entries are released together, or `concurrency` at a time. A second
 * caller, and the owning scope, join the first and get the same outcome. From
 * inside the release of an entry it is a `DropCycle`.
 *
 * In the seed: `map.async_drop().await`, which keeps only one error.
 *
 * **Interruption**
 *
 * Uninterruptible: it returns only after every release has ended. Errors that
 * find every dropper interrupted go to the owner.
 *
 * @category operations
 * @since 0.1.0
 */
export const drop = <K, A, E>(
  map: AsyncDropHashMap<K, A, E>
): Effect.Effect<void, [E] extends [never] ? never : DropFailure<E>> =>
  // What the close of a nest fails with, by construction.
  handle.drop(implOf(map).nest) as Effect.Effect<void, [E] extends [never] ? never : DropFailure<E>>

/**
 * The class that `Service` gives: the service's key, its layer, its operations.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<in out Self, in out Id extends string, in out K, in out A, in out E>
  extends ServiceKey<Self, Id, AsyncDropHashMap<K, A, E>>
{
  /** Makes the map; the layer's scope owns it. */
  readonly layer: Layer.Layer<Self, never, Requires<E>>
  readonly insert: (key: K, guard: AsyncDropGuard<A, E>) => Effect.Effect<void, InsertRefused<K, A, E>, Self>
  readonly get: (key: K) => Effect.Effect<Option.Option<A>, never, Self>
  readonly remove: (
    key: K
  ) => Effect.Effect<Option.Option<AsyncDropGuard<A, E>>, never, Self | Scope.Scope | Requires<E>>
  readonly has: (key: K) => Effect.Effect<boolean, never, Self>
  readonly size: Effect.Effect<number, never, Self>
  readonly entries: Effect.Effect<ReadonlyArray<readonly [K, A]>, never, Self>
  readonly drain: Effect.Effect<
    ReadonlyArray<readonly [K, AsyncDropGuard<A, E>]>,
    never,
    Self | Scope.Scope | Requires<E>
  >
}

/**
 * A map of resources as a service, in the manner of `Context.Service`.
 *
 * **Example** (Connections of an app)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropHashMap } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * interface Connection {
 *   readonly host: string
 * }
 * class Connections extends AsyncDropHashMap.Service<Connections, string, Connection>()("app/Connections") {}
 *
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed({ host: "db" }), () => Effect.void)
 *   yield* Connections.insert("db", guard)
 *   return yield* Connections.size
 * })
 * Effect.runSync(AsyncDrop.scoped(Effect.provide(program, Connections.layer))) // => 1
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Service =
  <Self, K, A, E = never>() => <const Id extends string>(id: Id, options?: Options): ServiceClass<Self, Id, K, A, E> =>
    service<Self, Id, AsyncDropHashMap<K, A, E>, object>(id, make<K, A, E>(options), (key) => ({
      ...onService(key, Effect.flatMap, { insert, get, remove }),
      ...onService(key, Effect.map, { has }),
      size: Effect.map(key, size),
      entries: Effect.flatMap(key, entries),
      drain: Effect.flatMap(key, drain)
    }))

/** Moves an entry to the current scope, as a guard. */
const takeOut = <K, A, E>(
  map: HashMapImpl<K, A, E>,
  entry: Entry,
  fiber: AnyFiber
): Effect.Effect<AsyncDropGuard<A, E>> =>
  place(fiber, () => {
    map.remove(entry)
    return entry.handled(fiber.context)
  }, (lifetime) => new GuardImpl<A, E>(lifetime))
