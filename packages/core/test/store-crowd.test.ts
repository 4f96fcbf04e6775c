// Many who hold one key: what they wait for is known without a look at each, and is what is so now.
import { AsyncDrop, AsyncDropGuard, AsyncDropMutex, ConcurrentStore, DropCycle } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch } from "effect"

const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A key that more hold than are looked at one by one, and that is asked to drop; whoever comes now waits. */
const crowded = Effect.gen(function*() {
  const store = yield* ConcurrentStore.make({ lookup: (key: string) => Effect.succeed(key) })
  const until = yield* Latch.make()
  const use = <B, E, R>(f: Effect.Effect<B, E, R>) => ConcurrentStore.use(store, "a", () => f)
  for (let i = 0; i < 40; i++) yield* beside(use(until.await))
  /** From here on they are looked at as one. */
  const gather = Effect.gen(function*() {
    yield* ConcurrentStore.invalidate(store, "a")
    return yield* beside(use(Effect.void))
  })
  const lock = yield* AsyncDropMutex.make(yield* AsyncDropGuard.make(Effect.succeed(1), () => Effect.void))
  const locked = <B, E, R>(f: Effect.Effect<B, E, R>) => AsyncDropMutex.withLock(lock, () => f)
  return { use, gather, leave: until.open, locked }
})

const isCycle = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) => Cause.isDieReason(reason) && reason.defect instanceof DropCycle.DropCycle)

describe("a crowd of holders", () => {
  it.effect("closes a circle where one of them begins to wait for who asks", () =>
    Effect.gen(function*() {
      const { gather, leave, locked, use } = yield* crowded
      const [go, waits] = [yield* Latch.make(), yield* Latch.make()]
      const holder = yield* beside(use(Effect.andThen(go.await, locked(Effect.void))))
      yield* gather
      const asks = yield* beside(locked(Effect.andThen(waits.await, use(Effect.void))))
      yield* go.open
      yield* Effect.yieldNow
      yield* waits.open
      assert.isTrue(isCycle(yield* Fiber.await(asks)))
      yield* Fiber.join(holder)
      yield* leave
    }).pipe(AsyncDrop.scoped))

  it.effect("closes none where that wait is over", () =>
    Effect.gen(function*() {
      const { gather, leave, locked, use } = yield* crowded
      const [go, stays] = [yield* Latch.make(), yield* Latch.make()]
      const busy = yield* beside(locked(go.await))
      const holder = yield* beside(use(Effect.andThen(locked(Effect.void), stays.await)))
      yield* gather
      yield* go.open
      yield* Fiber.join(busy)
      yield* Effect.yieldNow
      const asks = yield* beside(locked(use(Effect.void)))
      yield* Effect.yieldNow
      assert.isUndefined(asks.pollUnsafe())
      yield* stays.open
      yield* leave
      yield* Fiber.joinAll([holder, asks])
    }).pipe(AsyncDrop.scoped))

  it.effect("closes none through one who has left it", () =>
    Effect.gen(function*() {
      const { gather, leave, locked, use } = yield* crowded
      const [go, stays] = [yield* Latch.make(), yield* Latch.make()]
      // Leaves, and then waits for who is to ask.
      const left = yield* beside(Effect.andThen(use(go.await), locked(Effect.void)))
      yield* gather
      const asks = yield* beside(locked(Effect.andThen(stays.await, use(Effect.void))))
      yield* go.open
      yield* Effect.yieldNow
      yield* stays.open
      yield* Effect.yieldNow
      assert.isUndefined(asks.pollUnsafe())
      yield* leave
      yield* Fiber.joinAll([asks, left])
    }).pipe(AsyncDrop.scoped))
})
