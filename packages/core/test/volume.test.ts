import { AsyncDrop, AsyncDropArc, AsyncDropGuard, ConcurrentStore, DropFailure, DropReporter } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Latch, Option, Scope } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")

/** `STORE_CYCLES=1000000` for the full million; the test run has no time for it. */
const storeCycles = Number(process.env["STORE_CYCLES"] ?? 100_000)

const silent = Effect.provideService(DropReporter.DropReporter, () => Effect.void)

describe("volume", () => {
  it.live("1,000,000 resources in one scope are released", () =>
    Effect.gen(function*() {
      let live = 0
      const acquire = Effect.sync(() => ++live)
      const release = () => Effect.sync(() => void live--)
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        for (let i = 0; i < 1_000_000; i++) yield* AsyncDrop.acquireRelease(acquire, release)
        assert.strictEqual(live, 1_000_000)
      }))
      assert.strictEqual(live, 0)
    }), 60_000)

  it.live("100,000 nested scopes are closed, inside out", () =>
    Effect.gen(function*() {
      let live = 0
      let program: Effect.Effect<number> = Effect.sync(() => live)
      for (let i = 0; i < 100_000; i++) {
        const inner = program
        program = AsyncDrop.scoped(Effect.andThen(
          AsyncDrop.acquireRelease(Effect.sync(() => ++live), (n) => Effect.sync(() => assert.strictEqual(live--, n))),
          inner
        ))
      }
      assert.strictEqual(yield* program, 100_000)
      assert.strictEqual(live, 0)
    }), 60_000)

  it.live("200,000 failing drops are all in the failure, among plain finalizers too", () =>
    Effect.gen(function*() {
      for (const plain of [Effect.void, Effect.addFinalizer(() => Effect.void)]) {
        const exit = yield* Effect.exit(AsyncDrop.scoped(Effect.gen(function*() {
          for (let i = 0; i < 200_000; i++) {
            yield* AsyncDrop.acquireRelease(Effect.succeed(i), (i) => Effect.fail(i), { name: "r" })
            yield* plain
          }
        })))
        const failure = Exit.isFailure(exit) ? DropFailure.fromCause(exit.cause) : Option.none()
        assert.strictEqual(Option.getOrThrow(failure).errors.length, 200_000)
      }
    }).pipe(silent), 60_000)

  it.live("1,000,000 entries that come and go beside a resource cost no memory", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      for (let i = 0; i < 3; i++) yield* Scope.addFinalizer(scope, Effect.void)
      yield* Scope.provide(AsyncDropGuard.make(Effect.succeed(1), () => Effect.void), scope)
      const heapAfter = (entries: number) => {
        for (let i = 0; i < entries; i++) Scope.closeUnsafe(Scope.forkUnsafe(scope), Exit.void)
        collectGarbage()
        return process.memoryUsage().heapUsed
      }
      const before = heapAfter(1000)
      assert.isBelow(heapAfter(1_000_000) - before, 5_000_000)
    }), 60_000)

  it.live("100,000 times {fork, guard, drop, fibre ends} leaves a scope as it was", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.addFinalizer(scope, Effect.void)
      yield* Scope.addFinalizer(scope, Effect.void)
      const before = scope.state._tag === "Open" ? new Map(scope.state.finalizers) : undefined
      for (let i = 0; i < 100_000; i++) {
        yield* Effect.forkIn(Effect.yieldNow, scope)
        const guard = yield* Scope.provide(AsyncDropGuard.make(Effect.succeed(i), () => Effect.void), scope)
        yield* AsyncDropGuard.drop(guard)
        if (i % 64 === 0) yield* Effect.yieldNow
      }
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      const after = scope.state._tag === "Open" ? scope.state.finalizers : undefined
      assert.deepStrictEqual([...after!.keys()], [...before!.keys()])
    }), 60_000)
  it.live(
    `${storeCycles.toLocaleString("en-US")} times {get, drop} on 1,000 keys of a store leave nothing behind`,
    () =>
      Effect.gen(function*() {
        let live = 0
        const store = yield* ConcurrentStore.make({
          lookup: (_: number) => AsyncDrop.acquireRelease(Effect.sync(() => ++live), () => Effect.sync(() => live--)),
          capacity: 100
        })
        yield* Effect.addFinalizer(() => Effect.void)
        const scope = yield* Effect.scope
        const entries = () => scope.state._tag === "Open" ? [...scope.state.finalizers!.keys()] : []
        const heapAfter = (cycles: number) =>
          Effect.gen(function*() {
            for (let i = 0; i < cycles; i++) yield* AsyncDropArc.drop(yield* ConcurrentStore.open(store, i % 1000))
            collectGarbage()
            return process.memoryUsage().heapUsed
          })
        const before = [yield* heapAfter(20_000), entries()] as const
        const grown = (yield* heapAfter(storeCycles)) - before[0]
        assert.isBelow(grown, 5_000_000)
        assert.deepStrictEqual(entries(), before[1])
        assert.deepStrictEqual([live, ConcurrentStore.size(store)], [0, 0])
      }).pipe(AsyncDrop.scoped),
    600_000
  )

  it.live("a fibre that waits, and that nobody can wake any more, is not kept alive", () =>
    Effect.gen(function*() {
      const abandoned = () => {
        const waits = Effect.gen(function*() {
          const guard = yield* AsyncDropGuard.makeUnscoped(Effect.succeed(1), () => Effect.void)
          const forever = yield* Latch.make()
          yield* Effect.forkDetach(AsyncDropGuard.use(guard, () => forever.await), { startImmediately: true })
          yield* AsyncDropGuard.drop(guard)
        })
        return new WeakRef(Effect.runFork(waits))
      }
      const fibers = Array.from({ length: 10 }, abandoned)
      assert.strictEqual(fibers.filter((ref) => ref.deref()?.pollUnsafe() === undefined).length, 10)
      // What a turn of the event loop has looked at is kept until its end.
      yield* Effect.sleep(1)
      collectGarbage()
      assert.isBelow(fibers.filter((ref) => ref.deref() !== undefined).length, 2)
    }), 60_000)
})
