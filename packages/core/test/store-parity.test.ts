// What the tests of the seed's store show, where no other test here does: see docs/parity-store.md.
import { AsyncDrop, AsyncDropGuard, ConcurrentStore } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Option } from "effect"
import { TestClock } from "effect/testing"

const logged = (log: Array<string>) => (name: string) =>
  AsyncDrop.acquireRelease(
    Effect.sync(() => (log.push(`load ${name}`), name)),
    () => Effect.sync(() => log.push(`drop ${name}`))
  )

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Until everything that can run has run. */
const settled = TestClock.adjust(0)

/** A store whose key `a` is held until `until` opens; `load` is what a borrow of one's own loads. */
const held = Effect.gen(function*() {
  const log: Array<string> = []
  const load = logged(log)
  const until = yield* Latch.make()
  const lookup = (key: string) => key === "a" ? load(key) : Effect.fail("no" as const)
  const store = yield* ConcurrentStore.make({ lookup })
  const holder = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
  const letGo = Effect.andThen(until.open, Fiber.join(holder))
  const borrow = (name: string) => beside(Effect.scoped(ConcurrentStore.getOrLoad(store, "a", load(name))))
  return { log, load, store, letGo, borrow }
})

describe("a drop that was asked for", () => {
  it.effect("is followed by one load for all who wait, by the load of the first, whenever the others came", () =>
    Effect.gen(function*() {
      const { borrow, letGo, log, store } = yield* held
      const f = yield* Latch.make()
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", () => f.await))
      const late = [yield* borrow("first"), yield* borrow("while held")]
      yield* letGo
      late.push(yield* borrow("while f runs"))
      yield* settled
      assert.deepStrictEqual(log, ["load a"])
      yield* f.open
      yield* Fiber.join(asker)
      for (const fiber of late) assert.strictEqual(yield* Fiber.join(fiber), "first")
      assert.deepStrictEqual(log, ["load a", "drop a", "load first", "drop first"])
    }).pipe(AsyncDrop.scoped))

  it.effect("asked for again is refused, also where one waits to load; after its end the next comes after that one", () =>
    Effect.gen(function*() {
      const { borrow, letGo, load, log, store } = yield* held
      const [f, loads] = [yield* Latch.make(), yield* Latch.make()]
      const ask = ConcurrentStore.requestImmediateDrop(store, "a", (guard) =>
        Effect.gen(function*() {
          if (Option.isSome(guard)) log.push(`f has ${yield* AsyncDropGuard.get(guard.value)}`)
        }))
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", () => f.await))
      const slow = Effect.andThen(loads.await, load("second"))
      const second = yield* beside(Effect.scoped(ConcurrentStore.getOrLoad(store, "a", slow)))
      const refused = yield* Effect.flip(ask)
      assert.instanceOf(refused, ConcurrentStore.AlreadyDropping)
      yield* letGo
      assert.instanceOf(yield* Effect.flip(ask), ConcurrentStore.AlreadyDropping)
      const again = yield* beside(Effect.andThen(refused.await, ask))
      yield* f.open
      yield* Fiber.join(asker)
      yield* settled
      const third = yield* borrow("third")
      yield* loads.open
      yield* Fiber.join(again)
      assert.deepStrictEqual([yield* Fiber.join(second), yield* Fiber.join(third)], ["second", "third"])
      assert.deepStrictEqual(log.slice(0, 2), ["load a", "drop a"])
      assert.deepStrictEqual(log.slice(2, 5), ["load second", "f has second", "drop second"])
      assert.deepStrictEqual(log.slice(5), ["load third", "drop third"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is followed by a load that fails: who waited is told, and the key is free", () =>
    Effect.gen(function*() {
      const { letGo, log, store } = yield* held
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", () => Effect.void))
      const late = yield* beside(Effect.scoped(ConcurrentStore.getOrLoad(store, "a", Effect.fail("no"))))
      yield* letGo
      yield* Fiber.join(asker)
      assert.deepStrictEqual(yield* Fiber.await(late), Exit.fail("no"))
      assert.isTrue(ConcurrentStore.isFullyAbsent(store, "a"))
      assert.strictEqual(yield* ConcurrentStore.use(store, "a", Effect.succeed), "a")
      assert.deepStrictEqual(log, ["load a", "drop a", "load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("hides who waits to load from who looks: nothing is given at once, and nothing is listed", () =>
    Effect.gen(function*() {
      const { borrow, letGo, store } = yield* held
      const f = yield* Latch.make()
      const looked = Effect.scoped(
        Effect.all([ConcurrentStore.getOption(store, "a"), ConcurrentStore.entries(store)])
      )
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", () => f.await))
      const late = yield* borrow("late")
      assert.deepStrictEqual(yield* looked, [Option.none(), []])
      yield* letGo
      assert.deepStrictEqual(yield* looked, [Option.none(), []])
      yield* f.open
      yield* Fiber.join(asker)
      assert.strictEqual(yield* Fiber.join(late), "late")
    }).pipe(AsyncDrop.scoped))
})

describe("a store, looked at in the step that follows", () => {
  it.effect("has what was put in, and what is being put in is joined", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const store = yield* ConcurrentStore.make({ lookup: logged(log) })
      const look = (key: string) => Effect.scoped(ConcurrentStore.getOption(store, key))
      const loads = yield* Latch.make()
      const slow = Effect.andThen(loads.await, logged(log)("slow"))
      const inserting = yield* beside(Effect.scoped(ConcurrentStore.insertLoading(store, "a", slow)))
      const joined = yield* beside(look("a"))
      yield* settled
      assert.isUndefined(joined.pollUnsafe())
      yield* loads.open
      assert.deepStrictEqual(yield* Fiber.join(joined), Option.some("slow"))
      assert.strictEqual(yield* Fiber.join(inserting), "slow")
      yield* ConcurrentStore.insert(store, "b", yield* AsyncDropGuard.make(Effect.succeed("mine"), () => Effect.void))
      assert.deepStrictEqual(yield* look("b"), Option.some("mine"))
      assert.deepStrictEqual(log, ["load slow", "drop slow"])
    }).pipe(AsyncDrop.scoped))

  it.effect("lends what is loaded without a wait", () =>
    Effect.gen(function*() {
      const { letGo, log, store } = yield* held
      yield* settled
      const other = yield* beside(ConcurrentStore.use(store, "a", Effect.succeed))
      assert.deepStrictEqual(other.pollUnsafe(), Exit.succeed("a"))
      assert.deepStrictEqual(log, ["load a"])
      yield* letGo
    }).pipe(AsyncDrop.scoped))
})
