import { AsyncDrop, AsyncDropGuard, ConcurrentStore, DropCycle } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Logger, Option, Scope } from "effect"

type Store = ConcurrentStore.ConcurrentStore<string, void, unknown>
type Some = Effect.Effect<unknown, unknown, Scope.Scope>

/** A store whose loads run `load`, which can use the store. */
const looping = (
  load: (store: Store, key: string) => Some,
  options: { readonly capacity?: number; readonly idleTimeToLive?: number } = {}
) =>
  Effect.gen(function*() {
    const store: Store = yield* ConcurrentStore.make({
      lookup: (key: string): Effect.Effect<void, unknown, Scope.Scope> =>
        Effect.suspend(() => Effect.asVoid(load(store, key))),
      name: "store",
      ...options
    })
    return store
  })

const nothing = () => Effect.void
const { get, invalidate } = ConcurrentStore
const use = (store: Store, key: string, f: () => Some = nothing) => Effect.scoped(ConcurrentStore.use(store, key, f))

const diesOfCycle = (exit: Exit.Exit<unknown, unknown>, chain: ReadonlyArray<string>) => {
  const defect = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isDieReason)?.defect : undefined
  assert.instanceOf(defect, DropCycle.DropCycle)
  assert.deepStrictEqual(defect.chain, chain)
}

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("A key that the value of another key holds", () => {
  it.effect("is a DropCycle for a load that holds it through that one, and waits for its end", () =>
    Effect.gen(function*() {
      const again = (store: Store) => Effect.andThen(invalidate(store, "c"), get(store, "c"))
      const loads: Record<string, (store: Store) => Some> = {
        a: (store) => Effect.andThen(get(store, "b"), again(store)),
        b: (store) => get(store, "c"),
        c: nothing,
        // Its parts were borrowed by fibres of its own, which have ended.
        d: (store) => Effect.andThen(Effect.all([get(store, "b"), get(store, "c")], { concurrency: 2 }), again(store))
      }
      const store = yield* looping((store, key) => loads[key]!(store)) // one of these
      diesOfCycle(yield* Effect.exit(use(store, "a")), ["store(c)", "store(b)", "store(a)", "store(c)"])
      const exit = yield* Effect.exit(use(store, "d"))
      assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), DropCycle.DropCycle)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle for a user of that one who awaits a drop of it, or its next value", () =>
    Effect.gen(function*() {
      const chain = ["store(d)", "store(b)", "store(d)"]
      const awaits: ReadonlyArray<(store: Store) => Some> = [
        (store) => ConcurrentStore.requestImmediateDrop(store, "d", nothing),
        (store) => Effect.andThen(invalidate(store, "d"), use(store, "d"))
      ]
      for (const wait of awaits) {
        const store = yield* looping((store, key) => key === "b" ? get(store, "d") : Effect.void)
        diesOfCycle(yield* Effect.exit(use(store, "b", () => wait(store))), chain)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("takes room that the user of that one waits for in vain, also in another store", () =>
    Effect.gen(function*() {
      const below: Record<string, ReadonlyArray<string>> = { a: ["b", "c"], b: ["d"], c: ["d"], d: [] }
      const store = yield* looping(
        (store, key) => Effect.forEach(below[key]!, (each) => get(store, each)), // one of these
        { capacity: 3 }
      )
      const room = "the room in store"
      diesOfCycle(yield* Effect.exit(use(store, "a")), [room, "store(a)", "store(c)", room])
      const full = yield* ConcurrentStore.make({ lookup: nothing, capacity: 1, name: "full" })
      const over = yield* looping((_, key) => get(full, key))
      const exit = yield* Effect.exit(use(over, "x", () => use(over, "y")))
      assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), DropCycle.DropCycle)
      assert.isTrue(ConcurrentStore.isEmpty(over) && ConcurrentStore.isEmpty(full))
    }).pipe(AsyncDrop.scoped))

  it.effect("is found among many holders, as one of which it came and goes", () =>
    Effect.gen(function*() {
      const store = yield* looping((store, key) => key === "a" ? Effect.void : get(store, "a"))
      const until = yield* Latch.make()
      const keys = Array.from({ length: 40 }, (_, at) => `${at}`)
      const others = yield* Effect.forEach(keys, (key) => beside(use(store, key, () => until.await)))
      let waiting: Fiber.Fiber<Exit.Exit<unknown, unknown>> | undefined
      yield* use(store, "b", () =>
        Effect.gen(function*() {
          yield* invalidate(store, "a")
          diesOfCycle(yield* Effect.exit(use(store, "a")), ["store(a)", "store(b)", "store(a)"])
          waiting = yield* Effect.forkDetach(Effect.exit(use(store, "a")), { startImmediately: true })
        }))
      // Who holds it no longer may wait for it.
      const later = yield* beside(use(store, "a"))
      yield* until.open
      const exits = yield* Effect.forEach([...others, later], Fiber.await)
      for (const exit of [...exits, yield* Fiber.join(waiting!)]) { // begun in there
        assert.deepStrictEqual(exit, Exit.void)
      }
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle for each of many loads that got it together, and ask again", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const store = yield* looping((store, key) =>
        key === "a" ? go.await : Effect.andThen(get(store, "a"), get(store, "a"))
      )
      const keys = Array.from({ length: 40 }, (_, at) => `${at}`)
      const users = yield* Effect.forEach(keys, (key) => beside(use(store, key)))
      yield* invalidate(store, "a")
      yield* go.open
      for (const user of users) {
        const exit = yield* Fiber.await(user)
        assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), DropCycle.DropCycle)
      }
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is waited for where that value is used by another, or was moved out of the store", () =>
    Effect.gen(function*() {
      let below = "d"
      const store = yield* looping((store, key) => key === "b" && below !== "" ? get(store, below) : Effect.void)
      const until = yield* Latch.make()
      const other = yield* beside(use(store, "b", () => until.await))
      yield* invalidate(store, "d")
      const waiting = yield* beside(use(store, "d"))
      yield* until.open
      for (const fiber of [other, waiting]) assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.void)

      const elsewhere = yield* Scope.make()
      const user = yield* Latch.make()
      const first = yield* beside(use(store, "b", () => user.await))
      const moved = yield* beside(
        ConcurrentStore.requestImmediateDrop(
          store,
          "b",
          (guard) => AsyncDropGuard.transfer(Option.getOrThrow(guard), elsewhere)
        )
      )
      below = ""
      yield* invalidate(store, "d")
      const next = yield* beside(use(store, "b", () => use(store, "d")))
      yield* user.open
      for (const fiber of [first, moved]) assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.void)
      assert.strictEqual(ConcurrentStore.state(store, "b"), "loaded")
      assert.isUndefined(next.pollUnsafe())
      yield* Scope.close(elsewhere, Exit.void)
      assert.deepStrictEqual(yield* Fiber.await(next), Exit.void)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  describe("is a DropCycle as well where that value was moved to another key", () => {
    /** Takes the value of a key in hand, and puts it in elsewhere. */
    const move = (from: Store, key: string, to: Store, next: string, mapped = false) =>
      ConcurrentStore.requestImmediateDrop(from, key, (guard) => {
        const found = Option.getOrThrow(guard)
        return Effect.flatMap(
          mapped ? AsyncDropGuard.map(found, nothing) : Effect.succeed(found),
          (guard) => ConcurrentStore.insert(to, next, guard)
        )
      })
    const keeping = { idleTimeToLive: Infinity }
    const awaitsDrop = (store: Store) => ConcurrentStore.requestImmediateDrop(store, "d", nothing)
    const awaitsNext = (store: Store) => Effect.andThen(invalidate(store, "d"), use(store, "d"))

    for (const [what, wait] of [["a drop", awaitsDrop], ["the next value", awaitsNext]] as const) {
      it.effect(`for a user of that key who awaits ${what}`, () =>
        Effect.gen(function*() {
          const store = yield* looping((store, key) => key === "b" ? get(store, "d") : Effect.void, keeping)
          yield* use(store, "b")
          yield* move(store, "b", store, "e")
          diesOfCycle(yield* Effect.exit(use(store, "e", () => wait(store))), ["store(d)", "store(e)", "store(d)"])
          yield* ConcurrentStore.drop(store)
          assert.isTrue(ConcurrentStore.isEmpty(store))
        }).pipe(AsyncDrop.scoped))
    }

    it.effect("of another store, and again, and mapped on the way", () =>
      Effect.gen(function*() {
        const store = yield* looping((store, key) => key === "b" ? get(store, "d") : Effect.void, keeping)
        const other = yield* looping(nothing, keeping)
        yield* use(store, "b")
        yield* move(store, "b", other, "e", true)
        yield* move(other, "e", store, "f")
        yield* move(store, "f", other, "g", true)
        diesOfCycle(yield* Effect.exit(use(other, "g", () => awaitsDrop(store))), ["store(d)", "store(g)", "store(d)"])
        yield* ConcurrentStore.drop(other)
        yield* ConcurrentStore.drop(store)
      }).pipe(AsyncDrop.scoped))

    it.effect("one warning for a fibre that was started inside a use of that key", () =>
      Effect.gen(function*() {
        const warnings: Array<string> = []
        const logger = Logger.make(({ logLevel, message }) => {
          if (logLevel === "Warn") warnings.push(String(message))
        })
        yield* Effect.gen(function*() {
          const store = yield* looping((store, key) => key === "b" ? get(store, "d") : Effect.void, keeping)
          yield* use(store, "b")
          yield* move(store, "b", store, "e")
          yield* use(store, "e", () => Effect.forkDetach(awaitsDrop(store), { startImmediately: true }))
          yield* ConcurrentStore.drop(store)
        }).pipe(AsyncDrop.scoped, Effect.provide(Logger.layer([logger])))
        assert.strictEqual(warnings.length, 1)
        assert.include(
          warnings[0],
          "requestImmediateDrop of store(d) is asked for by a fibre that was started inside its own"
        )
      }))

    it.effect("among many holders, and not where it is used by others", () =>
      Effect.gen(function*() {
        const store = yield* looping((store, key) => key === "b" ? get(store, "d") : Effect.void, keeping)
        const until = yield* Latch.make()
        yield* use(store, "b")
        const others = yield* Effect.forEach(
          Array.from({ length: 40 }),
          () => beside(use(store, "d", () => until.await))
        )
        yield* move(store, "b", store, "e")
        yield* invalidate(store, "d")
        diesOfCycle(yield* Effect.exit(use(store, "e", () => use(store, "d"))), ["store(d)", "store(e)", "store(d)"])
        yield* until.open
        for (const fiber of others) assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.void)
        const user = yield* beside(use(store, "e", () => Effect.andThen(Effect.yieldNow, Effect.yieldNow)))
        const waiting = yield* beside(use(store, "d"))
        yield* Fiber.join(user)
        assert.isUndefined(waiting.pollUnsafe())
        yield* invalidate(store, "e")
        assert.deepStrictEqual(yield* Fiber.await(waiting), Exit.void)
      }).pipe(AsyncDrop.scoped))
  })

  it.effect("does not keep its store from closing where the close ends the load that holds it", () =>
    Effect.gen(function*() {
      const other = yield* ConcurrentStore.make({ lookup: nothing, name: "other" })
      const store = yield* looping((store, key) =>
        key === "b" ? Effect.andThen(get(store, "c"), get(other, "h")) : Effect.void
      )
      yield* use(other, "h", () =>
        Effect.gen(function*() {
          yield* invalidate(other, "h")
          const user = yield* beside(use(store, "b"))
          assert.deepStrictEqual(ConcurrentStore.keys(store), ["b", "c"])
          assert.deepStrictEqual(yield* Effect.exit(ConcurrentStore.drop(store)), Exit.void)
          assert.isTrue(ConcurrentStore.isEmpty(store))
          const exit = yield* Fiber.await(user)
          assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        }))
    }).pipe(AsyncDrop.scoped))

  it.effect("is one warning for a fibre that was started inside a use of that one, or inside its load", () =>
    Effect.gen(function*() {
      const started = (wait: Some) => Effect.forkDetach(wait, { startImmediately: true })
      const waits: ReadonlyArray<readonly [string, (store: Store) => Some]> = [
        ["requestImmediateDrop", (store) => ConcurrentStore.requestImmediateDrop(store, "c", nothing)],
        ["borrow", (store) => Effect.andThen(invalidate(store, "c"), use(store, "c"))]
      ]
      for (const [operation, wait] of waits) {
        for (const inside of ["use", "load"]) {
          const warnings: Array<string> = []
          const logger = Logger.make(({ logLevel, message }) => {
            if (logLevel === "Warn") warnings.push(String(message))
          })
          const loads: Record<string, (store: Store) => Some> = {
            a: (store) => get(store, "b"),
            b: (store) => Effect.andThen(get(store, "c"), inside === "load" ? started(wait(store)) : Effect.void),
            c: nothing,
            d: nothing
          }
          yield* Effect.gen(function*() {
            const store = yield* looping((store, key) => loads[key]!(store)) // one of these
            yield* use(store, "d", () => started(ConcurrentStore.requestImmediateDrop(store, "c", nothing)))
            assert.deepStrictEqual(warnings, [])
            yield* use(store, "a", () => inside === "use" ? started(wait(store)) : Effect.void)
          }).pipe(AsyncDrop.scoped, Effect.provide(Logger.layer([logger])))
          assert.strictEqual(warnings.length, 1, `${operation} inside a ${inside}`)
          assert.include(
            warnings[0],
            `${operation} of store(c) is asked for by a fibre that was started inside its own`
          )
        }
      }
    }))
})
