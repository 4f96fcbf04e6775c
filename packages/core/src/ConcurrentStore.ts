/**
 * One live instance per key, shared by all who want it.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Types from "effect/Types"
import type { Owned } from "./AsyncDrop.ts"
import type { AsyncDropArc } from "./AsyncDropArc.ts"
import type { AsyncDropGuard } from "./AsyncDropGuard.ts"
import type { DropFailure } from "./DropFailure.ts"
import type { DropErrorOf, Requires } from "./DropScope.ts"
import type { DropTimeout } from "./DropTimeout.ts"
import type { InsertRefused } from "./InsertRefused.ts"
import { asked } from "./internal/asked.ts"
import { keepHold, Lending, own, valueOf } from "./internal/borrow.ts"
import { putIn, refusalOf, refused } from "./internal/inserting.ts"
import type { Hold } from "./internal/instance.ts"
import type { Keyed } from "./internal/keyed.ts"
import { acquired } from "./internal/lifetime.ts"
import { badLimits, badStore } from "./internal/misuse.ts"
import { Nest } from "./internal/nest.ts"
import { onService } from "./internal/on-service.ts"
import { place, scopeOf } from "./internal/place.ts"
import { now } from "./internal/release.ts"
import { service, type ServiceKey } from "./internal/service.ts"
import { closeStore, implOf, StoreImpl, TypeId } from "./internal/store-impl.ts"
import { ConcurrentStore as Contents } from "./internal/store.ts"
import type { Load } from "./internal/waiters.ts"

/**
 * Values by key, each loaded when it is first wanted and dropped when nobody
 * holds it any more.
 *
 * **Details**
 *
 * Of each key at most one instance lives, from the start of its load to the end
 * of its release: who wants a key whose last instance still drops waits for
 * that, and loads afresh. A failed load reaches everyone who waited, after its
 * parts were released, and is not remembered. Keys are compared by Effect's
 * `Equal` and `Hash`. Once the store is being closed, who borrows or waits is
 * interrupted.
 *
 * In the seed: `ConcurrentStore`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConcurrentStore<in K, out A, out E = never, out DE = never> extends AsyncDisposable, Pipeable {
  readonly [TypeId]: {
    readonly _K: Types.Contravariant<K>
    readonly _A: Types.Covariant<A>
    readonly _E: Types.Covariant<E>
    readonly _DE: Types.Covariant<DE>
  }
  /** What messages call the store. */
  readonly name: string
}

/**
 * Whether a value is a store.
 *
 * @category guards
 * @since 0.1.0
 */
export const isConcurrentStore = (u: unknown): u is ConcurrentStore<unknown, unknown, unknown, unknown> =>
  hasProperty(u, TypeId)

/**
 * The options of a store.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<
  K,
  A,
  E,
  R,
  F extends "wait" | "fail" = "wait",
  T extends Duration.Input | undefined = Duration.Input | undefined
> {
  /** Makes the value of a key, in a lifetime of its own, with the services of whoever makes the store. */
  readonly lookup: (key: K) => Effect.Effect<A, E, R>
  /** How long a value is kept when nobody holds it. Default zero: it is dropped when the last borrower leaves. */
  readonly idleTimeToLive?: Duration.Input | undefined
  /** How many instances may live, those being dropped included; a whole number, 1 or more. Default: any number. */
  readonly capacity?: number | undefined
  /**
   * What a borrower does where the store is full and nothing is idle: `"wait"`, in order, or `"fail"` with
   * `Cause.ExceededCapacityError`. Default `"wait"`.
   */
  readonly onFull?: F | undefined
  /** What messages call it. Default: `ConcurrentStore`, with `#n`. */
  readonly name?: string | undefined
  /** How many idle values are released at a time when it closes. Default `"unbounded"`. */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * How long its close may take, the wait for its borrowers counted in; as the `budget` of a scope. What it cuts short
   * is a `DropTimeout` among its drop errors, and in its type. Default: no limit.
   */
  readonly budget?: T
}

type Dropped<DE> = [DE] extends [never] ? never : DropFailure<DE>

