import { AsyncDrop, ConcurrentStore, DropFailure } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Option, Scope } from "effect"
import { TestClock } from "effect/testing"

const lookup = (release: Effect.Effect<void>) => (key: string) =>
  AsyncDrop.acquireRelease(Effect.succeed(key), () => release, { name: `conn-${key}` })

const told = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isSuccess(exit)
    ? []
    : Option.match(DropFailure.fromCause(exit.cause), {
      onNone: () => [],
      onSome: ({ errors }) =>
        errors.map(({ cause, key, phase, resource }) => [resource, key, phase, Cause.squash(cause)] as const)
    })

describe("the budget of a store", () => {
  it.effect("ends its close while someone holds a key, and names the key", () =>
    Effect.gen(function*() {
      const dropped: Array<string> = []
      const release = Effect.sync(() => void dropped.push("released"))
      const holder = yield* Scope.make()
      const closed = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup: lookup(release), budget: "2 seconds", name: "store" })
        yield* Scope.provide(holder)(ConcurrentStore.get(store, "a"))
      })).pipe(Effect.forkChild({ startImmediately: true }))
      yield* TestClock.adjust("1 second")
      assert.isUndefined(closed.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const { dropErrors } = yield* Fiber.join(closed)
      assert.deepStrictEqual(dropErrors.map(({ key, phase, resource }) => [resource, key, phase]), [
        ["store(a)", "a", "abandoned"]
      ])
      assert.deepStrictEqual(dropped, [])
      yield* Scope.close(holder, Exit.void)
      assert.deepStrictEqual(dropped, ["released"])
    }))

  it.effect("ends its drop by hand as well, for whoever joins it too", () =>
    Effect.gen(function*() {
      const dropped: Array<string> = []
      const release = Effect.sync(() => void dropped.push("released"))
      const store = yield* ConcurrentStore.make({ lookup: lookup(release), budget: "2 seconds", name: "store" })
      const until = yield* Latch.make()
      const user = yield* Effect.forkChild(ConcurrentStore.use(store, "a", () => until.await), {
        startImmediately: true
      })
      const drop = Effect.forkChild(ConcurrentStore.drop(store), { startImmediately: true })
      const closers = [yield* drop, yield* drop]
      yield* TestClock.adjust("1999 millis")
      for (const closer of closers) assert.isUndefined(closer.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      for (const closer of [...closers, yield* drop]) {
        const exit = yield* Fiber.await(closer)
        assert.deepStrictEqual(told(exit).map(([name, key, phase]) => [name, key, phase]), [[
          "store(a)",
          "a",
          "abandoned"
        ]])
      }
      assert.deepStrictEqual(dropped, [])
      yield* until.open
      yield* Fiber.join(user)
      assert.deepStrictEqual(dropped, ["released"])
    }).pipe(AsyncDrop.scoped))

  it.effect("gives up on releases that hang, each once, and drops the others", () =>
    Effect.gen(function*() {
      const dropped: Array<string> = []
      const hangs = new Set(["a", "c"])
      const closed = yield* AsyncDrop.scoped(
        Effect.gen(function*() {
          const store = yield* ConcurrentStore.make({
            lookup: (key: string) =>
              AsyncDrop.acquireRelease(
                Effect.succeed(key),
                () => hangs.has(key) ? Effect.never : Effect.sync(() => void dropped.push(key)),
                { name: `conn-${key}` }
              ),
            idleTimeToLive: "1 minute"
          })
          for (const key of ["a", "b", "c", "d"]) yield* ConcurrentStore.use(store, key, () => Effect.void)
        }),
        { budget: "10 seconds" }
      ).pipe(Effect.exit, Effect.forkChild({ startImmediately: true }))
      yield* TestClock.adjust("10 seconds")
      const names = told(yield* Fiber.join(closed)).map(([resource, , phase]) => `${resource} ${phase}`)
      assert.sameMembers(names, ["conn-a abandoned", "conn-c abandoned"])
      assert.sameMembers(dropped, ["b", "d"])
    }))
})
