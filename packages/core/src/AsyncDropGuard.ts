/**
 * One handle of one resource: used, dropped once, or given away.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constFalse, dual } from "effect/Function"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import { type AsyncDrop, asyncDrop, type DropOptions, type Limit, type Release } from "./AsyncDrop.ts"
import type { Requires } from "./DropScope.ts"
import { acquireAs } from "./internal/acquire.ts"
import { host, inOneMove } from "./internal/batch.ts"
import { dispose } from "./internal/dispose.ts"
import { guardGiven, GuardImpl, guardOwn, handled, lifetimeOf, TypeId } from "./internal/guard.ts"
import * as handle from "./internal/handle.ts"
import { acquired, lending, observe } from "./internal/lifetime.ts"
import { misuseOf, settingsOf } from "./internal/limits.ts"
import { notSynchronous, refusal } from "./internal/misuse.ts"
import type { Only } from "./internal/only.ts"
import { protocol } from "./internal/protocol.ts"
import { withoutSink } from "./internal/sink.ts"

/**
 * The single owner's handle of a resource whose release may fail with `E`.
 *
 * **Details**
 *
 * A guard is live until it is dropped, unwrapped or mapped. A `use` that has
 * begun is waited for by `drop`, `unwrap`, `map`, `transfer` and the owner's
 * close, which refuse new ones; any of them from inside one's own `use` is a
 * `DropCycle`. Using a guard that is no longer live is a `DropUsageError`.
 * Printing it shows its name and state, never the value inside.
 *
 * In the seed: `AsyncDropGuard<T>`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AsyncDropGuard<out A, out E = never> extends AsyncDisposable, Pipeable {
  readonly [TypeId]: { readonly _A: Types.Covariant<A>; readonly _E: Types.Covariant<E> }
  /** What messages call the resource. */
  readonly name: string
}

/**
 * Whether a value is a guard.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAsyncDropGuard = (u: unknown): u is AsyncDropGuard<unknown, unknown> => hasProperty(u, TypeId)

/**
 * Acquires a resource as a guard that the current `Scope` owns: dropped by hand,
 * or by the scope at the latest.
 *
 * **Details**
 *
 * An error that a `drop` delivered is not repeated by the scope. In the seed:
 * `AsyncDropGuard::new`, with an owner that never forgets.
 *
 * **Interruption**
 *
 * As `AsyncDrop.acquireRelease`.
 *
 * **Example** (Dropped early, by hand)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const file = yield* AsyncDropGuard.make(
 *     Effect.succeed("a.txt"),
 *     (name) => Effect.sync(() => log.push(`close ${name}`))
 *   )
 *   const size = yield* AsyncDropGuard.use(file, (name) => Effect.succeed(name.length))
 *   yield* AsyncDropGuard.drop(file)
 *   log.push("after")
 *   return size
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => 5
 * log // => ["close a.txt", "after"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E, R, DE = never, R2 = never, const O extends DropOptions<any> = {}>(
  acquire: Effect.Effect<A, E, R>,
  release: Release<A, DE, R2>,
  options?: O & DropOptions<A> & Only<O, DropOptions>
): Effect.Effect<AsyncDropGuard<A, DE | Limit<O>>, E, R | R2 | Scope.Scope | Requires<DE | Limit<O>>> =>
  acquireAs(guardGiven, acquire, release, "AsyncDropGuard.make", options)

/**
 * Acquires a resource as a guard that nothing owns: whoever holds it has to drop
 * it, hand it to a scope with `transfer`, or give it to an owner.
 *
 * **When to use**
 *
 * For a guard that outlives the scope that makes it. Else prefer `make`: a guard
 * that is forgotten is never released.
 *
 * **Details**
 *
 * Its release error goes to whoever drops it. In the seed: `AsyncDropGuard::new`.
 *
 * **Interruption**
 *
 * An interrupt that came during the acquire drops the guard; its error goes to
 * the `DropReporter`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeUnscoped = <A, E, R, DE = never, R2 = never, const O extends DropOptions<any> = {}>(
  acquire: Effect.Effect<A, E, R>,
  release: Release<A, DE, R2>,
  options?: O & DropOptions<A> & Only<O, DropOptions>
): Effect.Effect<AsyncDropGuard<A, DE | Limit<O>>, E, R | R2> =>
  Effect.uninterruptibleMask((restore) => {
    const misuse = misuseOf("AsyncDropGuard.makeUnscoped", options)
    if (misuse !== undefined) return Effect.die(misuse)
    return Effect.flatMap(
      options?.interruptible === true ? restore(acquire) : acquire,
      (value) =>
        Effect.withFiber((fiber) => {
          // Nothing in its type says which place its errors could go to.
          const lifetime = acquired(handled(value, release, fiber, settingsOf(options), withoutSink(fiber.context)))
          // No step follows the one that hands it over in which an interrupt could lose it.
          return Effect.catchCause(
            restore(Effect.sync(() => new GuardImpl<A, DE | Limit<O>>(lifetime))),
            (cause) => Effect.andThen(Effect.exit(handle.drop(lifetime, constFalse)), Effect.failCause(cause))
          )
        })
    )
  })

/**
 * Acquires a value with a release of its own as a guard that the current `Scope` owns.
 *
 * **Details**
 *
 * A value without a callable `[AsyncDrop.asyncDrop]` is a `DropUsageError`.
 *
 * **Interruption**
 *
 * As `AsyncDrop.acquireRelease`.
 *
 * **Example** (A class that knows how it is dropped)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * class Connection implements AsyncDrop.AsyncDrop {
 *   [AsyncDrop.asyncDrop]() {
 *     return Effect.sync(() => log.push("goodbye"))
 *   }
 * }
 *
 * const program = Effect.gen(function*() {
 *   const connection = yield* AsyncDropGuard.fromAsyncDrop(Effect.sync(() => new Connection()))
 *   yield* AsyncDropGuard.drop(connection)
 *   log.push("after")
 * })
 * Effect.runSync(AsyncDrop.scoped(program))
 * log // => ["goodbye", "after"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAsyncDrop = <A, E, R, DE, R2, const O extends DropOptions<any> = {}>(
  acquire: Effect.Effect<A & AsyncDrop<DE, R2>, E, R>,
  options?: O & DropOptions<A> & Only<O, DropOptions>
): Effect.Effect<AsyncDropGuard<A, DE | Limit<O>>, E, R | R2 | Scope.Scope | Requires<DE | Limit<O>>> =>
  acquireAs(
    guardOwn,
    Effect.flatMap(acquire, (value) => protocol(value, asyncDrop)),
    undefined,
    "AsyncDropGuard.fromAsyncDrop",
    options
  )

/**
 * Gives the value of a live guard.
 *
 * **Gotchas**
 *
 * Nothing keeps the guard from being dropped while the value is in use: prefer
 * `use`, which does.
 *
 * @category operations
 * @since 0.1.0
 */