type Full<F> = F extends "fail" ? Cause.ExceededCapacityError : never

/** What a lookup and the budget add to the drop errors of a store. */
type DropsOf<R, T> = DropErrorOf<R> | (T extends Duration.Input ? DropTimeout : never)

/**
 * Makes a store that the current `Scope` owns.
 *
 * **Details**
 *
 * What a release fails with goes to whoever let go last; of an expiry, an
 * eviction and the close, to the `DropScope` of this place. An option that makes
 * no sense is a `DropUsageError`. In the seed: `ConcurrentStore::new`.
 *
 * **Interruption**
 *
 * It does not wait. In a closed scope no store is made and the fibre is interrupted.
 *
 * **Example** (Two borrowers, one connection)
 *
 * ```ts
 * import { AsyncDrop, ConcurrentStore } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const connect = (host: string) =>
 *   AsyncDrop.acquireRelease(
 *     Effect.sync(() => (log.push(`open ${host}`), { host })),
 *     () => Effect.sync(() => log.push(`close ${host}`))
 *   )
 * const program = Effect.gen(function*() {
 *   const store = yield* ConcurrentStore.make({ lookup: connect })
 *   const query = ConcurrentStore.use(store, "db", (db) => Effect.as(Effect.yieldNow, db.host))
 *   yield* Effect.all([query, query], { concurrency: "unbounded" })
 *   log.push("done")
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program))
 * log // => ["open db", "close db", "done"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  K,
  A,
  E,
  R,
  F extends "wait" | "fail" = "wait",
  T extends Duration.Input | undefined = undefined
>(
  options: Options<K, A, E, R, F, T>
): Effect.Effect<
  ConcurrentStore<K, A, E | Full<F>, DropsOf<R, T>>,
  never,
  Owned<R> | Scope.Scope | Requires<DropsOf<R, T>>
> =>
  Effect.withFiber((fiber) => {
    const misuse = badLimits("ConcurrentStore.make", options, "ConcurrentStore") ??
      badStore("ConcurrentStore.make", options)
    if (misuse !== undefined) return Effect.die(misuse)
    const contents = new Contents({
      // Its keys are put in under this type.
      lookup: options.lookup as (key: unknown) => Effect.Effect<unknown, unknown, any>,
      idleTimeToLive: Duration.toMillis(options.idleTimeToLive ?? 0),
      capacity: options.capacity ?? Infinity,
      onFull: options.onFull ?? "wait",
      concurrency: options.concurrency ?? "unbounded"
    }, fiber.context)
    return place(
      fiber,
      () => acquired(new Nest(contents, fiber.context, now(fiber), options, Infinity)),
      (nest) => new StoreImpl<K, A, E | Full<F>, DropsOf<R, T>>(contents, nest)
    )
  })

/**
 * Borrows the value of a key for the current `Scope`; loads it if need be.
 *
 * **Details**
 *
 * The scope that lets go last returns after the release, and its `DropScope`
 * gets the errors. Inside the load or release of the same key, or in a circle of
 * loads that wait for each other, it is a `DropCycle`.
 *
 * In the seed: `get_loaded_or_insert_loading`.
 *
 * **Interruption**
 *
 * A waiter that is interrupted leaves at once where others wait for the same
 * load; the last one stops the load and returns after its parts are released. In
 * a closed scope nothing is borrowed and the fibre is interrupted.
 *
 * @category borrowing
 * @since 0.1.0
 */
export const get: {
  <K>(key: K): <A, E, DE>(store: ConcurrentStore<K, A, E, DE>) => Effect.Effect<A, E, Scope.Scope | Requires<DE>>
  <K, A, E, DE>(store: ConcurrentStore<K, A, E, DE>, key: K): Effect.Effect<A, E, Scope.Scope | Requires<DE>>
} = dual(
  2,
  <K, A, E, DE>(store: ConcurrentStore<K, A, E, DE>, key: K): Effect.Effect<A, E, Scope.Scope | Requires<DE>> =>
    inScope(store, key, undefined, valueOf)
)

