import { AsyncDrop, AsyncDropGuard, AsyncDropMutex, DropCycle, DropUsageError } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Option, Scheduler, Scope } from "effect"
import { inspect } from "node:util"
import { everyStep } from "./support/steps.ts"

/** A lock over `name` whose resource logs its release, and fails it where told to. */
const make = <DE = never>(
  log: Array<string>,
  name: string,
  then: Effect.Effect<unknown, DE> = Effect.void as Effect.Effect<unknown, DE> // DE is never unless `then` is given
) =>
  Effect.flatMap(
    AsyncDropGuard.make(
      Effect.succeed(name),
      () => Effect.andThen(Effect.sync(() => log.push(`drop ${name}`)), then),
      { name }
    ),
    AsyncDropMutex.make
  )

type Mutex = AsyncDropMutex.AsyncDropMutex<string, unknown>

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A fibre that has the lock, and gives it back when the latch opens. */
const holding = (mutex: Mutex, latch: Latch.Latch, log: Array<string> = []) =>
  beside(AsyncDropMutex.withLock(mutex, () => Effect.andThen(latch.await, Effect.sync(() => log.push("held")))))

/** A fibre that waits for the lock, and logs its turn. */
const queued = (mutex: Mutex, log: Array<string>, name: string) =>
  beside(AsyncDropMutex.withLock(mutex, () => Effect.sync(() => log.push(name))))

/** Whether nobody holds the lock or waits for it. */
const isFree = (mutex: Mutex) => Effect.map(Effect.scoped(AsyncDropMutex.tryLock(mutex)), Option.isSome)

const diesOfUsage = (exit: Exit.Exit<unknown, unknown>, state: string) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropUsageError.DropUsageError)
  assert.strictEqual(defect.state, state)
}

const diesOfCycle = (exit: Exit.Exit<unknown, unknown>, chain: ReadonlyArray<string>) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropCycle.DropCycle)
  assert.deepStrictEqual(defect.chain, chain)
}

const isInterrupted = (exit: Exit.Exit<unknown, unknown> | undefined) =>
  assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

const closedScope = Effect.tap(Scope.make(), (scope) => Scope.close(scope, Exit.void))

const given = "given away by AsyncDropMutex.make"