export const get = <A, E>(guard: AsyncDropGuard<A, E>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const lifetime = lifetimeOf(guard)
    return lifetime.state._tag === "Live" ? Effect.succeed(lifetime.lent) : Effect.die(refusal(lifetime, "get"))
  })

/**
 * Lends the value to `f`; a drop that comes meanwhile waits until `f` has ended.
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
  ): <E>(guard: AsyncDropGuard<A, E>) => Effect.Effect<B, E2, R2>
  <A, E, B, E2, R2>(guard: AsyncDropGuard<A, E>, f: (a: A) => Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2>
} = dual(
  2,
  <A, E, B, E2, R2>(guard: AsyncDropGuard<A, E>, f: (a: A) => Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2> =>
    handle.use(lifetimeOf(guard), f)
)

/**
 * Ends the life of the resource; fails with the release's own error, as it is.
 *
 * **Details**
 *
 * The release runs once, after the uses begun have ended. A second caller, on
 * any fibre, joins the first and gets the same outcome, also afterwards. From
 * inside one's own `use` or release it is a `DropCycle`; of a guard that was
 * unwrapped or mapped, a `DropUsageError`.
 *
 * In the seed: `guard.async_drop().await`.
 *
 * **Interruption**
 *
 * Uninterruptible: it returns only after the release has ended. An error that
 * finds every dropper interrupted goes to the owner.
 *
 * @category operations
 * @since 0.1.0
 */
export const drop = <A, E>(guard: AsyncDropGuard<A, E>): Effect.Effect<void, E> =>
  handle.drop(lifetimeOf(guard)) as Effect.Effect<void, E> // what its release fails with, by construction

/**
 * Whether the guard no longer gives its value: it is being dropped, was dropped,
 * or was given away.
 *
 * **Details**
 *
 * In the seed: `is_dropped`.
 *
 * @category getters
 * @since 0.1.0
 */
export const isDropped = (guard: AsyncDropGuard<unknown, unknown>): boolean => {
  const tag = lifetimeOf(guard).state._tag
  return tag !== "Live" && tag !== "Reserved"
}

/**
 * Takes the value out, undropped: its release will never run.
 *
 * **Details**
 *
 * Waits for the uses begun. In the seed: `unsafe_into_inner_dont_drop`.
 *
 * **Interruption**
 *
 * The wait can be interrupted; the guard is then live again. To be sure of the
 * value once it is taken, call it as `restore(unwrap(guard))` inside
 * `Effect.uninterruptibleMask`.
 *
 * @category operations
 * @since 0.1.0
 */
