// Corners where owners, handles and closes meet: each of these once went wrong.
import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropHashMap,
  AsyncDropMutex,
  ConcurrentStore,
  DropReporter,
  DropStack,
  DropUsageError
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Equal, Exit, Fiber, Hash, HashSet, Latch, Scope } from "effect"

/** Guards that note their release. */
const noting = () => {
  const log: Array<string> = []
  const guard = (name: string) =>
    AsyncDropGuard.make(Effect.succeed(name), () => Effect.sync(() => void log.push(name)), { name })
  return { guard, log }
}

/** Runs `effect` on a fibre that yields after so many operations, counted from here. */
const yieldingAfter = <A, E, R>(operations: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.andThen(
    Effect.withFiber((fiber) => {
      ;(fiber as { currentOpCount: number }).currentOpCount = 2048 - operations // read-only in its type
      return Effect.void
    }),
    effect
  )

describe("unwrap of a handle that others clone and drop while it yields", () => {
  for (let operations = 0; operations < 24; operations++) {
    it.effect(`takes nothing from the clone, yielding after ${operations} operations`, () =>
      Effect.gen(function*() {
        const { guard, log } = noting()
        yield* AsyncDrop.scoped(Effect.gen(function*() {
          const first = yield* Effect.flatMap(guard("a"), AsyncDropArc.make)
          const unwrapping = Effect.exit(AsyncDrop.scoped(AsyncDropArc.unwrap(first)))
          const fiber = yield* Effect.forkChild(yieldingAfter(operations, unwrapping), { startImmediately: true })
          if (fiber.pollUnsafe() !== undefined) return // it did not yield half-way
          const cloned = yield* Effect.exit(AsyncDropArc.clone(first))
          if (Exit.isFailure(cloned)) return yield* Fiber.await(fiber) // it has taken the resource already
          const second = cloned.value
          yield* AsyncDropArc.drop(first)
          yield* Fiber.await(fiber)
          assert.deepStrictEqual(log, [])
          assert.strictEqual(yield* AsyncDropArc.use(second, Effect.succeed), "a")
        }))
        assert.deepStrictEqual(log, ["a"])
      }))
  }
})

describe("a map whose key changes after it was put in", () => {
  it.effect("gives its guard once, and releases the others", () =>
    Effect.gen(function*() {
      const { guard, log } = noting()
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<Date, string>()
        const key = new Date(0)
        yield* AsyncDropHashMap.insert(map, new Date(5), yield* guard("other"))
        yield* AsyncDropHashMap.insert(map, key, yield* guard("changed"))
        key.setTime(77)
        assert.strictEqual((yield* AsyncDropHashMap.remove(map, key))._tag, "Some")
        assert.strictEqual(AsyncDropHashMap.size(map), 1)
        assert.strictEqual((yield* AsyncDropHashMap.remove(map, key))._tag, "None")
      }))
      assert.deepStrictEqual(log.toSorted(), ["changed", "other"])
    }))
})

describe("a resource that comes back into the scope that `all` left it in", () => {
  const inParts = (
    move: (made: AsyncDropGuard.AsyncDropGuard<string>, parts: Scope.Scope) => Effect.Effect<unknown>
  ) =>
    Effect.gen(function*() {
      const { guard, log } = noting()
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const [[parts, made]] = yield* AsyncDrop.all([Effect.all([Effect.scope, guard("a")])])
        yield* move(made, parts)
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["a"])
    })

  it.effect("is released once when it was transferred", () =>
    inParts((made, parts) => AsyncDropGuard.transfer(made, parts)))

  it.effect("is released once when an arc took it over", () =>
    inParts((made, parts) => Scope.provide(AsyncDropArc.make(made), parts)))

  it.effect("is released once when a mutex took it over and gave it back", () =>
    inParts((made, parts) => Scope.provide(Effect.flatMap(AsyncDropMutex.make(made), AsyncDropMutex.unwrap), parts)))

  it.effect("is released once when an arc gave it back", () =>
    inParts((made, parts) => Scope.provide(Effect.flatMap(AsyncDropArc.make(made), AsyncDropArc.unwrap), parts)))
})