describe("AsyncDropMutex.make", () => {
  it.effect("takes the guard over, which is of no use any more", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* AsyncDropGuard.make(Effect.succeed("a"), () => Effect.sync(() => log.push("drop a")))
        const mutex = yield* AsyncDropMutex.make(guard)
        assert.strictEqual(mutex.name, guard.name)
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.get(guard)), given)
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.drop(guard)), given)
        diesOfUsage(yield* Effect.exit(AsyncDropMutex.make(guard)), given)
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("waits for the uses of the guard; interrupted, it leaves the guard as it was", () =>
    Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.make(Effect.succeed("a"), () => Effect.void)
      const used = yield* Latch.make()
      yield* beside(AsyncDropGuard.use(guard, () => used.await))
      yield* Effect.flatMap(beside(AsyncDropMutex.make(guard)), Fiber.interrupt)
      assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
      const maker = yield* beside(AsyncDropMutex.make(guard))
      assert.strictEqual(maker.pollUnsafe(), undefined)
      yield* used.open
      assert.isTrue(yield* isFree(yield* Fiber.join(maker)))
    }).pipe(AsyncDrop.scoped))

  it.effect("into a closed scope takes nothing and interrupts", () =>
    Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.make(Effect.succeed("a"), () => Effect.void)
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropMutex.make(guard), yield* closedScope)))
      assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropMutex.withLock", () => {
  it.effect("lends the value, and gives what its body gives", () =>
    Effect.gen(function*() {
      const mutex = yield* make([], "a")
      assert.strictEqual(yield* AsyncDropMutex.withLock(mutex, (a) => Effect.succeed(`${a}!`)), "a!")
      const failing = mutex.pipe(AsyncDropMutex.withLock(() => Effect.fail("no")))
      assert.deepStrictEqual(yield* Effect.exit(failing), Exit.fail("no"))
    }).pipe(AsyncDrop.scoped))

  it.effect("lets its holder change the value, which the next one sees", () =>
    Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.make(Effect.sync(() => ({ n: 42 })), () => Effect.void)
      const mutex = yield* AsyncDropMutex.make(guard)
      yield* AsyncDropMutex.withLock(mutex, (value) =>
        Effect.sync(() => {
          value.n = 100
        }))
      assert.strictEqual(yield* AsyncDropMutex.withLock(mutex, ({ n }) => Effect.succeed(n)), 100)
    }).pipe(AsyncDrop.scoped))

  it.effect("lets one in at a time, first come first served", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const mutex = yield* make([], "a")
      const holder = yield* holding(mutex, go)
      const turn = (name: string) =>
        AsyncDropMutex.withLock(mutex, () =>
          Effect.gen(function*() {
            log.push(`${name} begins`)
            yield* Effect.yieldNow
            log.push(`${name} ends`)
          }))
      const waiters = yield* Effect.forEach(["b", "c", "d"], (name) => beside(turn(name)))
      assert.deepStrictEqual(log, [])
      yield* go.open
      yield* Fiber.joinAll([holder, ...waiters])
      assert.deepStrictEqual(log, ["b begins", "b ends", "c begins", "c ends", "d begins", "d ends"])
    }).pipe(AsyncDrop.scoped))

  it.effect("lets nobody overtake who waits, not even when the lock is free for a moment", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const mutex = yield* make([], "a")
      const go = yield* Latch.make()
      const late = AsyncDropMutex.withLock(mutex, () => Effect.sync(() => log.push("late")))
      const holder = yield* beside(Effect.andThen(AsyncDropMutex.withLock(mutex, () => go.await), late))
      const waiter = yield* queued(mutex, log, "waiter")
      yield* go.open
      yield* Fiber.joinAll([holder, waiter])
      assert.deepStrictEqual(log, ["waiter", "late"])
    }).pipe(AsyncDrop.scoped))

  it.effect("interrupted while it waits leaves no trace", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const mutex = yield* make([], "a")
      const holder = yield* holding(mutex, go)
      const waiters = yield* Effect.forEach(["b", "c", "d"], (name) => queued(mutex, log, name))
      yield* Fiber.interrupt(waiters[1]!)
      isInterrupted(waiters[1]!.pollUnsafe())
      yield* go.open
      yield* Fiber.joinAll([holder, waiters[0]!, waiters[2]!])
      assert.deepStrictEqual(log, ["b", "d"])
      assert.isTrue(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))

  it.effect("interrupted in the step after the one that freed the lock leaves no trace", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const mutex = yield* make([], "a")
      let first: Fiber.Fiber<unknown, unknown> | undefined
      const holder = yield* beside(Effect.andThen(
        AsyncDropMutex.withLock(mutex, () => go.await),
        Effect.sync(() => first?.interruptUnsafe())
      ))
      first = yield* queued(mutex, log, "b")
      const second = yield* queued(mutex, log, "c")
      yield* go.open
      yield* Fiber.joinAll([holder, second])
      yield* Fiber.await(first)
      assert.include([["c"], ["b", "c"]].map(String), String(log))
      assert.isTrue(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))

  it.live(
    "interrupted at any step has had its turn or has not, and leaves the lock free",
    () =>
      Effect.gen(function*() {
        let turns = 0
        let none = 0
        yield* everyStep(() => {
          const log: Array<string> = []
          let free = false
          const program = AsyncDrop.scoped(Effect.gen(function*() {
            const mutex = yield* make([], "a")
            const take = (name: string) =>
              AsyncDropMutex.withLock(mutex, () => Effect.andThen(Effect.sync(() => log.push(name)), Effect.yieldNow))
            const first = yield* beside(take("a"))
            const behind = yield* Effect.forkChild(take("c"))
            yield* Effect.ensuring(
              take("b"),
              Effect.gen(function*() {
                // A yield may have let the others go first.
                yield* Fiber.joinAll([first, behind])
                free = yield* isFree(mutex)
              })
            )
          }))
          return {
            program,
            check: () => {
              if (!log.includes("c")) return
              assert.isTrue(free)
              if (log.includes("b")) turns++
              else none++
            }
          }
        })
        assert.isAbove(Math.min(turns, none), 0)
      }),
    30_000
  )

  it.effect("that fails, dies or is interrupted gives the lock back, and drops nothing", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const mutex = yield* make(log, "a")
      assert.deepStrictEqual(
        yield* Effect.exit(AsyncDropMutex.withLock(mutex, () => Effect.fail("no"))),
        Exit.fail("no")
      )
      assert.isTrue(yield* isFree(mutex))
      const throwing = AsyncDropMutex.withLock(mutex, (): Effect.Effect<void> => {
        throw "boom"
      })
      assert.deepStrictEqual(yield* Effect.exit(throwing), Exit.die("boom"))
      assert.isTrue(yield* isFree(mutex))
      yield* Effect.flatMap(beside(AsyncDropMutex.withLock(mutex, () => Effect.never)), Fiber.interrupt)
      assert.isTrue(yield* isFree(mutex))
      assert.deepStrictEqual(log, [])
    }).pipe(AsyncDrop.scoped))

  it.effect("asked for again by the fibre that holds it is a cycle and not a hang", () =>
    Effect.gen(function*() {
      const mutex = yield* make([], "a")
      yield* AsyncDropMutex.withLock(mutex, () =>
        Effect.gen(function*() {
          for (
            const again of [
              AsyncDropMutex.withLock(mutex, () => Effect.void),
              Effect.scoped(AsyncDropMutex.lock(mutex)),
              AsyncDropMutex.drop(mutex),
              Effect.scoped(AsyncDropMutex.unwrap(mutex))
            ]
          ) {
            diesOfCycle(yield* Effect.exit(again), ["a", "a"])
          }
          assert.deepStrictEqual(yield* Effect.scoped(AsyncDropMutex.tryLock(mutex)), Option.none())
        }))
      assert.isTrue(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))

  it.effect("of two locks taken crosswise is a cycle for exactly one, and the other gets its turn", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* make([], "a"), yield* make([], "b")] as const
      const both = yield* Latch.make()
      const crossing = (mine: Mutex, other: Mutex) =>
        beside(AsyncDropMutex.withLock(
          mine,
          () => Effect.andThen(both.await, AsyncDropMutex.withLock(other, Effect.succeed))
        ))
      const fibers = [yield* crossing(a, b), yield* crossing(b, a)]
      yield* both.open
      const [first, second] = yield* Fiber.awaitAll(fibers)
      assert.deepStrictEqual(first, Exit.succeed("b"))
      diesOfCycle(second!, ["a", "b", "a"])
      assert.deepStrictEqual([yield* isFree(a), yield* isFree(b)], [true, true])
    }).pipe(AsyncDrop.scoped))

  it.effect("of three locks taken in a ring names all three", () =>
    Effect.gen(function*() {
      const mutexes = yield* Effect.forEach(["a", "b", "c"], (name) => make([], name))
      const all = yield* Latch.make()
      const fibers = yield* Effect.forEach(mutexes, (mine, i) =>
        beside(AsyncDropMutex.withLock(
          mine,
          () => Effect.andThen(all.await, AsyncDropMutex.withLock(mutexes[(i + 1) % 3]!, Effect.succeed))
        )))
      yield* all.open
      const exits = yield* Fiber.awaitAll(fibers)
      assert.deepStrictEqual(exits.slice(0, 2), [Exit.succeed("b"), Exit.succeed("c")])
      diesOfCycle(exits[2]!, ["a", "b", "c", "a"])
    }).pipe(AsyncDrop.scoped))

  it.live("of two locks taken crosswise never hangs, whichever step they yield at", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops <= 16; ops++) {
        const [a, b] = [yield* make([], "a"), yield* make([], "b")] as const
        const crossing = (mine: Mutex, other: Mutex) =>
          AsyncDropMutex.withLock(
            mine,
            () => Effect.andThen(Effect.yieldNow, AsyncDropMutex.withLock(other, Effect.succeed))
          ).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, ops), Effect.forkChild)
        const fibers = [yield* crossing(a, b), yield* crossing(b, a)]
        const failures = (yield* Fiber.awaitAll(fibers)).filter(Exit.isFailure)
        assert.isAtMost(failures.length, 1)
        assert.deepStrictEqual([yield* isFree(a), yield* isFree(b)], [true, true])
      }
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropMutex.lock", () => {
  it.effect("is held until the scope closes", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const mutex = yield* make([], "a")
      const scope = yield* Scope.make()
      assert.strictEqual(yield* Scope.provide(AsyncDropMutex.lock(mutex), scope), "a")
      const waiter = yield* queued(mutex, log, "b")
      assert.isFalse(yield* isFree(mutex))
      assert.deepStrictEqual(log, [])
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(waiter)
      assert.deepStrictEqual(log, ["b"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is given back before its mutex is dropped, where both are in one scope", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const mutex = yield* make(log, "a")
        yield* AsyncDrop.acquireRelease(
          Effect.void,
          () => Effect.map(isFree(mutex), (free) => log.push(`free: ${free}`))
        )
        yield* AsyncDropMutex.lock(mutex)
      }))
      assert.deepStrictEqual(log, ["free: true", "drop a"])
    }))

  it.effect("into a closed scope takes no lock and interrupts, also once its turn has come", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const mutex = yield* make([], "a")
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropMutex.lock(mutex), yield* closedScope)))
      assert.isTrue(yield* isFree(mutex))
      const scope = yield* Scope.make()
      yield* holding(mutex, go)
      const locker = yield* beside(Scope.provide(AsyncDropMutex.lock(mutex), scope))
      yield* Scope.close(scope, Exit.void)
      yield* go.open
      isInterrupted(yield* Fiber.await(locker))
      assert.isTrue(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))

  it.effect("taken crosswise is a cycle for exactly one", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* make([], "a"), yield* make([], "b")] as const
      const both = yield* Latch.make()
      const crossing = (mine: Mutex, other: Mutex) =>
        beside(Effect.scoped(Effect.gen(function*() {
          yield* AsyncDropMutex.lock(mine)
          yield* both.await
          return yield* AsyncDropMutex.lock(other)
        })))
      const fibers = [yield* crossing(a, b), yield* crossing(b, a)]
      yield* both.open
      const [first, second] = yield* Fiber.awaitAll(fibers)
      assert.deepStrictEqual(first, Exit.succeed("b"))
      diesOfCycle(second!, ["a", "b", "a"])
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropMutex.tryLock", () => {
  it.effect("takes a lock that nobody holds until the scope closes", () =>
    Effect.gen(function*() {
      const mutex = yield* make([], "a")
      yield* Effect.scoped(Effect.gen(function*() {
        assert.deepStrictEqual(yield* AsyncDropMutex.tryLock(mutex), Option.some("a"))
        assert.isFalse(yield* isFree(mutex))
      }))
      assert.isTrue(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))

  it.effect("gives none while the lock is held, is waited for, or is over", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const [go, releasing, released] = [yield* Latch.make(), yield* Latch.make(), yield* Latch.make()]
      const mutex = yield* make(log, "a", Effect.andThen(releasing.open, released.await))
      // It asks in the step after the one that freed the lock, before the waiter comes to run.
      const asker = yield* beside(Effect.andThen(AsyncDropMutex.withLock(mutex, () => go.await), isFree(mutex)))
      assert.isFalse(yield* isFree(mutex))
      const waiter = yield* queued(mutex, log, "b")
      yield* go.open
      assert.isFalse(yield* Fiber.join(asker))
      yield* Fiber.join(waiter)
      assert.isTrue(yield* isFree(mutex))
      const dropper = yield* beside(AsyncDropMutex.drop(mutex))
      yield* releasing.await
      assert.isFalse(yield* isFree(mutex))
      yield* released.open
      yield* Fiber.join(dropper)
      assert.isFalse(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))

  it.effect("into a closed scope takes no lock and interrupts", () =>
    Effect.gen(function*() {
      const mutex = yield* make([], "a")
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropMutex.tryLock(mutex), yield* closedScope)))
      assert.isTrue(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropMutex.unwrap", () => {
  it.effect("gives the guard, undropped, to the current scope", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const mutex = yield* make(log, "a")
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* AsyncDropMutex.unwrap(mutex)
        assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop a"])
      const state = "given away by AsyncDropMutex.unwrap"
      diesOfUsage(yield* Effect.exit(AsyncDropMutex.withLock(mutex, () => Effect.void)), state)
      diesOfUsage(yield* Effect.exit(AsyncDropMutex.lock(mutex)), state)
      diesOfUsage(yield* Effect.exit(AsyncDropMutex.unwrap(mutex)), state)
      diesOfUsage(yield* Effect.exit(AsyncDropMutex.drop(mutex)), state)
      assert.deepStrictEqual(yield* AsyncDropMutex.tryLock(mutex), Option.none())
    }).pipe(AsyncDrop.scoped))

  it.effect("waits for its turn, and interrupts those who wait behind", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const mutex = yield* make(log, "a")
      yield* holding(mutex, go)
      const before = yield* queued(mutex, log, "before")
      const unwrapper = yield* beside(
        Effect.tap(AsyncDropMutex.unwrap(mutex), () => Effect.sync(() => log.push("unwrap")))
      )
      const behind = yield* queued(mutex, log, "behind")
      assert.deepStrictEqual(log, [])
      yield* go.open
      const guard = yield* Fiber.join(unwrapper)
      yield* Fiber.join(before)
      isInterrupted(yield* Fiber.await(behind))
      assert.deepStrictEqual(log, ["before", "unwrap"])
      yield* AsyncDropGuard.drop(guard)
    }).pipe(AsyncDrop.scoped))

  it.effect("interrupted while it waits leaves the mutex as it was", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const mutex = yield* make(log, "a")
      const holder = yield* holding(mutex, go)
      yield* Effect.flatMap(beside(AsyncDropMutex.unwrap(mutex)), Fiber.interrupt)
      const next = yield* queued(mutex, log, "next")
      yield* go.open
      yield* Fiber.joinAll([holder, next])
      assert.deepStrictEqual(log, ["next"])
      assert.isTrue(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))

  it.effect("into a closed scope unwraps nothing and interrupts", () =>
    Effect.gen(function*() {
      const mutex = yield* make([], "a")
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropMutex.unwrap(mutex), yield* closedScope)))
      assert.isTrue(yield* isFree(mutex))
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropMutex.drop", () => {
  it.effect("drops the resource once, with the release's own error", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const mutex = yield* make(log, "a", Effect.fail("busy"))
        assert.deepStrictEqual(log, [])
        assert.deepStrictEqual(yield* Effect.exit(AsyncDropMutex.drop(mutex)), Exit.fail("busy"))
        assert.deepStrictEqual(yield* Effect.exit(AsyncDropMutex.drop(mutex)), Exit.fail("busy"))
      }))
      assert.deepStrictEqual([dropErrors, log], [[], ["drop a"]])
    }))

  it.effect("waits for the holder, and interrupts who waits for the lock before the holder ends", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const mutex = yield* make(log, "a")
      yield* holding(mutex, go, log)
      const waiters: ReadonlyArray<Fiber.Fiber<unknown>> = [
        yield* queued(mutex, log, "b"),
        yield* beside(Effect.scoped(AsyncDropMutex.lock(mutex))),
        yield* beside(AsyncDropMutex.unwrap(mutex))
      ]
      const dropper = yield* beside(AsyncDropMutex.drop(mutex))
      for (const exit of yield* Fiber.awaitAll(waiters)) isInterrupted(exit)
      assert.deepStrictEqual([dropper.pollUnsafe(), log], [undefined, []])
      yield* go.open
      yield* Fiber.join(dropper)
      assert.deepStrictEqual(log, ["held", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("interrupts who asks for the lock later: while it waits, releases, or is over", () =>
    Effect.gen(function*() {
      const [go, releasing, released] = [yield* Latch.make(), yield* Latch.make(), yield* Latch.make()]
      const mutex = yield* make([], "a", Effect.andThen(releasing.open, released.await))
      yield* holding(mutex, go)
      const refuses = Effect.gen(function*() {
        isInterrupted(yield* Effect.exit(AsyncDropMutex.withLock(mutex, () => Effect.void)))
        isInterrupted(yield* Effect.exit(Effect.scoped(AsyncDropMutex.lock(mutex))))
        isInterrupted(yield* Effect.exit(AsyncDropMutex.unwrap(mutex)))
        assert.isFalse(yield* isFree(mutex))
      })
      const dropper = yield* beside(AsyncDropMutex.drop(mutex))
      yield* refuses
      yield* go.open
      yield* releasing.await
      yield* refuses
      yield* released.open
      yield* Fiber.join(dropper)
      yield* refuses
    }).pipe(AsyncDrop.scoped))

  it.effect("by the closing scope waits for the holder too, and keeps the error", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const [go, held] = [yield* Latch.make(), yield* Latch.make()]
      let waiter: Fiber.Fiber<unknown, unknown> | undefined
      const closing = yield* beside(AsyncDrop.scopedExit(Effect.gen(function*() {
        const mutex = yield* make(log, "a", Effect.fail("busy"))
        yield* Effect.forkDetach(
          AsyncDropMutex.withLock(mutex, () =>
            Effect.andThen(held.open, Effect.andThen(go.await, Effect.sync(() => log.push("held"))))),
          { startImmediately: true }
        )
        waiter = yield* Effect.forkDetach(
          AsyncDropMutex.withLock(mutex, () =>
            Effect.void),
          { startImmediately: true }
        )
      })))
      yield* held.await
      isInterrupted(yield* Fiber.await(waiter!))
      assert.deepStrictEqual([closing.pollUnsafe(), log], [undefined, []])
      yield* go.open
      const { dropErrors } = yield* Fiber.join(closing)
      assert.deepStrictEqual(dropErrors.map((error) => [error.resource, error.cause]), [["a", Cause.fail("busy")]])
      assert.deepStrictEqual(log, ["held", "drop a"])
    }))

  it.effect("waits for a lock that a scope holds until that scope closes", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const mutex = yield* make(log, "a")
      const scope = yield* Scope.make()
      yield* beside(Scope.provide(AsyncDropMutex.lock(mutex), scope))
      const dropper = yield* beside(AsyncDropMutex.drop(mutex))
      assert.deepStrictEqual([dropper.pollUnsafe(), log], [undefined, []])
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(dropper)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.live("is awaited by `await using`, and its error is thrown", () =>
    Effect.promise(async () => {
      const scope = Scope.makeUnsafe()
      const log: Array<string> = []
      const thrown = await (async () => {
        await using mutex = await Effect.runPromise(
          make(log, "a", Effect.fail(new Error("busy"))).pipe(Scope.provide(scope), AsyncDrop.scoped)
        )
        log.push(await Effect.runPromise(AsyncDropMutex.withLock(mutex, Effect.succeed)))
      })().then(() => undefined, (error) => error)
      assert.strictEqual(thrown.message, "busy")
      assert.deepStrictEqual(log, ["a", "drop a"])
    }))
})

describe("AsyncDropMutex", () => {
  it.effect("prints its name and state, never the value inside", () =>
    Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.make(Effect.succeed({ password: "secret" }), () => Effect.void, {
        name: "db"
      })
      const mutex = yield* AsyncDropMutex.make(guard)
      assert.isTrue(AsyncDropMutex.isAsyncDropMutex(mutex))
      assert.isFalse(AsyncDropMutex.isAsyncDropMutex(guard))
      for (const text of [inspect(mutex, { depth: 9 }), String(mutex), JSON.stringify(mutex)]) {
        assert.include(text, "db")
        assert.include(text, "live")
        assert.notInclude(text, "secret")
      }
    }).pipe(AsyncDrop.scoped))
})