/**
 * As `get`, but where the key is absent it is loaded by `load`, with the services of the caller.
 *
 * **Details**
 *
 * What `load` acquires may only fail to drop with what the store knows. In the
 * seed: `get_loaded_or_insert_loading`.
 *
 * **Interruption**
 *
 * As `get`.
 *
 * @category borrowing
 * @since 0.1.0
 */
export const getOrLoad: {
  <K, A, E, R, DE>(
    key: K,
    load: Effect.Effect<A, E, R> & DropsWithin<R, DE>
  ): (store: ConcurrentStore<K, A, E, DE>) => Effect.Effect<A, E, Owned<R> | Scope.Scope | Requires<DE>>
  <K, A, E, DE, R>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    load: Effect.Effect<A, E, R> & DropsWithin<R, DE>
  ): Effect.Effect<A, E, Owned<R> | Scope.Scope | Requires<DE>>
} = dual(
  3,
  <K, A, E, DE, R>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    load: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, any> =>
    // any: the overloads say what it needs
    inScope(store, key, load, valueOf)
)

/** A load given at the call may only bring drop errors that the store knows. */
type DropsWithin<R, DE> = [DropErrorOf<R>] extends [DE] ? unknown : never

/**
 * Borrows the value of a key if it is loaded, or is being loaded.
 *
 * **Details**
 *
 * `None`, at once, where the key is absent, is being dropped, or a drop of it was
 * asked for, and once the store is closing. A load that is under way is joined,
 * its failure included.
 *
 * **Interruption**
 *
 * As `get`.
 *
 * @category borrowing
 * @since 0.1.0
 */
export const getOption: {
  <K>(
    key: K
  ): <A, E, DE>(
    store: ConcurrentStore<K, A, E, DE>
  ) => Effect.Effect<Option.Option<A>, E, Scope.Scope | Requires<DE>>
  <K, A, E, DE>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K
  ): Effect.Effect<Option.Option<A>, E, Scope.Scope | Requires<DE>>
} = dual(
  2,
  <K, A, E, DE>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K
  ): Effect.Effect<Option.Option<A>, E, Scope.Scope | Requires<DE>> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        const { contents } = implOf(store)
        const keyed = contents.at(key)
        if (contents.closing || keyed === undefined) return Effect.succeedNone
        const loading = keyed.state._tag === "Loading" && keyed.state.asked === "no"
        if (!loading && !keyed.ready) return Effect.succeedNone
        if (scopeOf(fiber).state._tag === "Closed") return Effect.interrupt
        return keyed.borrow(fiber, restore, undefined, (hold) => Effect.asSome(keepHold<A>(hold, fiber, valueOf)))
      })
    )
)

/**
 * Borrows the value of a key for a callback.
 *
 * **Details**
 *
 * Who lets go last runs the release: what that fails with comes as a
 * `DropFailure`, beside the callback's own failure, as in
 * `AsyncDrop.acquireUseRelease`.
 *
 * **Interruption**
 *
 * The wait is as in `get`; the callback can be interrupted, the release cannot.
 *
 * @category borrowing
 * @since 0.1.0
 */
export const use: {
  <K, A, B, E2, R2>(
    key: K,
    f: (a: A) => Effect.Effect<B, E2, R2>
  ): <E, DE>(store: ConcurrentStore<K, A, E, DE>) => Effect.Effect<B, E | E2 | Dropped<DE>, R2>
  <K, A, E, DE, B, E2, R2>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    f: (a: A) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, E | E2 | Dropped<DE>, R2>
} = dual(
  3,
  <K, A, E, DE, B, E2, R2>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    f: (a: A) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, E | E2 | Dropped<DE>, R2> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => new Lending(implOf(store).contents, key, f, fiber, restore).run())
    )
)

/**
 * Borrows the value of a key as a handle to hold by hand, owned by the current `Scope`.
 *
 * **Details**
 *
 * The handle is an `AsyncDropArc` with its key: it can be cloned, and dropped
 * early. `unwrap` gives it up, for the store has the value too. In the seed:
 * `LoadedEntryGuard`.
 *
 * **Interruption**
 *
 * As `get`.
 *
 * @category borrowing
 * @since 0.1.0
 */