describe("a map dropped by the holder of a lock that a release wants", () => {
  for (const concurrency of [1, 2, "unbounded"] as const) {
    it.effect(`is told of the cycle, with concurrency ${concurrency}`, () =>
      Effect.gen(function*() {
        const { guard } = noting()
        const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          const mutex = yield* Effect.flatMap(guard("mutex"), AsyncDropMutex.make)
          const map = yield* AsyncDropHashMap.make<string, string>({ concurrency })
          const locking = AsyncDropMutex.withLock(mutex, () => Effect.void)
          const slow = Effect.andThen(Effect.yieldNow, locking)
          for (const [key, release] of [["a", Effect.yieldNow], ["b", slow], ["c", Effect.yieldNow]] as const) {
            const made = yield* AsyncDropGuard.make(Effect.succeed(key), () => release, { name: key })
            yield* AsyncDropHashMap.insert(map, key, made)
          }
          const exit = yield* AsyncDropMutex.withLock(mutex, () => Effect.exit(AsyncDropHashMap.drop(map)))
          assert.isTrue(Exit.isFailure(exit) && String(Cause.squash(exit.cause)).includes("DropCycle"))
        }))
        assert.deepStrictEqual(dropErrors, [])
      }))
  }
})

describe("a stack that keeps fewer errors than there are", () => {
  it.effect("gives the rest to the reporter, those of plain finalizers too", () =>
    Effect.gen(function*() {
      const reported: Array<string> = []
      const exit = yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
        const stack = yield* DropStack.make({ maxErrors: 1 })
        for (const name of ["a", "b", "c"]) {
          yield* DropStack.use(stack, Effect.acquireRelease(Effect.void, () => Effect.die(name)))
        }
        yield* DropStack.close(stack)
      }))).pipe(Effect.provideService(DropReporter.DropReporter, (error) =>
        Effect.sync(() =>
          void reported.push(String(Cause.squash(error.cause)))
        )))
      const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.deepInclude(failure, { _tag: "DropFailure", dropped: 2 })
      assert.deepStrictEqual(reported, ["b", "a"])
    }))
})

describe("a map of a guard whose function comes back to it", () => {
  it.effect("is refused, and the resource is released once", () =>
    Effect.gen(function*() {
      const { guard, log } = noting()
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const made = yield* guard("a")
        const exit = yield* Effect.exit(AsyncDropGuard.map(made, () => Effect.runSync(AsyncDropGuard.drop(made))))
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof DropUsageError.DropUsageError)
      }))
      assert.deepStrictEqual(log, ["a"])
    }))
})

describe("a handle", () => {
  it.effect("is equal to itself alone, however many there are", () =>
    AsyncDrop.scoped(Effect.gen(function*() {
      const { guard } = noting()
      const first = yield* Effect.flatMap(guard("a"), AsyncDropArc.make)
      const handles = [first, yield* AsyncDropArc.clone(first), yield* AsyncDropArc.clone(first)]
      assert.strictEqual(HashSet.size(HashSet.fromIterable(handles)), 3)
      assert.isFalse(Equal.equals(handles[1], handles[2]))
      const many = yield* Effect.forEach(Array.from({ length: 20_000 }, (_, i) => String(i)), guard)
      assert.strictEqual(Hash.hash(many[0]), Hash.hash(many[0]))
    })))
})

describe("a store whose scope is closed inside a use that outlasts its handle", () => {
  it.effect("drops the other idle values, and the used one when its use has ended", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const used = yield* Latch.make()
      const scope = yield* Scope.make()
      const dropped = (key: string) =>
        Effect.sync(() => {
          log.push(key)
          if (key === "a") used.openUnsafe()
        })
      const lookup = (key: string) =>
        Effect.acquireRelease(Effect.succeed(key), () => Effect.andThen(Effect.yieldNow, dropped(key)))
      const store = yield* Scope.provide(
        ConcurrentStore.make({ lookup, idleTimeToLive: Infinity, concurrency: 1 }),
        scope
      )
      const other = ConcurrentStore.use(store, "b", () => Effect.void)
      const close = Effect.andThen(
        Effect.exit(Scope.close(scope, Exit.void)),
        Effect.sync(() => void log.push("closed"))
      )
      yield* Effect.scoped(Effect.gen(function*() {
        const handle = yield* ConcurrentStore.open(store, "a")
        const inside = Effect.andThen(Effect.andThen(AsyncDropArc.drop(handle), other), close)
        yield* AsyncDropArc.use(handle, () => inside)
      }))
      yield* used.await
      assert.deepStrictEqual(log, ["b", "closed", "a"])
    }))
})
