/**
 * One resource that one fibre at a time may use.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import type { AsyncDropGuard } from "./AsyncDropGuard.ts"
import type { Requires } from "./DropScope.ts"
import { Exclusive, hold, inTurn, tryHold, unwrapInTurn } from "./internal/exclusive.ts"
import * as handle from "./internal/handle.ts"
import { lifetimeOf, MutexImpl, TypeId } from "./internal/mutex.ts"
import { takeOver } from "./internal/taking.ts"

/**
 * A resource behind a lock, whose release may fail with `E`.
 *
 * **Details**
 *
 * The lock is fair: first in, first out. A holder that fails, dies or is
 * interrupted frees it and does not drop it. When the resource is dropped, by
 * hand or by its scope, the holder is waited for, those who wait for the lock
 * are interrupted, and so is whoever asks for it later. Asking for the lock on
 * the fibre that holds it is a `DropCycle`.
 *
 * In the seed: `AsyncDropTokioMutex<T>`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AsyncDropMutex<out A, out E = never> extends AsyncDisposable, Pipeable {
  readonly [TypeId]: { readonly _A: Types.Covariant<A>; readonly _E: Types.Covariant<E> }
  /** What messages call the resource. */
  readonly name: string
}

/**
 * Whether a value is a resource behind a lock.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAsyncDropMutex = (u: unknown): u is AsyncDropMutex<unknown, unknown> => hasProperty(u, TypeId)

/**
 * Takes a guard over and puts its resource behind a lock, owned by the current `Scope`.
 *
 * **Details**
 *
 * Waits for the uses of the guard, which is given away then. In the seed:
 * `AsyncDropTokioMutex::new`.
 *
 * **Interruption**
 *
 * Interrupted while it waits, the guard stays as it was. Into a scope that is
 * closed nothing is taken and the fibre is interrupted.
 *
 * **Example** (One at a time)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropMutex } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed("port"), () => Effect.sync(() => log.push("closed")))
 *   const port = yield* AsyncDropMutex.make(guard)
 *   const send = (line: string) =>
 *     AsyncDropMutex.withLock(port, () =>
 *       Effect.andThen(Effect.andThen(Effect.sync(() => log.push(`${line} begins`)), Effect.yieldNow),
 *         Effect.sync(() => log.push(`${line} ends`))))
 *   yield* Effect.all([send("a"), send("b")], { concurrency: "unbounded" })
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program))
 * log // => ["a begins", "a ends", "b begins", "b ends", "closed"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E>(
  guard: AsyncDropGuard<A, E>
): Effect.Effect<AsyncDropMutex<A, E>, never, Scope.Scope | Requires<E>> =>
  takeOver(
    guard,
    "AsyncDropMutex.make",
    (from, fiber) => new Exclusive(from, fiber.context),
    (lifetime) => new MutexImpl<A, E>(lifetime)
  )

/**
 * Runs `f` with the value while nobody else does.
 *
 * **Details**
 *
 * In the seed: `mutex.lock().await`, for as long as the guard it gives is in scope.
 *
 * **Interruption**
 *
 * An interrupted waiter leaves no trace; an interrupted holder frees the lock.
 * If the resource is dropped meanwhile, waiting interrupts.
 *
 * @category operations
 * @since 0.1.0
 */