export const open: {
  <K>(
    key: K
  ): <A, E, DE>(
    store: ConcurrentStore<K, A, E, DE>
  ) => Effect.Effect<AsyncDropArc<A, Dropped<DE>> & { readonly key: K }, E, Scope.Scope | Requires<DE>>
  <K, A, E, DE>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K
  ): Effect.Effect<AsyncDropArc<A, Dropped<DE>> & { readonly key: K }, E, Scope.Scope | Requires<DE>>
} = dual(
  2,
  <K, A, E, DE>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K
  ): Effect.Effect<AsyncDropArc<A, Dropped<DE>> & { readonly key: K }, E, Scope.Scope | Requires<DE>> =>
    inScope(store, key, undefined, (hold) => hold as AsyncDropArc<A, Dropped<DE>> & { readonly key: K }) // it is one, with its key
)

/**
 * Puts a guard's resource in, under a key that has none.
 *
 * **Details**
 *
 * It waits for the uses of the guard, and while the former instance of the key
 * drops, unless others wait for that already: they load the key then, and it is
 * refused as dropping. Where the key is present, loading, or a drop of it was
 * asked for, it fails with the guard, undropped and owned as before; so it does once the store
 * closes, and where it is full and nothing is idle; a value that
 * `requestImmediateDrop` has in hand keeps its own room, and may take another key.
 * Its idle time begins at once; where that is zero, it is kept until someone has
 * borrowed it, or waits for its room. In the seed: `try_insert_loaded`.
 *
 * **Interruption**
 *
 * Interrupted while it waits, the guard stays as it was.
 *
 * @category inserting
 * @since 0.1.0
 */
export const insert: {
  <K, A, DE>(
    key: K,
    guard: AsyncDropGuard<A, DE>
  ): <E>(store: ConcurrentStore<K, A, E, DE>) => Effect.Effect<void, InsertRefused<K, A, DE>>
  <K, A, E, DE>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    guard: AsyncDropGuard<A, DE>
  ): Effect.Effect<void, InsertRefused<K, A, DE>>
} = dual(
  3,
  <K, A, E, DE>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    guard: AsyncDropGuard<A, DE>
  ): Effect.Effect<void, InsertRefused<K, A, DE>> =>
    putIn(implOf(store).contents, key, guard, (reason) => refused<K, A, DE>(store.name, key, reason, guard))
)

/**
 * As `getOrLoad`, where the key must be absent.
 *
 * **Details**
 *
 * Present, loading, dropping or asked to drop, it fails with `InsertRefused` and
 * does not load. In the seed: `try_insert_loading`.
 *
 * **Interruption**
 *
 * As `get`.
 *
 * @category inserting
 * @since 0.1.0
 */
export const insertLoading: {
  <K, A, E, R, DE>(
    key: K,
    load: Effect.Effect<A, E, R> & DropsWithin<R, DE>
  ): (
    store: ConcurrentStore<K, A, E, DE>
  ) => Effect.Effect<A, E | Omit<InsertRefused<K, A, DE>, "guard">, Owned<R> | Scope.Scope | Requires<DE>>
  <K, A, E, DE, R>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    load: Effect.Effect<A, E, R> & DropsWithin<R, DE>
  ): Effect.Effect<A, E | Omit<InsertRefused<K, A, DE>, "guard">, Owned<R> | Scope.Scope | Requires<DE>>
} = dual(
  3,
  <K, A, E, DE, R>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    load: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Omit<InsertRefused<K, A, DE>, "guard">, any> =>
    // any: the overloads say what it needs
    Effect.uninterruptibleMask((restore) =>
      // Looking and beginning are one step: else another could come between, and be joined.
      Effect.withFiber((fiber): Effect.Effect<A, E | InsertRefused<K, A, DE>> => {
        const { contents } = implOf(store)
        const reason = refusalOf(contents, key)
        if (reason !== undefined) {
          const now = reason === "ended" ? "dropping" : reason
          return Effect.fail(refused<K, A, DE>(store.name, key, now, undefined))
        }
        if (scopeOf(fiber).state._tag === "Closed") return Effect.interrupt
        const by: Load = { effect: load, services: fiber.context }
        return contents.use(key).borrow(fiber, restore, by, (hold) => keepHold<A>(hold, fiber, valueOf))
      })
    )
)