export const unwrap = <A, E>(guard: AsyncDropGuard<A, E>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const lifetime = lifetimeOf(guard)
    return handle.reserve(lifetime, "unwrap", () => {
      lifetime.state = { _tag: "Moved", operation: "unwrap" }
      lifetime.owner?.remove(lifetime)
      observe(lifetime, (id, resource) => ({ _tag: "Unwrapped", id, resource }))
      return lifetime.lent
    })
  })

/**
 * Gives a guard with another value over the same resource; this one is given away.
 *
 * **Details**
 *
 * The release still gets the resource that was acquired, and the new guard
 * stands where the old one stood in its owner, under the same name. An `f` that
 * throws is a defect and leaves the guard as it was. In the seed: `map_unsafe`, made safe.
 *
 * **Interruption**
 *
 * As `unwrap`.
 *
 * **Example** (A part of the resource, which is dropped as a whole)
 *
 * ```ts
 * import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const request = yield* AsyncDropGuard.make(
 *     Effect.succeed({ id: 7, body: "hello" }),
 *     ({ id }) => Effect.sync(() => log.push(`close ${id}`))
 *   )
 *   const body = yield* AsyncDropGuard.map(request, (it) => it.body)
 *   return yield* AsyncDropGuard.get(body)
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => "hello"
 * log // => ["close 7"]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const map: {
  <A, B>(f: (a: A) => B): <E>(guard: AsyncDropGuard<A, E>) => Effect.Effect<AsyncDropGuard<B, E>>
  <A, E, B>(guard: AsyncDropGuard<A, E>, f: (a: A) => B): Effect.Effect<AsyncDropGuard<B, E>>
} = dual(
  2,
  <A, E, B>(guard: AsyncDropGuard<A, E>, f: (a: A) => B): Effect.Effect<AsyncDropGuard<B, E>> =>
    Effect.suspend(() => {
      const lifetime = lifetimeOf(guard)
      return handle.reserve(lifetime, "map", () => {
        const next = lending(lifetime, f(lifetime.lent))
        // `f` may have come back to this guard.
        if (lifetime.state._tag !== "Live" || lifetime.uses !== undefined) throw refusal(lifetime, "map")
        lifetime.state = { _tag: "Moved", operation: "map" }
        lifetime.owner?.replace(lifetime, next)
        return new GuardImpl<B, E>(next)
      })
    })
)

/**
 * Moves a guard to another scope, in one step: the old owner no longer releases
 * it, the new one does.
 *
 * **Details**
 *
 * Waits for the uses begun. Its errors then go to the `DropScope` of the
 * caller's context; its release keeps the services of the acquire. Into a closed
 * scope nothing is moved and the fibre is interrupted.
 *
 * **Interruption**
 *
 * The wait can be interrupted; the guard then stays where it was.
 *
 * @category operations
 * @since 0.1.0
 */
export const transfer: {
  (scope: Scope.Scope): <A, E>(guard: AsyncDropGuard<A, E>) => Effect.Effect<void, never, Requires<E>>
  <A, E>(guard: AsyncDropGuard<A, E>, scope: Scope.Scope): Effect.Effect<void, never, Requires<E>>
} = dual(
  2,
  <A, E>(guard: AsyncDropGuard<A, E>, scope: Scope.Scope): Effect.Effect<void, never, Requires<E>> =>
    Effect.suspend(() => {
      const lifetime = lifetimeOf(guard)
      const moved = handle.reserve(lifetime, "transfer", (fiber) => {
        if (scope.state._tag === "Closed") return Effect.interrupt
        inOneMove(() => {
          lifetime.owner?.remove(lifetime)
          lifetime.context = fiber.context
          host(scope, lifetime, fiber)
        })
        observe(lifetime, (id, resource) => ({ _tag: "Transferred", id, resource }))
        return Effect.void
      })
      return Effect.flatten(moved)
    })
)

/**
 * A guard as a `Disposable`, for `using` in plain synchronous code.
 *
 * **When to use**
 *
 * In tests, with releases that are synchronous.
 *
 * **Details**
 *
 * Disposing runs the release as far as it goes synchronously and throws what it
 * fails with. Where it does not end, disposing throws a `DropUsageError` that
 * names the guard; the release goes on, and its failure goes to the owner.
 *
 * In the seed: `SyncDrop<T>`.
 *
 * **Interruption**
 *
 * None: whoever disposes is plain code and no fibre. The release runs
 * uninterruptibly, as by `drop`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toDisposable = <A, E>(guard: AsyncDropGuard<A, E>): Disposable => ({
  [dispose]() {
    const lifetime = lifetimeOf(guard)
    const exit = handle.dropSync(lifetime)
    if (exit === undefined) {
      throw notSynchronous(lifetime)
    }
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  }
})
