import { AsyncDrop, AsyncDropShared, ConcurrentStore } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Logger, Scope } from "effect"

type Store = ConcurrentStore.ConcurrentStore<string, void, unknown>

const nothing = () => Effect.void

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const isInterrupted = (exit: Exit.Exit<unknown, unknown>) =>
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

/** Gathers what is warned of. */
const listening = (warnings: Array<string>) =>
  Effect.provide(Logger.layer([Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") warnings.push(String(message))
  })]))

const warning = "borrow of store(a) is asked for by a fibre that was started inside its own load: " +
  "if that load waits for this fibre, both hang"

/** A store whose loads run `load`, which can use the store. */
const looping = (load: (store: Store, key: string) => Effect.Effect<unknown, unknown, Scope.Scope>) =>
  Effect.gen(function*() {
    const store: Store = yield* ConcurrentStore.make({
      lookup: (key: string): Effect.Effect<void, unknown, Scope.Scope> =>
        Effect.suspend(() => Effect.asVoid(load(store, key))),
      name: "store"
    })
    return store
  })

describe("A load that waits for its own key through a fibre that it started", () => {
  const waiting = looping((store, key) =>
    Effect.all([ConcurrentStore.get(store, key), ConcurrentStore.get(store, key)], { concurrency: 2 })
  )

  it.effect("is one warning, and is stopped as the last who came from outside leaves", () =>
    Effect.gen(function*() {
      const warnings: Array<string> = []
      const store = yield* waiting.pipe(listening(warnings)) // its loads have the services of its maker
      const use = Effect.scoped(ConcurrentStore.use(store, "a", nothing))
      const users = yield* Effect.forEach([1, 2], () => beside(use))
      yield* Effect.forEach(users, Fiber.interrupt)
      assert.isTrue(ConcurrentStore.isEmpty(store))
      assert.deepStrictEqual(warnings, [warning])
    }).pipe(AsyncDrop.scoped))

  it.effect("does not keep its store from closing", () =>
    Effect.gen(function*() {
      const store = yield* waiting
      const user = yield* beside(Effect.scoped(ConcurrentStore.use(store, "a", nothing)))
      yield* ConcurrentStore.drop(store)
      isInterrupted(yield* Fiber.await(user))
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is so where it is shared", () =>
    Effect.gen(function*() {
      let stopped = false
      const shared: AsyncDropShared.AsyncDropShared<void, unknown> = yield* AsyncDropShared.make(
        Effect.suspend((): Effect.Effect<void> =>
          Effect.all([Effect.scoped(AsyncDropShared.await(shared)), Effect.void], { concurrency: 2 }).pipe(
            Effect.onInterrupt(() => Effect.sync(() => stopped = true)),
            Effect.orDie,
            Effect.asVoid
          )
        )
      )
      const waiter = yield* beside(Effect.scoped(AsyncDropShared.await(shared)))
      yield* Fiber.interrupt(waiter)
      isInterrupted(yield* Fiber.await(waiter))
      assert.isTrue(stopped)
    }).pipe(AsyncDrop.scoped))
})

describe("The close of a store by its scope, on a fibre that holds a key by another scope", () => {
  it.effect("is one warning that names the key, and waits for whoever closes that", () =>
    Effect.gen(function*() {
      const warnings: Array<string> = []
      const outer = yield* Scope.make()
      const body = Effect.scoped(Effect.gen(function*() {
        const store = yield* looping(nothing)
        yield* Scope.provide(ConcurrentStore.get(store, "a"), outer)
        yield* Scope.provide(ConcurrentStore.get(store, "b"), outer)
      }))
      const closing = yield* beside(body.pipe(listening(warnings)))
      assert.isUndefined(closing.pollUnsafe())
      yield* Scope.close(outer, Exit.void)
      assert.deepStrictEqual(yield* Fiber.await(closing), Exit.void)
      assert.deepStrictEqual(warnings, [
        "close of store waits for a key that its own fibre holds by a scope (store -> store(a) -> store): " +
        "if that fibre is to close that scope, it hangs"
      ])
    }))

  it.effect("is none where others hold keys, or where it is the same scope", () =>
    Effect.gen(function*() {
      const warnings: Array<string> = []
      const outer = yield* Scope.make()
      const holding = yield* Latch.make()
      const body = Effect.scoped(Effect.gen(function*() {
        const store = yield* looping(nothing)
        yield* ConcurrentStore.get(store, "a")
        yield* Effect.forkChild(Scope.provide(ConcurrentStore.get(store, "b"), outer)).pipe(Effect.flatMap(Fiber.join))
        yield* holding.open
      }))
      const closing = yield* beside(body.pipe(listening(warnings)))
      yield* holding.await
      yield* Scope.close(outer, Exit.void)
      assert.deepStrictEqual(yield* Fiber.await(closing), Exit.void)
      assert.deepStrictEqual(warnings, [])
    }))
})

describe("One who waits for the load inside of which he was started", () => {
  /** A load that waits for `go`, and starts one who borrows its key and is not waited for. */
  const starting = (go: Latch.Latch, end: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const inner: Array<Fiber.Fiber<void, unknown>> = []
      const store = yield* looping((store, key) =>
        Effect.gen(function*() {
          if (inner.length === 0) {
            const use = Effect.scoped(ConcurrentStore.use(store, key, nothing))
            inner.push(yield* Effect.forkDetach(use, { startImmediately: true }))
          }
          yield* Effect.uninterruptible(go.await)
          yield* end
        })
      )
      const user = yield* beside(ConcurrentStore.use(store, "a", nothing))
      return { store, user, inner: inner[0]! } // its load has begun
    })

  it.effect("gets its value, or its failure", () =>
    Effect.gen(function*() {
      for (const end of [Exit.void, Exit.fail("no")]) {
        const go = yield* Latch.make()
        const { inner, store, user } = yield* starting(go, end)
        yield* go.open
        assert.deepStrictEqual(yield* Fiber.await(user), end)
        assert.deepStrictEqual(yield* Fiber.await(inner), end)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("leaves at once, and loads afresh where it was stopped", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const left = yield* starting(go, Effect.void)
      yield* Fiber.interrupt(left.inner)
      assert.strictEqual(ConcurrentStore.state(left.store, "a"), "loading")
      const { inner, store, user } = yield* starting(go, Effect.void)
      yield* beside(Fiber.interrupt(user))
      assert.strictEqual(ConcurrentStore.state(store, "a"), "dropping")
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.await(inner), Exit.void)
      assert.deepStrictEqual(yield* Fiber.await(left.user), Exit.void)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is interrupted as the store closes, while that load goes on", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { inner, store } = yield* starting(go, Effect.void)
      const closing = yield* beside(ConcurrentStore.drop(store))
      assert.isUndefined(closing.pollUnsafe())
      isInterrupted(inner.pollUnsafe()!) // it has ended by now
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.await(closing), Exit.void)
    }).pipe(AsyncDrop.scoped))

  it.effect("waits for the next value where a drop of this one was asked for meanwhile", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { inner, store, user } = yield* starting(go, Effect.void)
      yield* ConcurrentStore.invalidate(store, "a")
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.await(user), Exit.void)
      assert.deepStrictEqual(yield* Fiber.await(inner), Exit.void)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))
})