/**
 * Borrows all that is loaded, for the current `Scope`.
 *
 * **Details**
 *
 * What is loading, dropping or asked to drop is left out.
 *
 * @category looking
 * @since 0.1.0
 */
export const entries = <K, A, E, DE>(
  store: ConcurrentStore<K, A, E, DE>
): Effect.Effect<ReadonlyArray<readonly [K, A]>, never, Scope.Scope | Requires<DE>> =>
  Effect.withFiber((fiber) => {
    const { contents } = implOf(store)
    const scope = scopeOf(fiber)
    if (contents.closing || scope.state._tag === "Closed") return Effect.interrupt
    const all: Array<readonly [K, A]> = []
    for (const keyed of contents.keys.values()) {
      if (!keyed.ready) continue
      const hold = keyed.grant(fiber)
      own(scope, hold, fiber)
      all.push([keyed.key as K, valueOf(hold)]) // put in under this type
    }
    return Effect.succeed(all)
  })

/**
 * The keys in any state but absent.
 *
 * @category looking
 * @since 0.1.0
 */
export const keys = <K>(store: ConcurrentStore<K, any, any, any>): ReadonlyArray<K> =>
  Array.from(implOf(store).contents.keys.values(), ({ key }) => key as K) // put in under this type

/**
 * How many keys are in any state but absent.
 *
 * @category looking
 * @since 0.1.0
 */
export const size = (store: ConcurrentStore<any, any, any, any>): number => implOf(store).contents.keys.size

/**
 * Whether a key is loading, loaded or idle.
 *
 * @category looking
 * @since 0.1.0
 */
export const has: {
  <K>(key: K): (store: ConcurrentStore<K, any, any, any>) => boolean
  <K>(store: ConcurrentStore<K, any, any, any>, key: K): boolean
} = dual(2, <K>(store: ConcurrentStore<K, any, any, any>, key: K): boolean => {
  const now = state(store, key)
  return now !== "absent" && now !== "dropping"
})

/**
 * What state a key is in.
 *
 * @category looking
 * @since 0.1.0
 */
export const state: {
  <K>(key: K): (store: ConcurrentStore<K, any, any, any>) => State
  <K>(store: ConcurrentStore<K, any, any, any>, key: K): State
} = dual(2, <K>(store: ConcurrentStore<K, any, any, any>, key: K): State => {
  const keyed = implOf(store).contents.at(key)
  return keyed === undefined ? "absent" : states[keyed.state._tag]
})

/**
 * The states of a key.
 *
 * @category models
 * @since 0.1.0
 */
export type State = "absent" | "loading" | "loaded" | "idle" | "dropping"

/**
 * Whether there are no keys.
 *
 * @category looking
 * @since 0.1.0
 */
export const isEmpty = (store: ConcurrentStore<any, any, any, any>): boolean => size(store) === 0

/**
 * Whether a key is absent, its last instance gone.
 *
 * @category looking
 * @since 0.1.0
 */
export const isFullyAbsent: {
  <K>(key: K): (store: ConcurrentStore<K, any, any, any>) => boolean
  <K>(store: ConcurrentStore<K, any, any, any>, key: K): boolean
} = dual(2, <K>(store: ConcurrentStore<K, any, any, any>, key: K): boolean => state(store, key) === "absent")

/**
 * One thing that happened to a key.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreEvent<out K> {
  readonly _tag: "Loaded" | "LoadFailed" | "Borrowed" | "Idle" | "Dropping" | "Dropped"
  readonly key: K
}

/**
 * What happens from now on, until the store has been closed.
 *
 * **Details**
 *
 * Nothing is left out: what is not read yet is kept.
 *
 * @category looking
 * @since 0.1.0
 */