export const withLock: {
  <A, B, E2, R2>(
    f: (a: A) => Effect.Effect<B, E2, R2>
  ): <E>(mutex: AsyncDropMutex<A, E>) => Effect.Effect<B, E2, R2>
  <A, E, B, E2, R2>(mutex: AsyncDropMutex<A, E>, f: (a: A) => Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2>
} = dual(
  2,
  <A, E, B, E2, R2>(mutex: AsyncDropMutex<A, E>, f: (a: A) => Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2> =>
    inTurn(lifetimeOf(mutex), f)
)

/**
 * Takes the lock until the current `Scope` closes.
 *
 * **When to use**
 *
 * Where the lock outlasts one callback; else prefer `withLock`.
 *
 * **Details**
 *
 * The lock is that of the fibre that took it, whoever closes the scope: asking
 * for it again on that fibre is a `DropCycle`.
 *
 * **Interruption**
 *
 * As `withLock`. Into a closed scope the lock is not taken and the fibre is interrupted.
 *
 * **Example** (Held for as long as a scope)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropMutex } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed("port"), () => Effect.void)
 *   const mutex = yield* AsyncDropMutex.make(guard)
 *   const send = (line: string) =>
 *     Effect.scoped(Effect.gen(function*() {
 *       const port = yield* AsyncDropMutex.lock(mutex)
 *       yield* Effect.yieldNow
 *       log.push(`${line} to ${port}`)
 *     }))
 *   yield* Effect.all([send("a"), send("b")], { concurrency: "unbounded" })
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program))
 * log // => ["a to port", "b to port"]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const lock = <A, E>(mutex: AsyncDropMutex<A, E>): Effect.Effect<A, never, Scope.Scope> =>
  hold<A>(lifetimeOf(mutex))

/**
 * Takes the lock until the current `Scope` closes if that needs no waiting, else
 * gives `None`.
 *
 * **Details**
 *
 * `None` also while others wait, and once the resource is being dropped. The
 * seed has no such call: in Rust it is `Mutex::try_lock`.
 *
 * **Interruption**
 *
 * It does not wait. Into a closed scope the lock is not taken and the fibre is interrupted.
 *
 * **Example** (Not while somebody has it)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropMutex } from "@async-drop/core"
 * import { Effect, Option } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.succeed("port"), () => Effect.void)
 *   const mutex = yield* AsyncDropMutex.make(guard)
 *   const attempt = Effect.scoped(AsyncDropMutex.tryLock(mutex))
 *   return [yield* AsyncDropMutex.withLock(mutex, () => attempt), yield* attempt]
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => [Option.none(), Option.some("port")]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const tryLock = <A, E>(mutex: AsyncDropMutex<A, E>): Effect.Effect<Option.Option<A>, never, Scope.Scope> =>
  tryHold<A>(lifetimeOf(mutex))

/**
 * Takes the guard out of the lock, in one's turn: it belongs to the current scope.
 *
 * **Details**
 *
 * Those who wait behind are interrupted. In the seed: `into_inner`.
 *
 * **Interruption**
 *
 * The wait can be interrupted; the mutex is then as it was. Into a closed scope
 * nothing is unwrapped and the fibre is interrupted.
 *
 * **Example** (Without the lock again)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropMutex } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const mutex = yield* Effect.flatMap(
 *     AsyncDropGuard.make(Effect.succeed("port"), (port) => Effect.sync(() => log.push(`close ${port}`))),
 *     AsyncDropMutex.make
 *   )
 *   const guard = yield* AsyncDropMutex.unwrap(mutex)
 *   log.push(yield* AsyncDropGuard.get(guard))
 * })
 * Effect.runSync(AsyncDrop.scoped(program))
 * log // => ["port", "close port"]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const unwrap = <A, E>(
  mutex: AsyncDropMutex<A, E>
): Effect.Effect<AsyncDropGuard<A, E>, never, Scope.Scope | Requires<E>> => unwrapInTurn<A, E>(lifetimeOf(mutex))

/**
 * Ends the life of the resource; fails with the release's own error, as it is.
 *
 * **Details**
 *
 * Waits for the holder; who waits for the lock is interrupted. A second caller
 * joins the first. By the holder itself it is a `DropCycle`.
 *
 * In the seed: `mutex.async_drop().await`.
 *
 * **Interruption**
 *
 * Uninterruptible: it returns only after the release has ended.
 *
 * **Example** (After the holder, and before who waits)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard, AsyncDropMutex } from "@async-drop/core"
 * import { Effect, Fiber } from "effect"
 *
 * const log: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const guard = yield* AsyncDropGuard.make(Effect.void, () => Effect.sync(() => log.push("closed")))
 *   const mutex = yield* AsyncDropMutex.make(guard)
 *   const work = (name: string) =>
 *     AsyncDropMutex.withLock(mutex, () => Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push(name))))
 *   const holder = yield* Effect.forkChild(work("holder"), { startImmediately: true })
 *   const waiter = yield* Effect.forkChild(work("waiter"), { startImmediately: true })
 *   yield* AsyncDropMutex.drop(mutex)
 *   return [(yield* Fiber.await(holder))._tag, (yield* Fiber.await(waiter))._tag]
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program)) // => ["Success", "Failure"]
 * log // => ["holder", "closed"]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const drop = <A, E>(mutex: AsyncDropMutex<A, E>): Effect.Effect<void, E> =>
  handle.drop(lifetimeOf(mutex)) as Effect.Effect<void, E> // what its release fails with, by construction