export const changes = <K>(store: ConcurrentStore<K, any, any, any>): Stream.Stream<StoreEvent<K>> =>
  Stream.callback<StoreEvent<K>>((queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = (event: { readonly _tag: StoreEvent<K>["_tag"]; readonly key: unknown } | undefined) => {
          if (event === undefined) Queue.endUnsafe(queue)
          else Queue.offerUnsafe(queue, event as StoreEvent<K>) // put in under this type
        }
        implOf(store).contents.listen(listener)
        return listener
      }),
      (listener) => Effect.sync(() => implOf(store).contents.listeners.delete(listener))
    )
  )

/**
 * A second drop of a key was asked for while the first one waits or runs.
 *
 * @category errors
 * @since 0.1.0
 */
export class AlreadyDropping extends Data.TaggedError("AlreadyDropping")<{
  readonly key: unknown
  readonly message: string
  /** Waits for the end of the first one, whatever that comes to. */
  readonly await: Effect.Effect<void>
}> {}

/**
 * Waits until nobody holds a key, and runs `f` once with its value in hand.
 *
 * **Details**
 *
 * From here on nobody else gets the present instance: who wants the key waits
 * until `f` has ended, and loads afresh. `f` gets nothing where the key was
 * absent or its load failed. What it leaves undropped is dropped when it has
 * ended; what it moves elsewhere leaves the store. A second request fails with
 * `AlreadyDropping`. On a fibre that holds the key it is a `DropCycle`; on one
 * that was started inside a use of it, one warning.
 *
 * In the seed: `request_immediate_drop`.
 *
 * **Interruption**
 *
 * Whoever asks can be interrupted; the request goes on, in a fibre of its own, and
 * the `DropReporter` of the asker is told what the release fails with.
 *
 * @category ending
 * @since 0.1.0
 */
export const requestImmediateDrop: {
  <K, A, DE, B, E2, R2>(
    key: K,
    f: (guard: Option.Option<AsyncDropGuard<A, DE>>) => Effect.Effect<B, E2, R2>
  ): <E>(store: ConcurrentStore<K, A, E, DE>) => Effect.Effect<B, E2 | AlreadyDropping | Dropped<DE>, R2>
  <K, A, E, DE, B, E2, R2>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    f: (guard: Option.Option<AsyncDropGuard<A, DE>>) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, E2 | AlreadyDropping | Dropped<DE>, R2>
} = dual(
  3,
  <K, A, E, DE, B, E2, R2>(
    store: ConcurrentStore<K, A, E, DE>,
    key: K,
    f: (guard: Option.Option<AsyncDropGuard<A, DE>>) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, E2 | AlreadyDropping | Dropped<DE>, R2> =>
    asked(implOf(store).contents, key, f, (message, first) => new AlreadyDropping({ key, message, await: first }))
)

/**
 * Drops the value of a key: at once if nobody holds it, else when the last one lets go.
 *
 * **Details**
 *
 * Who wants the key after this waits for that, and loads afresh. What the
 * release fails with goes to whoever let go last; of an idle value to the `DropScope`
 * of the store.
 *
 * **Interruption**
 *
 * Uninterruptible: of an idle value it returns after the release has ended.
 *
 * @category ending
 * @since 0.1.0
 */
export const invalidate: {
  <K>(key: K): (store: ConcurrentStore<K, any, any, any>) => Effect.Effect<void>
  <K>(store: ConcurrentStore<K, any, any, any>, key: K): Effect.Effect<void>
} = dual(
  2,
  <K>(store: ConcurrentStore<K, any, any, any>, key: K): Effect.Effect<void> =>
    Effect.uninterruptible(Effect.suspend(() => {
      const { contents } = implOf(store)
      return contents.at(key)?.end("invalidate", contents.services) ?? Effect.void
    }))
)

/**
 * As `invalidate`, for all keys, side by side.
 *
 * **Interruption**
 *
 * As `invalidate`.
 *
 * @category ending
 * @since 0.1.0
 */
export const invalidateAll = (store: ConcurrentStore<any, any, any, any>): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.suspend(() => {
    const { contents } = implOf(store)
    const all = [...contents.keys.values()]
    return Effect.forEach(all, (keyed) => keyed.end("invalidate", contents.services), {
      concurrency: "unbounded",
      discard: true
    })
  }))

/**
 * Begins the idle time of an idle value anew.
 *
 * @category operations
 * @since 0.1.0
 */
export const touch: {
  <K>(key: K): (store: ConcurrentStore<K, any, any, any>) => Effect.Effect<void>
  <K>(store: ConcurrentStore<K, any, any, any>, key: K): Effect.Effect<void>
} = dual(2, <K>(store: ConcurrentStore<K, any, any, any>, key: K): Effect.Effect<void> =>
  Effect.sync(() => {
    const { contents } = implOf(store)
    const keyed = contents.at(key)
    if (keyed !== undefined) contents.touch(keyed)
  }))

/**
 * Closes the store: waits for its borrowers, lets nobody else in, releases what is idle.
 *
 * **Details**
 *
 * Fails with one `DropFailure` that names each key that failed; what a borrower
 * lets go last fails there. Who waits for a load or a drop is interrupted. A
 * second caller, and the owning scope, join the first and get the same outcome.
 * On a fibre that holds a key it is a `DropCycle`. On one that was started
 * inside a use it is one warning: if that use waits for it, both hang.
 *
 * **Interruption**
 *
 * Uninterruptible: it returns only after every release has ended, or its `budget` is used up.
 *
 * @category ending
 * @since 0.1.0
 */
export const drop = <DE>(store: ConcurrentStore<any, any, any, DE>): Effect.Effect<void, Dropped<DE>> =>
  closeStore(implOf(store)) as Effect.Effect<void, Dropped<DE>> // what the close of a nest fails with

/**
 * The class that `Service` gives: the service's key, its layer, its operations.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<
  in out Self,
  in out Id extends string,
  in out K,
  in out A,
  in out E,
  in out DE,
  in out R
> extends ServiceKey<Self, Id, ConcurrentStore<K, A, E, DE>> {
  /** Makes the store; the layer's scope owns it. */
  readonly layer: Layer.Layer<Self, never, R>
  readonly get: (key: K) => Effect.Effect<A, E, Self | Scope.Scope | Requires<DE>>
  readonly getOrLoad: <R2>(
    key: K,
    load: Effect.Effect<A, E, R2> & DropsWithin<R2, DE>
  ) => Effect.Effect<A, E, Self | Owned<R2> | Scope.Scope | Requires<DE>>
  readonly getOption: (key: K) => Effect.Effect<Option.Option<A>, E, Self | Scope.Scope | Requires<DE>>
  readonly use: <B, E2, R2>(
    key: K,
    f: (a: A) => Effect.Effect<B, E2, R2>
  ) => Effect.Effect<B, E | E2 | Dropped<DE>, R2 | Self>
  readonly open: (
    key: K
  ) => Effect.Effect<
    AsyncDropArc<A, Dropped<DE>> & { readonly key: K },
    E,
    Self | Scope.Scope | Requires<DE>
  >
  readonly insert: (key: K, guard: AsyncDropGuard<A, DE>) => Effect.Effect<void, InsertRefused<K, A, DE>, Self>
  readonly insertLoading: <R2>(
    key: K,
    load: Effect.Effect<A, E, R2> & DropsWithin<R2, DE>
  ) => Effect.Effect<
    A,
    E | Omit<InsertRefused<K, A, DE>, "guard">,
    Self | Owned<R2> | Scope.Scope | Requires<DE>
  >
  readonly entries: Effect.Effect<ReadonlyArray<readonly [K, A]>, never, Self | Scope.Scope | Requires<DE>>
  readonly keys: Effect.Effect<ReadonlyArray<K>, never, Self>
  readonly size: Effect.Effect<number, never, Self>
  readonly has: (key: K) => Effect.Effect<boolean, never, Self>
  readonly state: (key: K) => Effect.Effect<State, never, Self>
  readonly isEmpty: Effect.Effect<boolean, never, Self>
  readonly isFullyAbsent: (key: K) => Effect.Effect<boolean, never, Self>
  readonly changes: Stream.Stream<StoreEvent<K>, never, Self>
  readonly requestImmediateDrop: <B, E2, R2>(
    key: K,
    f: (guard: Option.Option<AsyncDropGuard<A, DE>>) => Effect.Effect<B, E2, R2>
  ) => Effect.Effect<B, E2 | AlreadyDropping | Dropped<DE>, R2 | Self>
  readonly invalidate: (key: K) => Effect.Effect<void, never, Self>
  readonly invalidateAll: Effect.Effect<void, never, Self>
  readonly touch: (key: K) => Effect.Effect<void, never, Self>
  /** Closes the store, which the layer's scope joins. */
  readonly drop: Effect.Effect<void, Dropped<DE>, Self>
}

/**
 * A store as a service, in the manner of `Context.Service`.
 *
 * **Example** (Connections by tenant)
 *
 * ```ts
 * import { AsyncDrop, ConcurrentStore } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * class Tenants extends ConcurrentStore.Service<Tenants>()("app/Tenants", {
 *   lookup: (tenant: string) => AsyncDrop.acquireRelease(Effect.succeed({ tenant }), () => Effect.void),
 *   idleTimeToLive: "1 minute"
 * }) {}
 *
 * const program = Tenants.use("acme", (connection) => Effect.succeed(connection.tenant))
 * await Effect.runPromise(AsyncDrop.scoped(Effect.provide(program, Tenants.layer))) // => "acme"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Service = <Self>() =>
<
  const Id extends string,
  K,
  A,
  E,
  R,
  F extends "wait" | "fail" = "wait",
  T extends Duration.Input | undefined = undefined
>(
  id: Id,
  options: Options<K, A, E, R, F, T>
): ServiceClass<Self, Id, K, A, E | Full<F>, DropsOf<R, T>, Owned<R> | Requires<DropsOf<R, T>>> =>
  service<Self, Id, ConcurrentStore<K, A, E | Full<F>, DropsOf<R, T>>, object>(id, make(options), (key) => ({
    ...onService(key, Effect.flatMap, {
      get,
      getOrLoad,
      getOption,
      use,
      open,
      insert,
      insertLoading,
      requestImmediateDrop,
      invalidate,
      touch
    }),
    ...onService(key, Effect.map, { has, state, isFullyAbsent }),
    entries: Effect.flatMap(key, entries),
    keys: Effect.map(key, keys),
    size: Effect.map(key, size),
    isEmpty: Effect.map(key, isEmpty),
    changes: Stream.unwrap(Effect.map(key, changes)),
    invalidateAll: Effect.flatMap(key, invalidateAll),
    drop: Effect.flatMap(key, drop)
  }))

const states: { readonly [tag in Keyed["state"]["_tag"]]: State } = {
  Absent: "absent",
  Loading: "loading",
  Loaded: "loaded",
  Idle: "idle",
  Dropping: "dropping"
}

/** Borrows into the current scope. */
const inScope = <K, A, E, DE, B>(
  store: ConcurrentStore<K, A, E, DE>,
  key: K,
  load: Effect.Effect<A, E, any> | undefined, // any: it has the services of its caller
  give: (hold: Hold) => B
): Effect.Effect<B, E, any> =>
  // any: what it needs is what the caller's signature says
  Effect.withFiber((fiber) => {
    const { contents } = implOf(store)
    const scope = scopeOf(fiber)
    if (contents.closing || scope.state._tag === "Closed") return Effect.interrupt
    const keyed = contents.at(key)
    if (keyed?.ready === true) {
      const hold = keyed.grant(fiber)
      own(scope, hold, fiber)
      return Exit.succeed(give(hold))
    }
    return Effect.uninterruptibleMask((restore) =>
      // In a step of its own: an interrupt that was raised within the one before takes the place of what that gives.
      Effect.suspend(() => {
        if (contents.closing) return Effect.interrupt // it may have begun to since
        const by: Load | undefined = load === undefined ? undefined : { effect: load, services: fiber.context }
        return contents.use(key).borrow(fiber, restore, by, (hold) => keepHold(hold, fiber, give))
      })
    )
  })
