import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropHashMap,
  AsyncDropMutex,
  AsyncDropWeak,
  ConcurrentStore,
  DropCycle,
  type DropError,
  DropFailure,
  DropReporter,
  DropScope,
  DropStack,
  DropUsageError,
  InsertRefused
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Context,
  Data,
  Deferred,
  Duration,
  Effect,
  Equal,
  Exit,
  Fiber,
  Hash,
  Latch,
  Layer,
  Logger,
  Option,
  Scheduler,
  Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import { everyStep } from "./support/steps.ts"

interface Value<K> {
  readonly key: K
}

/** Loads values that log their life, and remember whether two of one key ever lived at once. */
const source = <K = string, E = never, DE = never>(steps: {
  readonly load?: (key: K) => Effect.Effect<unknown, E>
  readonly drop?: (key: K) => Effect.Effect<unknown, DE>
} = {}) => {
  const log: Array<string> = []
  const live = new Map<K, number>()
  const made = {
    log,
    live,
    most: 0,
    doubled: false,
    lookup: (key: K) =>
      Effect.gen(function*() {
        const value = yield* AsyncDrop.acquireRelease(
          Effect.sync((): Value<K> => {
            log.push(`load ${key}`)
            made.doubled ||= live.has(key)
            live.set(key, 1)
            made.most = Math.max(made.most, live.size)
            return { key }
          }),
          () =>
            Effect.ensuring(
              steps.drop?.(key) ?? Effect.void as Effect.Effect<unknown, DE>, // DE is never unless `drop` is given
              Effect.sync(() => {
                log.push(`drop ${key}`)
                live.delete(key)
              })
            ),
          { name: `r ${key}` }
        )
        if (steps.load !== undefined) yield* steps.load(key)
        return value
      })
  }
  return made
}

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Something that a borrower does, of no interest but for its end. */
type Some<R = never> = Effect.Effect<unknown, unknown, R>

/** Until everything that can run has run. */
const settled = TestClock.adjust(0)

const keyed = (errors: ReadonlyArray<DropError.DropError<unknown>>) =>
  errors.map((error): readonly [unknown, Cause.Cause<unknown>] => [error.key, error.cause])

const failureOf = (exit: Exit.Exit<unknown, unknown>): DropFailure.DropFailure<unknown> => {
  assert.isTrue(Exit.isFailure(exit))
  return Option.getOrThrow(DropFailure.fromCause((exit as Exit.Failure<unknown, unknown>).cause)) // as just seen
}

const refusalOf = (exit: Exit.Exit<unknown, unknown>): InsertRefused.InsertRefused<unknown, unknown, unknown> => {
  const refused = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(refused, InsertRefused.InsertRefused)
  return refused as InsertRefused.InsertRefused<unknown, unknown, unknown> // as just seen
}

const diesOfUsage = (exit: Exit.Exit<unknown, unknown>, state: string) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropUsageError.DropUsageError)
  assert.strictEqual(defect.state, state)
}

const diesOfCycle = (exit: Exit.Exit<unknown, unknown>, chain: ReadonlyArray<string>) => {
  const defect = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isDieReason)?.defect : undefined
  assert.instanceOf(defect, DropCycle.DropCycle)
  assert.deepStrictEqual(defect.chain, chain)
}

const isInterrupted = (exit: Exit.Exit<unknown, unknown>) =>
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

const closedScope = Effect.tap(Scope.make(), (scope) => Scope.close(scope, Exit.void))

const nothing = () => Effect.void

const reportedTo = (errors: Array<DropError.DropError<unknown>>) =>
  Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => errors.push(error)))

class No extends Data.TaggedError("No")<{}> {}
class Who extends Context.Service<Who, string>()("test/Who") {}

describe("ConcurrentStore.get", () => {
  it.effect("loads once for all who want a key together, and drops when the last lets go", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { log, lookup } = source({ load: () => go.await })
      const store = yield* ConcurrentStore.make({ lookup })
      const [one, two] = [yield* Scope.make(), yield* Scope.make()]
      const first = yield* beside(Scope.provide(ConcurrentStore.get(store, "a"), one))
      const second = yield* beside(Scope.provide(store.pipe(ConcurrentStore.get("a")), two))
      assert.strictEqual(ConcurrentStore.state(store, "a"), "loading")
      yield* go.open
      const value = yield* Fiber.join(first)
      assert.deepStrictEqual(value, { key: "a" })
      assert.strictEqual(yield* Fiber.join(second), value)
      yield* Scope.close(one, Exit.void)
      assert.deepStrictEqual(log, ["load a"])
      yield* Scope.close(two, Exit.void)
      assert.deepStrictEqual(log, ["load a", "drop a"])
      assert.isTrue(ConcurrentStore.isFullyAbsent(store, "a"))
      yield* Effect.scoped(ConcurrentStore.get(store, "a"))
      assert.deepStrictEqual(log, ["load a", "drop a", "load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("loads with the services of the maker, in a fibre and a scope of its own", () =>
    Effect.gen(function*() {
      const fibres: Array<number> = []
      const lookup = (key: string) =>
        Effect.gen(function*() {
          fibres.push(yield* Effect.fiberId)
          const who = yield* Who
          yield* Effect.addFinalizer(() => Effect.sync(() => fibres.push(-1)))
          return `${key} of ${who}`
        })
      const store = yield* Effect.provideService(ConcurrentStore.make({ lookup }), Who, "maker")
      yield* ConcurrentStore.use(store, "a", (value) =>
        Effect.gen(function*() {
          assert.strictEqual(value, "a of maker")
          assert.strictEqual(yield* Effect.scoped(ConcurrentStore.get(store, "a")), value)
          assert.notInclude(fibres, yield* Effect.fiberId)
          assert.lengthOf(fibres, 1)
        })).pipe(Effect.provideService(Who, "borrower"))
      assert.strictEqual(fibres[1], -1)
    }).pipe(AsyncDrop.scoped))

  it.effect("outlives the borrower that began the load", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { log, lookup } = source({ load: () => go.await })
      const store = yield* ConcurrentStore.make({ lookup })
      const first = yield* beside(ConcurrentStore.use(store, "a", nothing))
      const second = yield* beside(ConcurrentStore.use(store, "a", ({ key }) => Effect.succeed(key)))
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(log, ["load a"])
      yield* go.open
      assert.strictEqual(yield* Fiber.join(second), "a")
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("counts a waiter as an owner before it has run", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { log, lookup } = source({ load: () => go.await })
      const store = yield* ConcurrentStore.make({ lookup })
      const use = (who: string) => ConcurrentStore.use(store, "a", () => Effect.sync(() => log.push(who)))
      const users = [yield* beside(use("first")), yield* beside(use("second")), yield* beside(use("third"))]
      yield* go.open
      yield* Effect.forEach(users, Fiber.join)
      assert.deepStrictEqual(log, ["load a", "first", "second", "third", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("takes back what a waiter was given that is interrupted before it has run", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { log, lookup } = source({ load: () => go.await })
      const store = yield* ConcurrentStore.make({ lookup })
      let second: Fiber.Fiber<unknown, unknown> | undefined = undefined
      const first = yield* beside(
        ConcurrentStore.use(store, "a", () => Effect.sync(() => void second?.interruptUnsafe()))
      )
      second = yield* beside(ConcurrentStore.use(store, "a", () => Effect.sync(() => log.push("used"))))
      yield* go.open
      yield* Fiber.join(first)
      isInterrupted(yield* Fiber.await(second))
      assert.deepStrictEqual(log, ["load a", "drop a"])
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("interrupted leaves at once where others wait", () =>
    Effect.gen(function*() {
      const { log, lookup } = source({ load: () => Effect.never })
      const store = yield* ConcurrentStore.make({ lookup })
      const waiters = [
        yield* beside(ConcurrentStore.use(store, "a", nothing)),
        yield* beside(Effect.asVoid(Effect.scoped(ConcurrentStore.get(store, "a")))),
        yield* beside(Effect.asVoid(Effect.scoped(ConcurrentStore.open(store, "a"))))
      ] as const
      for (const waiter of waiters.slice(0, 2)) {
        yield* Fiber.interrupt(waiter)
        assert.deepStrictEqual(log, ["load a"])
      }
      yield* Fiber.interrupt(waiters[2])
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("interrupted as the last stops the load, and returns when that has stopped and its parts are gone", () =>
    Effect.gen(function*() {
      const [stop, drop] = [yield* Latch.make(), yield* Latch.make()]
      const note = (line: string) => Effect.sync(() => void log.push(line))
      const { log, lookup } = source({
        load: () => Effect.onInterrupt(Effect.never, () => Effect.andThen(stop.await, note("stopped"))),
        drop: () => drop.await
      })
      const store = yield* ConcurrentStore.make({ lookup })
      const waiter = yield* beside(ConcurrentStore.use(store, "a", nothing))
      const leaving = yield* beside(Effect.andThen(Fiber.interrupt(waiter), note("left")))
      yield* settled
      assert.strictEqual(ConcurrentStore.state(store, "a"), "dropping")
      yield* stop.open
      yield* settled
      assert.deepStrictEqual(log, ["load a", "stopped"])
      yield* drop.open
      yield* Fiber.join(leaving)
      assert.deepStrictEqual(log, ["load a", "stopped", "drop a", "left"])
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("waits while a load that was given up is taken back, and loads afresh", () =>
    Effect.gen(function*() {
      const [load, drop] = [yield* Latch.make(), yield* Latch.make()]
      const made = source({ load: () => load.await, drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup: made.lookup })
      const first = yield* beside(ConcurrentStore.use(store, "a", nothing))
      first.interruptUnsafe()
      const late = yield* beside(ConcurrentStore.use(store, "a", ({ key }) => Effect.succeed(key)))
      const given = yield* beside(ConcurrentStore.use(store, "a", nothing))
      yield* Fiber.interrupt(given)
      yield* load.open
      yield* settled
      assert.deepStrictEqual(made.log, ["load a"])
      yield* drop.open
      assert.strictEqual(yield* Fiber.join(late), "a")
      isInterrupted(yield* Fiber.await(first))
      assert.deepStrictEqual(made.log, ["load a", "drop a", "load a", "drop a"])
      assert.isFalse(made.doubled)
    }).pipe(AsyncDrop.scoped))

  it.effect("waits while the last instance drops, and is served in the order of asking", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const made = source({ drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup: made.lookup })
      const first = yield* beside(ConcurrentStore.use(store, "a", nothing))
      const order: Array<number> = []
      const late = yield* Effect.forEach([1, 2, 3], (n) =>
        beside(ConcurrentStore.use(store, "a", () => Effect.sync(() => order.push(n)))))
      yield* settled
      assert.deepStrictEqual([made.log, order], [["load a"], []])
      yield* drop.open
      yield* Fiber.join(first)
      yield* Effect.forEach(late, (fiber) =>
        Fiber.join(fiber))
      assert.deepStrictEqual(order, [1, 2, 3])
      assert.deepStrictEqual(made.log, ["load a", "drop a", "load a", "drop a"])
      assert.isFalse(made.doubled)
    }).pipe(AsyncDrop.scoped))

  for (const [kind, failure] of [["a failure", Cause.fail("no")], ["a defect", Cause.die("no")]] as const) {
    it.effect(`gives ${kind} of the load to everyone who waits, its parts released first, and forgets it`, () =>
      Effect.gen(function*() {
        const go = yield* Latch.make()
        let fails = true
        const { log, lookup } = source({
          load: () => Effect.andThen(go.await, Effect.suspend(() => fails ? Effect.failCause(failure) : Effect.void))
        })
        const store = yield* ConcurrentStore.make({ lookup })
        const hear = (wait: Effect.Effect<unknown, unknown>) =>
          Effect.tap(Effect.exit(wait), () => Effect.sync(() => log.push("heard")))
        const waiters = [
          yield* beside(hear(ConcurrentStore.use(store, "a", nothing))),
          yield* beside(hear(Effect.scoped(ConcurrentStore.get(store, "a")))),
          yield* beside(hear(Effect.scoped(ConcurrentStore.getOption(store, "a"))))
        ]
        yield* go.open
        for (const waiter of waiters) assert.deepStrictEqual(yield* Fiber.join(waiter), Exit.failCause(failure))
        assert.deepStrictEqual(log, ["load a", "drop a", "heard", "heard", "heard"])
        assert.isTrue(ConcurrentStore.isEmpty(store))
        fails = false
        assert.strictEqual(yield* ConcurrentStore.use(store, "a", ({ key }) => Effect.succeed(key)), "a")
      }).pipe(AsyncDrop.scoped))
  }

  it.effect("is given the failure of the load as the body's own failure, whatever its parts fail with", () =>
    Effect.gen(function*() {
      const { lookup } = source({ load: () => Effect.fail("no"), drop: () => Effect.fail("bye") })
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup })
        return yield* Effect.exit(ConcurrentStore.use(store, "a", nothing))
      }))
      assert.deepStrictEqual(exit, Exit.succeed(Exit.fail("no")))
      assert.deepStrictEqual(keyed(dropErrors), [["a", Cause.fail("bye")]])
    }))

  it.effect("in a closed scope loads nothing and interrupts", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const closed = yield* closedScope
      const borrows: ReadonlyArray<Some<Scope.Scope>> = [
        ConcurrentStore.get(store, "a"),
        ConcurrentStore.open(store, "a"),
        ConcurrentStore.entries(store),
        ConcurrentStore.getOrLoad(store, "a", lookup("a")),
        ConcurrentStore.insertLoading(store, "a", lookup("a"))
      ]
      for (const borrow of borrows) isInterrupted(yield* Effect.exit(Scope.provide(borrow, closed)))
      assert.deepStrictEqual(log, [])
      yield* ConcurrentStore.use(store, "a", () =>
        Effect.gen(function*() {
          for (const borrow of [...borrows.slice(0, 3), ConcurrentStore.getOption(store, "a")]) {
            isInterrupted(yield* Effect.exit(Scope.provide(borrow, closed)))
          }
        }))
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("into a scope that closes while it waits gives back and interrupts", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { log, lookup } = source({ load: () => go.await })
      const store = yield* ConcurrentStore.make({ lookup })
      const scope = yield* Scope.make()
      const waiter = yield* beside(Scope.provide(ConcurrentStore.get(store, "a"), scope))
      yield* Scope.close(scope, Exit.void)
      yield* go.open
      isInterrupted(yield* Fiber.await(waiter))
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("leaves the error of the release to the DropScope of who let go last", () =>
    Effect.gen(function*() {
      const { lookup } = source({ drop: (key) => Effect.fail(`bye ${key}`) })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup })
        const [one, two] = [yield* Latch.make(), yield* Latch.make()]
        const hold = (until: Latch.Latch) =>
          beside(AsyncDrop.scopedExit(Effect.andThen(ConcurrentStore.get(store, "a"), until.await)))
        const [first, last] = [yield* hold(one), yield* hold(two)]
        yield* one.open
        assert.deepStrictEqual(yield* Fiber.join(first), { exit: Exit.void, dropErrors: [] })
        yield* two.open
        assert.deepStrictEqual(keyed((yield* Fiber.join(last)).dropErrors), [["a", Cause.fail("bye a")]])
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }))
      assert.deepStrictEqual(dropErrors, [])
    }))

  it.effect("is last in, first out with what its scope has", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const note = (line: string) => Effect.addFinalizer(() => Effect.sync(() => log.push(line)))
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        yield* note("plain 1")
        yield* ConcurrentStore.get(store, "a")
        yield* note("plain 2")
        yield* ConcurrentStore.get(store, "b")
      }))
      assert.deepStrictEqual(log, ["load a", "load b", "drop b", "plain 2", "drop a", "plain 1"])
    }).pipe(AsyncDrop.scoped))

  it.live("and use, interrupted at any step, lose nothing and release everything once", () =>
    everyStep(
      () => {
        const made = source({ load: () => Effect.yieldNow, drop: () => Effect.yieldNow })
        const program = AsyncDrop.scoped(Effect.gen(function*() {
          const store = yield* ConcurrentStore.make({ lookup: made.lookup })
          const other = yield* beside(ConcurrentStore.use(store, "a", () => Effect.yieldNow))
          yield* ConcurrentStore.use(store, "a", () => Effect.yieldNow)
          yield* Effect.scoped(Effect.andThen(ConcurrentStore.get(store, "a"), ConcurrentStore.get(store, "b")))
          yield* Fiber.await(other)
          yield* ConcurrentStore.requestImmediateDrop(store, "a", () => Effect.yieldNow)
          yield* ConcurrentStore.drop(store)
        }))
        return {
          program,
          check: () => {
            assert.strictEqual(made.live.size, 0)
            assert.isFalse(made.doubled)
          }
        }
      },
      undefined,
      [3, 5, 16, 64]
    ), 30_000)
})

describe("ConcurrentStore.use", () => {
  it.effect("fails with the errors of the release, of the one who let go last", () =>
    Effect.gen(function*() {
      const { lookup } = source({ drop: (key) => Effect.fail(`bye ${key}`) })
      const store = yield* ConcurrentStore.make({ lookup })
      const exit: Exit.Exit<number, unknown> = yield* Effect.exit(
        store.pipe(ConcurrentStore.use("a", () => Effect.succeed(1)))
      )
      const failure = failureOf(exit)
      assert.deepStrictEqual(exit, Exit.fail(failure))
      assert.deepStrictEqual(keyed(failure.errors), [["a", Cause.fail("bye a")]])
      assert.deepStrictEqual(failure.exit, Exit.succeed(1))
      const inner = ConcurrentStore.use(store, "a", () => Effect.succeed(2))
      const outer = yield* Effect.exit(ConcurrentStore.use(store, "a", () => Effect.exit(inner)))
      assert.deepStrictEqual(failureOf(outer).exit, Exit.succeed(Exit.succeed(2)))
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps the callback's failure first, and the errors of the release beside it", () =>
    Effect.gen(function*() {
      const { lookup } = source({
        drop: (key): Effect.Effect<never, string> => key === "dies" ? Effect.die("bye") : Effect.fail("bye")
      })
      const store = yield* ConcurrentStore.make({ lookup })
      const typed: Exit.Exit<never, unknown> = yield* Effect.exit(
        ConcurrentStore.use(store, "a", () => Effect.fail("no"))
      )
      assert.deepStrictEqual(
        typed,
        Exit.failCause(Cause.fromReasons<unknown>([
          Cause.makeFailReason("no"),
          Cause.makeFailReason(failureOf(typed))
        ]))
      )
      const defects = yield* Effect.exit(ConcurrentStore.use(store, "dies", () => Effect.fail("no")))
      assert.isTrue(Exit.isFailure(defects) && defects.cause.reasons.length === 1)
      assert.deepStrictEqual(keyed(failureOf(defects).errors), [["dies", Cause.die("bye")]])
      const used = ConcurrentStore.use(store, "a", () => Effect.fail(new No()))
      const caught = Effect.catchTag(used, "No", () => Effect.succeed(1))
      assert.strictEqual(yield* caught, 1)
    }).pipe(AsyncDrop.scoped))

  it.effect("interrupted while it releases is interrupted, with the errors in its annotation and at the reporter", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const reported: Array<DropError.DropError<unknown>> = []
      const { lookup } = source({ drop: () => Effect.andThen(drop.await, Effect.fail("bye")) })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup })
        const user = yield* beside(reportedTo(reported)(ConcurrentStore.use(store, "a", nothing)))
        user.interruptUnsafe()
        yield* drop.open
        const exit = yield* Fiber.await(user)
        isInterrupted(exit)
        assert.deepStrictEqual(keyed(failureOf(exit).errors), [["a", Cause.fail("bye")]])
      }))
      assert.deepStrictEqual([keyed(reported), dropErrors], [[["a", Cause.fail("bye")]], []])
    }))

  it.effect("interrupted as the last who waits leaves the errors of the load's parts to the reporter", () =>
    Effect.gen(function*() {
      const reported: Array<DropError.DropError<unknown>> = []
      const { lookup } = source({ load: () => Effect.never, drop: () => Effect.fail("bye") })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup })
        const { dropErrors } = yield* AsyncDrop.scopedExit(
          Effect.flatMap(beside(ConcurrentStore.use(store, "a", nothing)), Fiber.interrupt)
        )
        assert.deepStrictEqual(dropErrors, [])
      })).pipe(reportedTo(reported))
      assert.deepStrictEqual([keyed(reported), dropErrors], [[["a", Cause.fail("bye")]], []])
    }))

  it.effect("interrupted between its grant and its turn leaves the errors of the release to the reporter", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const reported: Array<DropError.DropError<unknown>> = []
      const { lookup } = source({ load: () => go.await, drop: () => Effect.fail("bye") })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup })
        let second: Fiber.Fiber<unknown, unknown> | undefined = undefined
        const first = yield* beside(Effect.andThen(
          ConcurrentStore.use(store, "a", nothing),
          Effect.sync(() => void second?.interruptUnsafe())
        ))
        second = yield* beside(ConcurrentStore.use(store, "a", nothing))
        yield* go.open
        yield* Fiber.join(first)
        isInterrupted(yield* Fiber.await(second))
        assert.isTrue(ConcurrentStore.isEmpty(store))
      })).pipe(reportedTo(reported))
      assert.deepStrictEqual([keyed(reported), dropErrors], [[["a", Cause.fail("bye")]], []])
    }))

  it.effect("tells the release the exit of the callback", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const lookup = (key: string) =>
        AsyncDrop.acquireRelease(Effect.succeed(key), (_, exit) => Effect.sync(() => exits.push(exit)))
      const store = yield* ConcurrentStore.make({ lookup })
      yield* ConcurrentStore.use(store, "a", () => Effect.succeed(1))
      yield* Effect.exit(ConcurrentStore.use(store, "a", () => Effect.fail("no")))
      assert.deepStrictEqual(exits, [Exit.succeed(1), Exit.fail("no")])
    }).pipe(AsyncDrop.scoped))

  it.effect("that fails to release frees the key, and stops nothing", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const made = source({ drop: (key) => Effect.andThen(drop.await, Effect.fail(`bye ${key}`)) })
      const store = yield* ConcurrentStore.make({ lookup: made.lookup })
      const first = yield* beside(ConcurrentStore.use(store, "a", nothing))
      const late = yield* beside(ConcurrentStore.use(store, "a", nothing))
      const other = yield* beside(ConcurrentStore.use(store, "b", nothing))
      yield* drop.open
      for (const [user, key] of [[first, "a"], [late, "a"], [other, "b"]] as const) {
        const exit: Exit.Exit<void, unknown> = yield* Fiber.await(user)
        assert.deepStrictEqual(keyed(failureOf(exit).errors), [[key, Cause.fail(`bye ${key}`)]])
      }
      assert.isTrue(ConcurrentStore.isEmpty(store))
      assert.isFalse(made.doubled)
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps every error where a value has several parts", () =>
    Effect.gen(function*() {
      const part = (name: string) => AsyncDrop.acquireRelease(Effect.void, () => Effect.fail(name), { name })
      const store = yield* ConcurrentStore.make({ lookup: (_: string) => Effect.andThen(part("x"), part("y")) })
      const errors = failureOf(yield* Effect.exit(ConcurrentStore.use(store, "a", nothing))).errors
      assert.deepStrictEqual(keyed(errors), [["a", Cause.fail("y")], ["a", Cause.fail("x")]])
      assert.deepStrictEqual(errors.map(({ resource }) => resource), ["y", "x"])
    }).pipe(AsyncDrop.scoped))
})

describe("ConcurrentStore.getOrLoad", () => {
  it.effect("loads what is absent by the load that it was given, with the services of the caller", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const load = Effect.flatMap(Who, (who) => lookup(who))
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        assert.deepStrictEqual(yield* ConcurrentStore.getOrLoad(store, "a", load), { key: "mine" })
        assert.deepStrictEqual(yield* ConcurrentStore.get(store, "a"), { key: "mine" })
        assert.deepStrictEqual(yield* store.pipe(ConcurrentStore.getOrLoad("a", lookup("other"))), { key: "mine" })
      })).pipe(Effect.provideService(Who, "mine"))
      assert.deepStrictEqual(log, ["load mine", "drop mine"])
    }).pipe(AsyncDrop.scoped))

  it.effect("who waits for a drop loads with the load of the first who waits", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const { lookup } = source({ drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup })
      yield* beside(ConcurrentStore.use(store, "a", nothing))
      const first = yield* beside(Effect.scoped(ConcurrentStore.getOrLoad(store, "a", lookup("first"))))
      const second = yield* beside(Effect.scoped(ConcurrentStore.getOrLoad(store, "a", lookup("second"))))
      yield* drop.open
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], [{ key: "first" }, {
        key: "first"
      }])
    }).pipe(AsyncDrop.scoped))
})

describe("ConcurrentStore.getOption", () => {
  it.effect("gives what is loaded, joins a load, and gives nothing at once elsewhere", () =>
    Effect.gen(function*() {
      const [load, drop] = [yield* Latch.make(), yield* Latch.make()]
      const { log, lookup } = source({ load: () => load.await, drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup })
      const look = Effect.scoped(ConcurrentStore.getOption(store, "a"))
      assert.deepStrictEqual(yield* look, Option.none())
      assert.deepStrictEqual(log, [])
      const until = yield* Latch.make()
      const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      const joined = yield* beside(look)
      yield* load.open
      assert.deepStrictEqual(yield* Fiber.join(joined), Option.some({ key: "a" }))
      assert.deepStrictEqual(
        yield* store.pipe(ConcurrentStore.getOption("a"), Effect.scoped),
        Option.some({ key: "a" })
      )
      yield* until.open
      yield* settled
      assert.strictEqual(ConcurrentStore.state(store, "a"), "dropping")
      assert.deepStrictEqual(yield* look, Option.none())
      yield* drop.open
      yield* Fiber.join(user)
      assert.deepStrictEqual(yield* look, Option.none())
    }).pipe(AsyncDrop.scoped))

  it.effect("holds what it gives", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      yield* ConcurrentStore.use(store, "a", nothing)
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        assert.deepStrictEqual(yield* ConcurrentStore.getOption(store, "a"), Option.some({ key: "a" }))
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(ConcurrentStore.state(store, "a"), "loaded")
        assert.deepStrictEqual(log, ["load a"])
      }))
    }).pipe(AsyncDrop.scoped))

  it.effect("gives nothing once a drop was asked for, and once the store closes", () =>
    Effect.gen(function*() {
      const { lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const until = yield* Latch.make()
      const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      yield* ConcurrentStore.invalidate(store, "a")
      assert.deepStrictEqual(yield* Effect.scoped(ConcurrentStore.getOption(store, "a")), Option.none())
      yield* until.open
      yield* Fiber.join(user)
      yield* until.close
      yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      const closing = yield* beside(ConcurrentStore.drop(store))
      assert.deepStrictEqual(yield* Effect.scoped(ConcurrentStore.getOption(store, "a")), Option.none())
      yield* until.open
      yield* Fiber.join(closing)
      assert.deepStrictEqual(yield* Effect.scoped(ConcurrentStore.getOption(store, "a")), Option.none())
    }).pipe(AsyncDrop.scoped))
})

describe("ConcurrentStore.open", () => {
  it.effect("gives an arc with its key, that can be cloned and dropped early", () =>
    Effect.gen(function*() {
      const { log, lookup } = source({ drop: () => Effect.fail("bye") })
      const store = yield* ConcurrentStore.make({ lookup })
      const arc = yield* ConcurrentStore.open(store, "a")
      assert.isTrue(AsyncDropArc.isAsyncDropArc(arc))
      assert.strictEqual(arc.key, "a")
      assert.deepStrictEqual(yield* AsyncDropArc.get(arc), { key: "a" })
      const clone = yield* AsyncDropArc.clone(arc)
      assert.strictEqual(AsyncDropArc.strongCount(arc), 2)
      yield* AsyncDropArc.drop(arc)
      diesOfUsage(yield* Effect.exit(AsyncDropArc.get(arc)), "a handle that was dropped")
      assert.deepStrictEqual(log, ["load a"])
      const exit = yield* Effect.exit(AsyncDropArc.drop(clone))
      assert.deepStrictEqual(keyed(failureOf(exit).errors), [["a", Cause.fail("bye")]])
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("gives an arc that shares with get and use, and whose weak handle finds the value while it lives", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const arc = yield* ConcurrentStore.open(store, "a")
      const same = yield* store.pipe(ConcurrentStore.open("a"))
      assert.isTrue(AsyncDropArc.same(arc, same))
      const weak = AsyncDropArc.downgrade(arc)
      assert.isTrue(Option.isSome(yield* Effect.scoped(AsyncDropWeak.upgrade(weak))))
      yield* ConcurrentStore.invalidate(store, "a")
      assert.deepStrictEqual(yield* Effect.scoped(AsyncDropWeak.upgrade(weak)), Option.none())
      assert.deepStrictEqual(yield* AsyncDrop.scoped(AsyncDropArc.unwrap(arc)), Option.none())
      assert.deepStrictEqual(log, ["load a"])
      yield* AsyncDropArc.drop(same)
      assert.deepStrictEqual(log, ["load a", "drop a"])
      assert.deepStrictEqual(yield* Effect.scoped(AsyncDropWeak.upgrade(weak)), Option.none())
    }).pipe(AsyncDrop.scoped))

  it.effect("only handle is never unwrapped, for the store has the value too", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const arc = yield* ConcurrentStore.open(store, "a")
      assert.deepStrictEqual(yield* AsyncDrop.scoped(AsyncDropArc.unwrap(arc)), Option.none())
      assert.deepStrictEqual(log, ["load a", "drop a"])
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("handle in use keeps the value from being dropped until the use has ended", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const until = yield* Latch.make()
      for (
        const end of [
          (store: ConcurrentStore.ConcurrentStore<string, Value<string>>) =>
            ConcurrentStore.requestImmediateDrop(store, "a", nothing),
          (store: ConcurrentStore.ConcurrentStore<string, Value<string>>) => ConcurrentStore.invalidate(store, "a")
        ]
      ) {
        log.length = 0
        yield* until.close
        const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
        const arc = yield* ConcurrentStore.open(store, "a")
        const user = yield* beside(
          AsyncDropArc.use(arc, () => Effect.andThen(until.await, Effect.sync(() => log.push("used"))))
        )
        yield* AsyncDropArc.drop(arc)
        const ending = yield* beside(end(store))
        yield* settled
        assert.deepStrictEqual(log, ["load a"])
        yield* until.open
        yield* Fiber.join(user)
        yield* Fiber.join(ending)
        assert.deepStrictEqual(log, ["load a", "used", "drop a"])
      }
    }).pipe(AsyncDrop.scoped))
})

/** A guard over a value of this key that logs its release. */
const guarded = (log: Array<string>, key: string) =>
  AsyncDropGuard.make(Effect.succeed<Value<string>>({ key }), () => Effect.sync(() => log.push(`drop ${key}`)), {
    name: key
  })

describe("ConcurrentStore.insert", () => {
  it.effect("takes the guard over, and drops it when who borrowed it lets go", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const guard = yield* guarded(log, "mine")
      yield* store.pipe(ConcurrentStore.insert("a", guard))
      assert.strictEqual(ConcurrentStore.state(store, "a"), "idle")
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.get(guard)), "given away by ConcurrentStore.insert")
      assert.strictEqual(yield* ConcurrentStore.use(store, "a", ({ key }) => Effect.succeed(key)), "mine")
      assert.deepStrictEqual(log, ["drop mine"])
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("that nobody borrowed is dropped when its idle time has passed, and when the store closes", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
        yield* ConcurrentStore.insert(store, "a", yield* guarded(log, "a"))
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(log, [])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(log, ["drop a"])
        const kept = yield* ConcurrentStore.make({ lookup })
        yield* ConcurrentStore.insert(kept, "b", yield* guarded(log, "b"))
        yield* TestClock.adjust("1 day")
        assert.deepStrictEqual(log, ["drop a"])
      }))
      assert.deepStrictEqual(log, ["drop a", "drop b"])
    }))

  it.effect("is refused where the key is present, loading or asked to drop, and gives the guard back undropped", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { log, lookup } = source({ load: () => go.await })
      const store = yield* ConcurrentStore.make({ lookup })
      const guard = yield* guarded(log, "mine")
      const refused = Effect.map(Effect.exit(ConcurrentStore.insert(store, "a", guard)), (exit) => {
        const refusal = refusalOf(exit)
        assert.deepStrictEqual([refusal.key, refusal.guard], ["a", guard])
        return refusal.reason
      })
      const until = yield* Latch.make()
      const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      assert.strictEqual(yield* refused, "loading")
      yield* go.open
      yield* settled
      assert.strictEqual(yield* refused, "present")
      const f = yield* Latch.make()
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", () => f.await))
      assert.strictEqual(yield* refused, "dropping")
      yield* until.open
      yield* Fiber.join(user)
      assert.strictEqual(yield* refused, "dropping")
      yield* f.open
      yield* Fiber.join(asker)
      assert.deepStrictEqual(log, ["load a", "drop a"])
      assert.deepStrictEqual(yield* AsyncDropGuard.get(guard), { key: "mine" })
      yield* ConcurrentStore.insert(store, "a", guard)
    }).pipe(AsyncDrop.scoped))

  it.effect("waits while the old instance drops", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const { log, lookup } = source({ drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup })
      yield* beside(ConcurrentStore.use(store, "a", nothing))
      const guard = yield* guarded(log, "mine")
      const inserting = yield* beside(ConcurrentStore.insert(store, "a", guard))
      const given = yield* beside(ConcurrentStore.insert(store, "a", yield* guarded(log, "given")))
      yield* Fiber.interrupt(given)
      yield* settled
      assert.deepStrictEqual([log, ConcurrentStore.state(store, "a")], [["load a"], "dropping"])
      yield* drop.open
      yield* Fiber.join(inserting)
      assert.deepStrictEqual([log, ConcurrentStore.state(store, "a")], [["load a", "drop a"], "idle"])
    }).pipe(AsyncDrop.scoped))

  it.effect("waits for the uses of the guard, and is refused then where the key is taken", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      const until = yield* Latch.make()
      const guard = yield* guarded(log, "mine")
      yield* beside(AsyncDropGuard.use(guard, () => until.await))
      const inserting = yield* beside(ConcurrentStore.insert(store, "a", guard))
      yield* ConcurrentStore.use(store, "a", nothing)
      yield* until.open
      assert.strictEqual(refusalOf(yield* Fiber.await(inserting)).reason, "present")
      assert.deepStrictEqual(yield* AsyncDropGuard.get(guard), { key: "mine" })
    }).pipe(AsyncDrop.scoped))

  it.effect("into a full store makes room of what is idle, else it is refused", () =>
    Effect.gen(function*() {
      const made = source()
      const store = yield* ConcurrentStore.make({ lookup: made.lookup, capacity: 1, idleTimeToLive: "1 hour" })
      yield* ConcurrentStore.use(store, "a", nothing)
      yield* ConcurrentStore.insert(store, "b", yield* guarded(made.log, "b"))
      assert.deepStrictEqual([made.log, ConcurrentStore.keys(store)], [["load a", "drop a"], ["b"]])
      const guard = yield* guarded(made.log, "c")
      const refused = ConcurrentStore.use(store, "b", () => Effect.exit(ConcurrentStore.insert(store, "c", guard)))
      assert.strictEqual(refusalOf(yield* refused).reason, "full")
      yield* ConcurrentStore.use(store, "d", nothing)
      assert.deepStrictEqual(made.log, ["load a", "drop a", "drop b", "load d"])
    }).pipe(AsyncDrop.scoped))

  it.effect("waits while what makes room for it drops", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const { log, lookup } = source({ drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup, capacity: 1, idleTimeToLive: "1 hour" })
      yield* ConcurrentStore.use(store, "a", nothing)
      const inserting = yield* beside(ConcurrentStore.insert(store, "b", yield* guarded(log, "b")))
      yield* settled
      assert.deepStrictEqual([ConcurrentStore.state(store, "a"), ConcurrentStore.keys(store)], ["dropping", ["a"]])
      yield* drop.open
      yield* Fiber.join(inserting)
      assert.deepStrictEqual([log, ConcurrentStore.keys(store)], [["load a", "drop a"], ["b"]])
    }).pipe(AsyncDrop.scoped))

  it.effect("into a store that closes, or has, is refused", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const until = yield* Latch.make()
      yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      const guard = yield* guarded(log, "mine")
      const closing = yield* beside(ConcurrentStore.drop(store))
      for (const next of [until.open, Fiber.join(closing)]) {
        assert.strictEqual(refusalOf(yield* Effect.exit(ConcurrentStore.insert(store, "b", guard))).reason, "closed")
        yield* next
      }
      assert.strictEqual(refusalOf(yield* Effect.exit(ConcurrentStore.insert(store, "a", guard))).reason, "closed")
      assert.deepStrictEqual(yield* AsyncDropGuard.get(guard), { key: "mine" })
    }).pipe(AsyncDrop.scoped))
})

describe("ConcurrentStore.insertLoading", () => {
  it.effect("loads where the key is absent, and is refused elsewhere without a load", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const { log, lookup } = source({ drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup })
      const insert = ConcurrentStore.insertLoading(store, "a", lookup("mine"))
      const reason = Effect.map(Effect.exit(Effect.scoped(insert)), (exit) => refusalOf(exit).reason)
      const user = yield* beside(Effect.scoped(Effect.gen(function*() {
        assert.deepStrictEqual(yield* store.pipe(ConcurrentStore.insertLoading("a", lookup("mine"))), { key: "mine" })
        assert.strictEqual(yield* reason, "present")
        const again = refusalOf(yield* Effect.exit(Effect.scoped(insert)))
        assert.isUndefined(again.guard)
        yield* ConcurrentStore.invalidate(store, "a")
        assert.strictEqual(yield* reason, "dropping")
      })))
      assert.strictEqual(yield* reason, "dropping")
      yield* drop.open
      yield* Fiber.join(user)
      assert.deepStrictEqual(log, ["load mine", "drop mine"])
      const slow = yield* beside(ConcurrentStore.getOrLoad(store, "a", Effect.never))
      assert.strictEqual(yield* reason, "loading")
      yield* Fiber.interrupt(slow)
      yield* ConcurrentStore.drop(store)
      assert.strictEqual(yield* reason, "closed")
      assert.deepStrictEqual(log, ["load mine", "drop mine"])
    }).pipe(AsyncDrop.scoped))

  it.live("of two that come together succeeds once, however their steps fall", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops < 40; ops++) {
        const made = source({ load: () => Effect.yieldNow })
        const program = AsyncDrop.scoped(Effect.gen(function*() {
          const store = yield* ConcurrentStore.make({ lookup: made.lookup })
          const insert = Effect.exit(ConcurrentStore.insertLoading(store, "a", made.lookup("a")))
          return yield* Effect.all([insert, insert, insert], { concurrency: "unbounded" })
        }))
        const exits = yield* Effect.provideService(program, Scheduler.MaxOpsBeforeYield, ops)
        assert.deepStrictEqual(exits.filter(Exit.isSuccess).length, 1, `${ops} operations before a yield`)
      }
    }))
})

describe("ConcurrentStore, looked at", () => {
  it.effect("tells the state of each key", () =>
    Effect.gen(function*() {
      const [load, until, drop] = [yield* Latch.make(), yield* Latch.make(), yield* Latch.make()]
      const { lookup } = source({ load: () => load.await, drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      const seen = () => [
        ConcurrentStore.state(store, "a"),
        store.pipe(ConcurrentStore.has("a")),
        ConcurrentStore.isFullyAbsent(store, "a"),
        ConcurrentStore.isEmpty(store),
        ConcurrentStore.size(store),
        ConcurrentStore.keys(store)
      ]
      assert.deepStrictEqual(seen(), ["absent", false, true, true, 0, []])
      const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      assert.deepStrictEqual(seen(), ["loading", true, false, false, 1, ["a"]])
      yield* load.open
      yield* settled
      assert.deepStrictEqual(seen(), ["loaded", true, false, false, 1, ["a"]])
      yield* until.open
      yield* Fiber.join(user)
      assert.deepStrictEqual(seen(), ["idle", true, false, false, 1, ["a"]])
      const ending = yield* beside(ConcurrentStore.invalidate(store, "a"))
      assert.deepStrictEqual(seen(), ["dropping", false, false, false, 1, ["a"]])
      yield* drop.open
      yield* Fiber.join(ending)
      assert.deepStrictEqual(seen(), ["absent", false, true, true, 0, []])
      assert.strictEqual(store.pipe(ConcurrentStore.state("a")), "absent")
      assert.isTrue(store.pipe(ConcurrentStore.isFullyAbsent("a")))
    }).pipe(AsyncDrop.scoped))

  it.effect("lists what is loaded, and holds what it lists; what loads or drops is left out", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { log, lookup } = source({
        load: (key) => key === "slow" ? Effect.never : Effect.void,
        drop: (key) => key === "going" ? go.await : Effect.void
      })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      for (const key of ["a", "b", "going", "asked"]) yield* ConcurrentStore.use(store, key, nothing)
      const slow = yield* beside(ConcurrentStore.use(store, "slow", nothing))
      const going = yield* beside(ConcurrentStore.invalidate(store, "going"))
      yield* beside(ConcurrentStore.use(store, "asked", () => go.await))
      yield* ConcurrentStore.invalidate(store, "asked")
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const entries = yield* ConcurrentStore.entries(store)
        assert.deepStrictEqual(entries, [["a", { key: "a" }], ["b", { key: "b" }]])
        yield* TestClock.adjust("1 hour")
        assert.isTrue(ConcurrentStore.has(store, "a") && ConcurrentStore.has(store, "b"))
      }))
      assert.deepStrictEqual(ConcurrentStore.state(store, "a"), "idle")
      yield* go.open
      yield* Fiber.join(going)
      yield* Fiber.interrupt(slow)
      assert.notInclude(log, "drop a")
    }).pipe(AsyncDrop.scoped))

  it.effect("streams what happens to its keys, until it has been closed", () =>
    Effect.gen(function*() {
      const fails = { now: false }
      const { lookup } = source({ load: () => Effect.suspend(() => fails.now ? Effect.fail("no") : Effect.void) })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      const reader = yield* beside(Stream.runCollect(ConcurrentStore.changes(store)))
      yield* settled
      yield* ConcurrentStore.use(store, "a", () => ConcurrentStore.use(store, "a", nothing))
      yield* TestClock.adjust("1 minute")
      fails.now = true
      yield* Effect.exit(ConcurrentStore.use(store, "b", nothing))
      yield* ConcurrentStore.drop(store)
      assert.deepStrictEqual((yield* Fiber.join(reader)).map(({ _tag, key }) => `${_tag} ${key}`), [
        "Loaded a",
        "Borrowed a",
        "Borrowed a",
        "Idle a",
        "Dropping a",
        "Dropped a",
        "LoadFailed b"
      ])
      assert.deepStrictEqual(yield* Stream.runCollect(ConcurrentStore.changes(store)), [])
    }).pipe(AsyncDrop.scoped))

  it.effect("prints as its name and size, and is told from other values", () =>
    Effect.gen(function*() {
      const store = yield* ConcurrentStore.make({ lookup: source().lookup, name: "conns" })
      assert.match(String(store), /^ConcurrentStore\(conns, live, .*\b0\b.*\)$/)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(store)), {
        _id: "ConcurrentStore",
        name: "conns",
        state: "live",
        keys: 0
      })
      assert.strictEqual(store.name, "conns")
      assert.isTrue(ConcurrentStore.isConcurrentStore(store))
      assert.isFalse(ConcurrentStore.isConcurrentStore({}))
    }).pipe(AsyncDrop.scoped))
})

class Id extends Data.Class<{ readonly n: number }> {}

/** All of these have the same hash. */
class Crowded implements Equal.Equal {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Crowded && that.name === this.name
  }
  [Hash.symbol]() {
    return 1
  }
}

describe("ConcurrentStore keys", () => {
  it.effect("that are equal by value share an instance", () =>
    Effect.gen(function*() {
      const loads: Array<unknown> = []
      const store = yield* ConcurrentStore.make({
        lookup: (key: unknown) => Effect.sync(() => loads.push(key))
      })
      const pairs = [
        [new Id({ n: 1 }), new Id({ n: 1 }), new Id({ n: 2 })],
        [{ host: "db", port: 1 }, { host: "db", port: 1 }, { host: "db", port: 2 }],
        [["a", 1], ["a", 1], ["a", 2]],
        [NaN, NaN, 0],
        ["1", "1", 1],
        [undefined, undefined, null],
        [
          Object.assign(Object.create(null), { a: 1 }),
          Object.assign(Object.create(null), { a: 1 }),
          Object.create(null)
        ]
      ] as const
      for (const [key, same, other] of pairs) {
        loads.length = 0
        yield* Effect.scoped(Effect.gen(function*() {
          const value = yield* ConcurrentStore.get(store, key)
          assert.strictEqual(yield* ConcurrentStore.get(store, same), value)
          assert.notStrictEqual(yield* ConcurrentStore.get(store, other), value)
          assert.isTrue(ConcurrentStore.has(store, same))
        }))
        assert.lengthOf(loads, 2)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("of one hash that are unequal do not mix", () =>
    Effect.gen(function*() {
      const { lookup } = source<Crowded>()
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      for (const name of ["a", "b", "c"]) yield* ConcurrentStore.use(store, new Crowded(name), nothing)
      for (const name of ["a", "b", "c"]) {
        const found = yield* ConcurrentStore.use(store, new Crowded(name), ({ key }) => Effect.succeed(key.name))
        assert.strictEqual(found, name)
      }
      yield* ConcurrentStore.invalidate(store, new Crowded("b"))
      const left = ["a", "b", "c"].map((name) => ConcurrentStore.has(store, new Crowded(name)))
      assert.deepStrictEqual(left, [true, false, true])
    }).pipe(AsyncDrop.scoped))

  it.effect("without a text of their own are printed by what is in them", () =>
    Effect.gen(function*() {
      const key: unknown = Object.assign(Object.create(null), { host: "db" })
      const store: ConcurrentStore.ConcurrentStore<unknown, void> = yield* ConcurrentStore.make({
        lookup: (key: unknown): Effect.Effect<void> => ConcurrentStore.use(store, key, nothing),
        name: "store"
      })
      const at = `store({ host: "db" })`
      diesOfCycle(yield* Effect.exit(ConcurrentStore.use(store, key, nothing)), [at, at])
    }).pipe(AsyncDrop.scoped))
})

describe("ConcurrentStore.requestImmediateDrop", () => {
  it.effect("waits for the holders, gives the value in hand, and lets later borrowers load afresh", () =>
    Effect.gen(function*() {
      const [until, f] = [yield* Latch.make(), yield* Latch.make()]
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", (guard) =>
        Effect.gen(function*() {
          log.push("in hand")
          yield* f.await
          yield* AsyncDropGuard.drop(Option.getOrThrow(guard))
          log.push("after")
          return 1
        })))
      const late = yield* beside(ConcurrentStore.use(store, "a", () => Effect.sync(() => log.push("late"))))
      yield* settled
      assert.deepStrictEqual(log, ["load a"])
      yield* until.open
      yield* Fiber.join(user)
      assert.deepStrictEqual(log, ["load a", "in hand"])
      yield* f.open
      assert.strictEqual(yield* Fiber.join(asker), 1)
      yield* Fiber.join(late)
      assert.deepStrictEqual(log, ["load a", "in hand", "drop a", "after", "load a", "late", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("drops what f leaves, and what f moves elsewhere leaves the store", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      yield* ConcurrentStore.use(store, "a", nothing)
      yield* store.pipe(ConcurrentStore.requestImmediateDrop("a", () => Effect.sync(() => log.push("f"))))
      assert.deepStrictEqual(log, ["load a", "f", "drop a"])
      yield* ConcurrentStore.use(store, "b", nothing)
      const scope = yield* Scope.make()
      yield* ConcurrentStore.requestImmediateDrop(
        store,
        "b",
        (guard) => AsyncDropGuard.transfer(Option.getOrThrow(guard), scope)
      )
      assert.isTrue(ConcurrentStore.isEmpty(store))
      assert.notInclude(log, "drop b")
      yield* Scope.close(scope, Exit.void)
      assert.include(log, "drop b")
    }).pipe(AsyncDrop.scoped))

  it.effect("gives nothing where nothing was there, and nobody loads meanwhile", () =>
    Effect.gen(function*() {
      const f = yield* Latch.make()
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const asker = yield* beside(
        ConcurrentStore.requestImmediateDrop(store, "a", (guard) => Effect.as(f.await, guard))
      )
      const late = yield* beside(ConcurrentStore.use(store, "a", nothing))
      yield* settled
      assert.deepStrictEqual([log, ConcurrentStore.isFullyAbsent(store, "a")], [[], false])
      yield* f.open
      assert.deepStrictEqual(yield* Fiber.join(asker), Option.none())
      yield* Fiber.join(late)
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("waits for a load, and gives nothing where that fails", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      let fails = true
      const { log, lookup } = source({
        load: () => Effect.andThen(go.await, Effect.suspend(() => fails ? Effect.fail("no") : Effect.void))
      })
      const store = yield* ConcurrentStore.make({ lookup })
      const user = yield* beside(ConcurrentStore.use(store, "a", nothing))
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", (guard) => Effect.succeed(guard)))
      const late = yield* beside(ConcurrentStore.use(store, "a", ({ key }) => Effect.succeed(key)))
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.await(user), Exit.fail("no"))
      assert.deepStrictEqual(yield* Fiber.join(asker), Option.none())
      assert.deepStrictEqual(yield* Fiber.await(late), Exit.fail("no"))
      yield* go.close
      fails = false
      const next = yield* beside(ConcurrentStore.use(store, "a", () => Effect.sync(() => log.push("used"))))
      const again = yield* beside(
        ConcurrentStore.requestImmediateDrop(store, "a", (guard) => Effect.succeed(Option.isSome(guard)))
      )
      yield* go.open
      yield* Fiber.join(next)
      assert.isTrue(yield* Fiber.join(again))
      assert.deepStrictEqual(log.slice(-3), ["load a", "used", "drop a"])
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("gives nothing where the load is given up, or the value drops already", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const { log, lookup } = source({
        load: (key) => key === "a" ? Effect.never : Effect.void,
        drop: () => drop.await
      })
      const store = yield* ConcurrentStore.make({ lookup })
      const ask = (key: string) =>
        beside(ConcurrentStore.requestImmediateDrop(store, key, (guard) =>
          Effect.sync(() => {
            log.push(`f ${key}`)
            return guard
          })))
      const user = yield* beside(ConcurrentStore.use(store, "a", nothing))
      const askers = [yield* ask("a")]
      user.interruptUnsafe()
      yield* beside(ConcurrentStore.use(store, "b", nothing))
      askers.push(yield* ask("b"))
      yield* settled
      assert.deepStrictEqual(log, ["load a", "load b"])
      yield* drop.open
      for (const asker of askers) assert.deepStrictEqual(yield* Fiber.join(asker), Option.none())
      assert.deepStrictEqual(log, ["load a", "load b", "drop a", "f a", "drop b", "f b"])
    }).pipe(AsyncDrop.scoped))

  it.effect("goes on when the asker is interrupted, before its turn or while f runs", () =>
    Effect.gen(function*() {
      const [until, f] = [yield* Latch.make(), yield* Latch.make()]
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const run = () => Effect.andThen(f.await, Effect.sync(() => log.push("f")))
      for (const early of [true, false]) {
        log.length = 0
        yield* until.close
        yield* f.close
        const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
        const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", run))
        if (early) yield* Fiber.interrupt(asker)
        const late = yield* beside(ConcurrentStore.use(store, "a", () => Effect.sync(() => log.push("late"))))
        yield* until.open
        yield* Fiber.join(user)
        if (!early) yield* Fiber.interrupt(asker)
        assert.deepStrictEqual(log, ["load a"])
        yield* f.open
        yield* Fiber.join(late)
        isInterrupted(yield* Fiber.await(asker))
        assert.deepStrictEqual(log, ["load a", "f", "drop a", "load a", "late", "drop a"])
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("asked for again fails, and lets one wait for the first", () =>
    Effect.gen(function*() {
      const f = yield* Latch.make()
      const { log, lookup } = source({ drop: () => Effect.fail("bye") })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      yield* ConcurrentStore.use(store, "a", nothing)
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", () => Effect.as(f.await, 1)))
      const again = ConcurrentStore.requestImmediateDrop(store, "a", () => Effect.sync(() => log.push("again")))
      const refused = yield* Effect.flip(again)
      assert.instanceOf(refused, ConcurrentStore.AlreadyDropping)
      assert.strictEqual(refused.key, "a")
      const waiter = yield* beside(refused.await)
      yield* settled
      assert.isUndefined(waiter.pollUnsafe())
      yield* f.open
      const failure = failureOf(yield* Fiber.await(asker))
      assert.deepStrictEqual(keyed(failure.errors).map(([, cause]) => cause), [Cause.fail("bye")])
      assert.deepStrictEqual(failure.exit, Exit.succeed(1))
      assert.deepStrictEqual(yield* Fiber.await(waiter), Exit.void)
      yield* refused.await
      assert.deepStrictEqual(log, ["load a", "drop a"])
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("fails with what f fails with, runs it with the caller's services, and frees the key", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      for (const [failure, key] of [[Cause.fail("no"), "a"], [Cause.die("no"), "b"]] as const) {
        yield* ConcurrentStore.use(store, key, nothing)
        const asked = ConcurrentStore.requestImmediateDrop(
          store,
          key,
          () =>
            Effect.flatMap(Who, (who) => Effect.andThen(Effect.sync(() => log.push(who)), Effect.failCause(failure)))
        )
        assert.deepStrictEqual(
          yield* Effect.exit(Effect.provideService(asked, Who, "asker")),
          Exit.failCause<string>(failure)
        )
        assert.deepStrictEqual(log.slice(-3), [`load ${key}`, "asker", `drop ${key}`])
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("fails with what the release fails with, where f drops it by hand, as it is", () =>
    Effect.gen(function*() {
      const { lookup } = source({ drop: () => Effect.fail("bye") })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      yield* ConcurrentStore.use(store, "a", nothing)
      const exit = yield* Effect.exit(ConcurrentStore.requestImmediateDrop(
        store,
        "a",
        (guard) => Effect.exit(AsyncDropGuard.drop(Option.getOrThrow(guard)))
      ))
      assert.deepStrictEqual(exit, Exit.succeed(Exit.fail("bye")))
    }).pipe(AsyncDrop.scoped))

  it.effect("makes no new owners of who looks, lists or keeps a weak handle meanwhile", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      const arc = yield* ConcurrentStore.open(store, "a")
      const weak = AsyncDropArc.downgrade(arc)
      const asker = yield* Effect.forkChild(
        ConcurrentStore.requestImmediateDrop(store, "a", nothing),
        { startImmediately: true }
      )
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        assert.deepStrictEqual(yield* ConcurrentStore.getOption(store, "a"), Option.none())
        assert.deepStrictEqual(yield* ConcurrentStore.entries(store), [])
        assert.deepStrictEqual(yield* AsyncDropWeak.upgrade(weak), Option.none())
        assert.deepStrictEqual(ConcurrentStore.keys(store), ["a"])
        assert.strictEqual(AsyncDropArc.strongCount(arc), 1)
        yield* AsyncDropArc.drop(arc)
        yield* Fiber.join(asker)
        assert.deepStrictEqual(log, ["load a", "drop a"])
      }))
    }).pipe(AsyncDrop.scoped))
})

describe("ConcurrentStore.invalidate", () => {
  it.effect("drops what is idle, and returns when that has ended", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const { log, lookup } = source({ drop: () => drop.await })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      yield* ConcurrentStore.use(store, "a", nothing)
      const ending = yield* beside(
        Effect.andThen(store.pipe(ConcurrentStore.invalidate("a")), Effect.sync(() => log.push("over")))
      )
      ending.interruptUnsafe()
      yield* settled
      assert.deepStrictEqual(log, ["load a"])
      yield* drop.open
      yield* Fiber.await(ending)
      assert.deepStrictEqual(log, ["load a", "drop a"])
      yield* ConcurrentStore.invalidate(store, "a")
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("of what is held or loading takes effect when the last lets go", () =>
    Effect.gen(function*() {
      const [go, until] = [yield* Latch.make(), yield* Latch.make()]
      const { log, lookup } = source({ load: () => go.await })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      yield* ConcurrentStore.invalidate(store, "a")
      const late = yield* beside(ConcurrentStore.use(store, "a", () => Effect.sync(() => log.push("late"))))
      yield* go.open
      yield* settled
      yield* ConcurrentStore.invalidate(store, "a")
      assert.deepStrictEqual(log, ["load a"])
      yield* until.open
      yield* Fiber.join(user)
      yield* Fiber.join(late)
      assert.deepStrictEqual(log, ["load a", "drop a", "load a", "late"])
      assert.strictEqual(ConcurrentStore.state(store, "a"), "idle")
    }).pipe(AsyncDrop.scoped))

  it.effect("leaves the errors to the maker's DropScope", () =>
    Effect.gen(function*() {
      const { lookup } = source({ drop: (key) => Effect.fail(`bye ${key}`) })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
        yield* ConcurrentStore.use(store, "a", nothing)
        const inner = yield* AsyncDrop.scopedExit(ConcurrentStore.invalidate(store, "a"))
        assert.deepStrictEqual(inner.dropErrors, [])
      }))
      assert.deepStrictEqual(keyed(dropErrors), [["a", Cause.fail("bye a")]])
    }))

  it.effect("of all keys works side by side", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      let under = 0
      const { log, lookup } = source({
        drop: () => Effect.andThen(Effect.sync(() => ++under === 3 ? go.openUnsafe() : false), go.await)
      })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      for (const key of ["a", "b", "c"]) yield* ConcurrentStore.use(store, key, nothing)
      yield* ConcurrentStore.invalidateAll(store)
      assert.lengthOf(log, 6)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))
})
/** A clock whose wall time can be anything; the monotonic time is that of the test. */
const withWallClock = (wall: { now: number }) =>
  Effect.flatMap(Clock.Clock, (clock) =>
    Effect.succeed<Clock.Clock>({
      currentTimeMillisUnsafe: () => wall.now,
      currentTimeMillis: Effect.sync(() => wall.now),
      currentTimeNanosUnsafe: () => BigInt(wall.now) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => BigInt(wall.now) * 1_000_000n),
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: (duration) => clock.sleep(duration)
    }))

describe("ConcurrentStore, idle", () => {
  it.effect("keeps a value for its idle time, anew after each use and each touch", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      yield* ConcurrentStore.use(store, "a", nothing)
      for (const again of [ConcurrentStore.use(store, "a", nothing), store.pipe(ConcurrentStore.touch("a"))]) {
        yield* TestClock.adjust("59 seconds")
        yield* again
      }
      yield* ConcurrentStore.touch(store, "absent")
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(log, ["load a"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["load a", "drop a"])
      assert.isTrue(ConcurrentStore.isEmpty(store))
      yield* ConcurrentStore.use(store, "a", nothing)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log, ["load a", "drop a", "load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("drops each at its own time", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: 1000 })
      for (const key of ["a", "b", "c"]) {
        yield* ConcurrentStore.use(store, key, nothing)
        yield* TestClock.adjust(300)
      }
      log.length = 0
      for (const [ms, left] of [[99, 3], [1, 2], [299, 2], [1, 1], [299, 1], [1, 0]] as const) {
        yield* TestClock.adjust(ms)
        assert.strictEqual(ConcurrentStore.size(store), left)
      }
      assert.deepStrictEqual(log, ["drop a", "drop b", "drop c"])
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps what is held, however long, and what is never to expire", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const [store, forever] = [
        yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" }),
        yield* ConcurrentStore.make({ lookup, idleTimeToLive: Infinity })
      ]
      yield* ConcurrentStore.use(forever, "forever", nothing)
      yield* ConcurrentStore.use(store, "a", () => TestClock.adjust("1 day"))
      assert.deepStrictEqual(log, ["load forever", "load a"])
      yield* ConcurrentStore.drop(forever)
      assert.deepStrictEqual(log, ["load forever", "load a", "drop forever"])
    }).pipe(AsyncDrop.scoped))

  for (const first of ["the borrow", "the expiry"] as const) {
    it.effect(`of a borrow and an expiry in the same tick, ${first} first, makes one release of each instance`, () =>
      Effect.gen(function*() {
        const made = source({ drop: () => Effect.yieldNow })
        const store = yield* ConcurrentStore.make({ lookup: made.lookup, idleTimeToLive: "1 minute" })
        const late = Effect.andThen(
          Effect.sleep("1 minute"),
          ConcurrentStore.use(store, "a", () => Effect.sync(() => made.log.push("used")))
        )
        const early = first === "the borrow" ? yield* beside(late) : undefined
        yield* ConcurrentStore.use(store, "a", nothing)
        const user = early ?? (yield* beside(late))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(user)
        assert.deepStrictEqual(
          made.log,
          first === "the borrow" ? ["load a", "used"] : ["load a", "drop a", "load a", "used"]
        )
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(made.log.at(-1), "drop a")
        assert.isFalse(made.doubled)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }).pipe(AsyncDrop.scoped))
  }

  it.effect("leaves the errors of an expiry to the maker's DropScope", () =>
    Effect.gen(function*() {
      const { lookup } = source({ drop: (key) => Effect.fail(`bye ${key}`) })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
        const { dropErrors } = yield* AsyncDrop.scopedExit(ConcurrentStore.get(store, "a"))
        assert.deepStrictEqual(dropErrors, [])
        yield* TestClock.adjust("1 minute")
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }))
      assert.deepStrictEqual(keyed(dropErrors), [["a", Cause.fail("bye a")]])
    }))

  it.effect("does not mind a wall clock that jumps", () =>
    Effect.gen(function*() {
      const wall = { now: 0 }
      const { log, lookup } = source()
      const clock = yield* withWallClock(wall)
      const store = yield* Effect.provideService(
        ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" }),
        Clock.Clock,
        clock
      )
      yield* ConcurrentStore.use(store, "a", nothing)
      for (const jump of [3_600_000, -7_200_000]) {
        wall.now += jump
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(log, ["load a"])
      }
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("goes on expiring where time has passed before its timer could start", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      let now = 0n
      const clock: Clock.Clock = {
        ...(yield* withWallClock({ now: 0 })),
        monotonicTimeNanosUnsafe: () => now += 1_000_000n
      }
      const store = yield* Effect.provideService(
        ConcurrentStore.make({ lookup, idleTimeToLive: Duration.micros(1n) }),
        Clock.Clock,
        clock
      )
      for (const key of ["a", "b"]) {
        yield* ConcurrentStore.use(store, key, nothing)
        assert.deepStrictEqual(log.slice(-2), [`load ${key}`, `drop ${key}`])
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("leaves no timer behind", () =>
    Effect.gen(function*() {
      let sleeping = 0
      const clock: Clock.Clock = {
        ...(yield* withWallClock({ now: 0 })),
        sleep: () =>
          Effect.onExit(
            Effect.andThen(Effect.sync(() => sleeping++), Effect.never),
            () => Effect.sync(() => sleeping--)
          )
      }
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup: source().lookup, idleTimeToLive: "1 minute" })
        for (const key of ["a", "b"]) yield* ConcurrentStore.use(store, key, nothing)
        assert.strictEqual(sleeping, 1)
      })).pipe(Effect.provideService(Clock.Clock, clock))
      assert.strictEqual(sleeping, 0)
    }))
})

describe("ConcurrentStore, full", () => {
  it.effect("drops what was unused longest first", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 hour", capacity: 3 })
      for (const key of ["a", "b", "c", "a"]) yield* ConcurrentStore.use(store, key, nothing)
      yield* ConcurrentStore.touch(store, "b")
      for (const key of ["d", "e", "f"]) yield* ConcurrentStore.use(store, key, nothing)
      assert.deepStrictEqual(log, [
        "load a",
        "load b",
        "load c",
        "drop c",
        "load d",
        "drop a",
        "load e",
        "drop b",
        "load f"
      ])
    }).pipe(AsyncDrop.scoped))

  it.effect("counts what drops, and never drops what is handed out", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const made = source({ drop: (key) => key === "idle" ? drop.await : Effect.void })
      const store = yield* ConcurrentStore.make({ lookup: made.lookup, idleTimeToLive: "1 hour", capacity: 2 })
      yield* ConcurrentStore.use(store, "idle", nothing)
      const until = yield* Latch.make()
      yield* beside(ConcurrentStore.use(store, "held", () => until.await))
      const late = yield* beside(ConcurrentStore.use(store, "late", nothing))
      yield* settled
      assert.deepStrictEqual(made.log, ["load idle", "load held"])
      assert.strictEqual(ConcurrentStore.state(store, "idle"), "dropping")
      yield* drop.open
      yield* Fiber.join(late)
      assert.deepStrictEqual(made.log, ["load idle", "load held", "drop idle", "load late"])
      assert.strictEqual(ConcurrentStore.state(store, "held"), "loaded")
      assert.strictEqual(made.most, 2)
      yield* until.open
    }).pipe(AsyncDrop.scoped))

  it.effect("never drops what is used, also by a use that outlasts its handle, and drops it after that", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, capacity: 2, idleTimeToLive: "1 minute" })
      const until = yield* Latch.make()
      const outlasting = Effect.scoped(Effect.gen(function*() {
        const arc = yield* ConcurrentStore.open(store, "a")
        yield* AsyncDropArc.use(arc, () => Effect.andThen(AsyncDropArc.drop(arc), until.await))
      }))
      const users = [yield* beside(outlasting), yield* beside(outlasting)]
      yield* ConcurrentStore.use(store, "b", nothing)
      yield* ConcurrentStore.use(store, "c", nothing)
      assert.deepStrictEqual(log, ["load a", "load b", "drop b", "load c"])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(log.splice(0), ["load a", "load b", "drop b", "load c", "drop c"])
      assert.strictEqual(ConcurrentStore.state(store, "a"), "idle")
      yield* until.open
      for (const user of users) yield* Fiber.join(user)
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("lets who waits for the room of such a use go on when that ends, and a close wait for it", () =>
    Effect.gen(function*() {
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, capacity: 1, idleTimeToLive: "1 minute" })
      const using = (key: string, until: Latch.Latch) =>
        beside(Effect.scoped(Effect.gen(function*() {
          const arc = yield* ConcurrentStore.open(store, key)
          yield* AsyncDropArc.use(arc, () => Effect.andThen(AsyncDropArc.drop(arc), until.await))
        })))
      const [one, two] = [yield* Latch.make(), yield* Latch.make()]
      const first = yield* using("a", one)
      const second = yield* using("b", two)
      assert.deepStrictEqual(log, ["load a"])
      yield* one.open
      yield* Fiber.join(first)
      yield* settled
      assert.deepStrictEqual(log, ["load a", "drop a", "load b"])
      const closing = yield* beside(ConcurrentStore.drop(store))
      assert.isUndefined(closing.pollUnsafe())
      yield* two.open
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* Fiber.await(closing), Exit.void)
      assert.deepStrictEqual(log, ["load a", "drop a", "load b", "drop b"])
    }).pipe(AsyncDrop.scoped))

  it.effect("lets borrowers wait in the order of asking, and leave", () =>
    Effect.gen(function*() {
      const made = source({ drop: () => Effect.yieldNow })
      const store = yield* ConcurrentStore.make({ lookup: made.lookup, idleTimeToLive: "1 hour", capacity: 2 })
      const latches = new Map<string, Latch.Latch>()
      const users = new Map<string, Fiber.Fiber<unknown, unknown>>()
      for (const key of ["a", "b", "c", "d", "e"]) {
        const latch = yield* Latch.make()
        latches.set(key, latch)
        users.set(key, yield* beside(ConcurrentStore.use(store, key, () => latch.await)))
      }
      assert.deepStrictEqual(made.log, ["load a", "load b"])
      yield* Fiber.interrupt(users.get("c")!) // put in above
      assert.isTrue(ConcurrentStore.isFullyAbsent(store, "c"))
      for (const key of ["b", "a", "d", "e"]) {
        yield* latches.get(key)!.open // as above
        yield* Fiber.join(users.get(key)!)
        yield* settled
      }
      assert.deepStrictEqual(made.log, ["load a", "load b", "drop b", "load d", "drop a", "load e"])
      assert.strictEqual(made.most, 2)
      assert.sameMembers(ConcurrentStore.keys(store).slice(), ["d", "e"])
    }).pipe(AsyncDrop.scoped))

  it.effect("fails where it is told to, remembers nothing of that, and drops what is idle first", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make(true)
      const made = source({ drop: () => drop.await })
      const store = yield* ConcurrentStore.make({
        lookup: made.lookup,
        idleTimeToLive: "1 hour",
        capacity: 1,
        onFull: "fail",
        name: "store"
      })
      const used = (key: string) => ConcurrentStore.use(store, key, ({ key }) => Effect.succeed(key))
      const refused = yield* Effect.flip(ConcurrentStore.use(store, "a", () => used("b")))
      assert.isTrue(Cause.isExceededCapacityError(refused))
      assert.include((refused as Error).message, "store") // as just seen
      assert.deepStrictEqual([made.log, ConcurrentStore.keys(store)], [["load a"], ["a"]])
      yield* drop.close
      const waits = yield* beside(used("b"))
      yield* settled
      assert.isUndefined(waits.pollUnsafe())
      yield* drop.open
      assert.strictEqual(yield* Fiber.join(waits), "b")
      assert.strictEqual(made.most, 1)
    }).pipe(AsyncDrop.scoped))

  it.effect("takes no room for a load that failed or was given up", () =>
    Effect.gen(function*() {
      const made = source({
        load: (key) => key === "good" ? Effect.void : key === "bad" ? Effect.fail("no") : Effect.never
      })
      const store = yield* ConcurrentStore.make({ lookup: made.lookup, capacity: 1 })
      for (let i = 0; i < 3; i++) {
        assert.deepStrictEqual(yield* Effect.exit(ConcurrentStore.use(store, "bad", nothing)), Exit.fail("no"))
        yield* Effect.flatMap(beside(ConcurrentStore.use(store, "slow", nothing)), Fiber.interrupt)
      }
      yield* ConcurrentStore.use(store, "good", nothing)
      assert.strictEqual(made.most, 1)
    }).pipe(AsyncDrop.scoped))

  it.effect("leaves the errors of what makes room to the maker's DropScope", () =>
    Effect.gen(function*() {
      const { lookup } = source({ drop: (key) => Effect.fail(`bye ${key}`) })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute", capacity: 1 })
        const inner = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          yield* Effect.scoped(ConcurrentStore.get(store, "a"))
          yield* Effect.scoped(ConcurrentStore.get(store, "b"))
        }))
        assert.deepStrictEqual(inner.dropErrors, [])
        assert.deepStrictEqual(ConcurrentStore.keys(store), ["b"])
      }))
      assert.deepStrictEqual(keyed(dropErrors), [["a", Cause.fail("bye a")], ["b", Cause.fail("bye b")]])
    }))

  it.effect("drops what comes to rest while someone waits for room", () =>
    Effect.gen(function*() {
      const made = source()
      const store = yield* ConcurrentStore.make({ lookup: made.lookup, idleTimeToLive: "1 hour", capacity: 1 })
      const until = yield* Latch.make()
      const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      const late = yield* beside(ConcurrentStore.use(store, "b", nothing))
      const guard = yield* guarded(made.log, "c")
      assert.strictEqual(refusalOf(yield* Effect.exit(ConcurrentStore.insert(store, "c", guard))).reason, "full")
      yield* until.open
      yield* Fiber.join(user)
      yield* Fiber.join(late)
      assert.deepStrictEqual(made.log, ["load a", "drop a", "load b"])
    }).pipe(AsyncDrop.scoped))
})

describe("ConcurrentStore.drop", () => {
  it.effect("waits for borrowers, refuses new ones, and interrupts who waits", () =>
    Effect.gen(function*() {
      const [until, drop] = [yield* Latch.make(), yield* Latch.make()]
      const { log, lookup } = source({
        load: (key) => key === "slow" ? Effect.never : Effect.void,
        drop: (key) => key === "going" ? drop.await : Effect.void
      })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute", capacity: 4 })
      yield* ConcurrentStore.use(store, "idle", nothing)
      const user = yield* beside(ConcurrentStore.use(store, "held", () => until.await))
      yield* ConcurrentStore.use(store, "going", nothing)
      const going = yield* beside(ConcurrentStore.invalidate(store, "going"))
      const waiters = [
        yield* beside(ConcurrentStore.use(store, "slow", nothing)),
        yield* beside(ConcurrentStore.use(store, "going", nothing))
      ]
      const closing = yield* beside(Effect.andThen(ConcurrentStore.drop(store), Effect.sync(() => log.push("closed"))))
      for (const waiter of waiters) isInterrupted(yield* Fiber.await(waiter))
      const borrows: ReadonlyArray<Some<Scope.Scope>> = [
        ConcurrentStore.get(store, "held"),
        ConcurrentStore.open(store, "held"),
        ConcurrentStore.use(store, "held", nothing),
        ConcurrentStore.getOrLoad(store, "held", lookup("held")),
        ConcurrentStore.entries(store),
        ConcurrentStore.requestImmediateDrop(store, "held", nothing)
      ]
      const refused = Effect.forEach(borrows, (borrow) => Effect.map(Effect.exit(Effect.scoped(borrow)), isInterrupted))
      yield* refused
      assert.notInclude(log, "closed")
      yield* drop.open
      yield* Fiber.join(going)
      assert.notInclude(log, "closed")
      yield* until.open
      yield* Fiber.join(user)
      yield* Fiber.join(closing)
      assert.strictEqual(log.at(-1), "closed")
      assert.sameMembers(
        log.filter((line) => line.startsWith("drop")),
        ["drop idle", "drop slow", "drop going", "drop held"]
      )
      assert.isTrue(ConcurrentStore.isEmpty(store))
      yield* refused
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  for (const [concurrency, most] of [[undefined, 6], ["unbounded", 6], [1, 1], [2, 2]] as const) {
    it.effect(`releases ${most} at a time where concurrency is ${concurrency}`, () =>
      Effect.gen(function*() {
        const counts = { now: 0, most: 0 }
        const { log, lookup } = source({
          drop: () =>
            Effect.gen(function*() {
              counts.most = Math.max(counts.most, ++counts.now)
              yield* Effect.sleep("1 second")
              counts.now--
            })
        })
        const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 hour", concurrency })
        for (const key of ["a", "b", "c", "d", "e", "f"]) yield* ConcurrentStore.use(store, key, nothing)
        const closing = yield* beside(ConcurrentStore.drop(store))
        yield* TestClock.adjust(`${6 / most} seconds`)
        assert.isDefined(closing.pollUnsafe())
        assert.strictEqual(counts.most, most)
        assert.lengthOf(log, 12)
      }).pipe(AsyncDrop.scoped))
  }

  it.effect("names each key that failed, and stops at none", () =>
    Effect.gen(function*() {
      const { lookup } = source({ drop: (key) => key === "b" ? Effect.void : Effect.fail(`bye ${key}`) })
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute", concurrency: 1 })
      for (const key of ["a", "b", "c"]) yield* ConcurrentStore.use(store, key, nothing)
      const closers = yield* Effect.all([ConcurrentStore.drop(store), ConcurrentStore.drop(store)].map(Effect.exit), {
        concurrency: "unbounded"
      })
      const errors = keyed(failureOf(closers[0]!).errors) // two were asked for
      assert.deepStrictEqual(errors, [["a", Cause.fail("bye a")], ["c", Cause.fail("bye c")]])
      assert.deepStrictEqual(closers[1], closers[0])
      assert.deepStrictEqual(yield* Effect.exit(ConcurrentStore.drop(store)), closers[0])
    }).pipe(AsyncDrop.scoped))

  it.effect("of the owning scope does the same, and leaves the errors to the maker's DropScope", () =>
    Effect.gen(function*() {
      const { log, lookup } = source({ drop: (key) => Effect.fail(`bye ${key}`) })
      const closing = yield* beside(AsyncDrop.scopedExit(Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Effect.sync(() => log.push("after")))
        const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute", concurrency: 1 })
        for (const key of ["a", "b"]) yield* Effect.exit(ConcurrentStore.use(store, key, nothing))
        yield* beside(Effect.exit(ConcurrentStore.use(store, "c", () => Effect.sleep("1 minute"))))
      })))
      assert.notInclude(log, "after")
      yield* TestClock.adjust("1 minute")
      const { dropErrors } = yield* Fiber.join(closing)
      assert.deepStrictEqual(keyed(dropErrors), [["a", Cause.fail("bye a")], ["b", Cause.fail("bye b")]])
      assert.strictEqual(log.at(-1), "after")
      assert.include(log, "drop c")
    }))

  it.effect("hands the exit of the owning scope to what is idle, in whatever way that ends", () =>
    Effect.gen(function*() {
      const exits: Array<readonly [string, Exit.Exit<unknown, unknown>]> = []
      const part = (key: string) =>
        AsyncDrop.acquireRelease(Effect.void, (_, exit) => Effect.sync(() => exits.push([key, exit])))
      const body = Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({
          lookup: (key: string) => key === "two parts" ? Effect.andThen(part(key), part(key)) : part(key),
          idleTimeToLive: "1 minute"
        })
        for (const key of ["one part", "two parts"]) yield* ConcurrentStore.use(store, key, nothing)
        return yield* Effect.fail("x")
      })
      yield* Effect.exit(AsyncDrop.scoped(body))
      const failed = Exit.fail("x")
      assert.deepStrictEqual(exits, [["one part", failed], ["two parts", failed], ["two parts", failed]])
    }))

  it.effect("leaves what a borrower lets go last to that borrower", () =>
    Effect.gen(function*() {
      const { lookup } = source({ drop: (key) => Effect.fail(`bye ${key}`) })
      const store = yield* ConcurrentStore.make({ lookup })
      const until = yield* Latch.make()
      const user = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      const closing = yield* beside(ConcurrentStore.drop(store))
      yield* until.open
      assert.deepStrictEqual(keyed(failureOf(yield* Fiber.await(user)).errors), [["a", Cause.fail("bye a")]])
      assert.deepStrictEqual(yield* Fiber.await(closing), Exit.void)
    }).pipe(AsyncDrop.scoped))

  it.effect("while the idle time of what it drops passes makes one release each, and keeps their errors", () =>
    Effect.gen(function*() {
      const { log, lookup } = source({
        drop: (key) => Effect.andThen(Effect.sleep("1 minute"), Effect.fail(`bye ${key}`))
      })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "90 seconds", concurrency: 1 })
        for (const key of ["a", "b", "c"]) yield* Effect.exit(ConcurrentStore.use(store, key, nothing))
        const closing = yield* beside(ConcurrentStore.drop(store))
        yield* TestClock.adjust("3 minutes")
        assert.deepStrictEqual(
          keyed(failureOf(yield* Fiber.await(closing)).errors),
          ["a", "b", "c"].map((key) => [key, Cause.fail(`bye ${key}`)] as const)
        )
      }))
      assert.deepStrictEqual([log.slice(3), dropErrors], [["drop a", "drop b", "drop c"], []])
    }))

  it.effect("begins no load of who waits for room or for a drop", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const { log, lookup } = source({
        load: (key) => key === "slow" ? Effect.never : Effect.void,
        drop: () => drop.await
      })
      const store = yield* ConcurrentStore.make({ lookup, capacity: 2 })
      yield* beside(ConcurrentStore.use(store, "slow", nothing))
      yield* beside(ConcurrentStore.use(store, "going", nothing))
      for (const key of ["room", "going"]) yield* beside(ConcurrentStore.use(store, key, nothing))
      const closing = yield* beside(ConcurrentStore.drop(store))
      yield* drop.open
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log.filter((line) => line.startsWith("load")), ["load slow", "load going"])
    }).pipe(AsyncDrop.scoped))

  it.effect("begins no load where the end of another makes room", () =>
    Effect.gen(function*() {
      const { log, lookup } = source({ load: () => Effect.never })
      const store = yield* ConcurrentStore.make({ lookup, capacity: 1 })
      for (const key of ["a", "b"]) yield* beside(ConcurrentStore.use(store, key, nothing))
      yield* ConcurrentStore.drop(store)
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("begins no load that got its room in the last moment, at whichever step its borrower yields", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops < 12; ops++) {
        const { log, lookup } = source()
        const store = yield* ConcurrentStore.make({ lookup, capacity: 1 })
        const held = yield* Scope.make()
        yield* Scope.provide(ConcurrentStore.get(store, "a"), held)
        // He may not have begun to listen when the store closes: then nobody has stopped his load.
        const slow = Effect.provideService(ConcurrentStore.use(store, "b", nothing), Scheduler.MaxOpsBeforeYield, ops)
        const borrower = yield* beside(slow)
        yield* Scope.close(held, Exit.void)
        yield* ConcurrentStore.drop(store)
        isInterrupted(yield* Fiber.await(borrower))
        assert.deepStrictEqual(log, ["load a", "drop a"])
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("waits for a drop that was asked for, which still runs", () =>
    Effect.gen(function*() {
      const [until, f] = [yield* Latch.make(), yield* Latch.make()]
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup })
      yield* beside(ConcurrentStore.use(store, "a", () => until.await))
      const asker = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", () => Effect.as(f.await, 1)))
      const closing = yield* beside(ConcurrentStore.drop(store))
      yield* until.open
      yield* settled
      assert.isUndefined(closing.pollUnsafe())
      yield* f.open
      assert.strictEqual(yield* Fiber.join(asker), 1)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.live("is what await using does", () =>
    Effect.promise(async () => {
      const { log, lookup } = source()
      const scope = Effect.runSync(Scope.make())
      const make = ConcurrentStore.make({ lookup, idleTimeToLive: "1 minute" })
      {
        await using store = Effect.runSync(Scope.provide(make, scope))
        await Effect.runPromise(ConcurrentStore.use(store, "a", nothing))
      }
      assert.deepStrictEqual(log, ["load a", "drop a"])
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }))
})

describe("ConcurrentStore, waiting for itself", () => {
  type Store = ConcurrentStore.ConcurrentStore<string, void, unknown>

  /** A store whose loads run `load`, which can use the store. */
  const looping = (
    load: (store: Store, key: string) => Effect.Effect<unknown, unknown, Scope.Scope>,
    options: { readonly capacity?: number; readonly idleTimeToLive?: string } = {}
  ) =>
    Effect.gen(function*() {
      const store: Store = yield* ConcurrentStore.make({
        lookup: (key: string): Effect.Effect<void, unknown, Scope.Scope> =>
          Effect.suspend(() => Effect.asVoid(load(store, key))),
        name: "store",
        capacity: options.capacity,
        idleTimeToLive: options.idleTimeToLive as "1 minute" | undefined // a duration: written below
      })
      return store
    })
  const use = (store: Store, key: string) => ConcurrentStore.use(store, key, nothing)

  it.effect("is a DropCycle where a load wants its own key, a drop of that, or of the store", () =>
    Effect.gen(function*() {
      const ends: ReadonlyArray<readonly [(store: Store) => Effect.Effect<void, unknown>, ReadonlyArray<string>]> = [
        [(store) => use(store, "a"), ["store(a)", "store(a)"]],
        [(store) => Effect.scoped(ConcurrentStore.get(store, "a")), ["store(a)", "store(a)"]],
        [(store) => Effect.asVoid(Effect.scoped(ConcurrentStore.getOption(store, "a"))), ["store(a)", "store(a)"]],
        [(store) => ConcurrentStore.requestImmediateDrop(store, "a", nothing), ["store(a)", "store(a)"]],
        [(store) => ConcurrentStore.drop(store), ["store", "store(a)", "store"]]
      ]
      for (const [end, chain] of ends) {
        const store = yield* looping((store) => end(store))
        diesOfCycle(yield* Effect.exit(use(store, "a")), chain)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where a release wants its own key, also that of a load that failed", () =>
    Effect.gen(function*() {
      for (const fails of [false, true]) {
        for (
          const end of [use, (store: Store, key: string) => ConcurrentStore.requestImmediateDrop(store, key, nothing)]
        ) {
          const exits: Array<Exit.Exit<unknown, unknown>> = []
          const store = yield* looping((store, key) =>
            Effect.andThen(
              AsyncDrop.acquireRelease(
                Effect.void,
                () => Effect.map(Effect.exit(end(store, key)), (exit) => exits.push(exit))
              ),
              fails ? Effect.fail("no") : Effect.void
            )
          )
          yield* Effect.exit(use(store, "a"))
          assert.lengthOf(exits, 1)
          diesOfCycle(exits[0]!, ["store(a)", "store(a)"]) // as just seen
          assert.isTrue(ConcurrentStore.isEmpty(store))
        }
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where loads of several keys wait in a circle", () =>
    Effect.gen(function*() {
      const next: Record<string, string> = { a: "b", b: "c", c: "a" }
      const store = yield* looping((store, key) => use(store, next[key]!)) // one of these
      const chain = ["store(a)", "store(b)", "store(c)", "store(a)"]
      diesOfCycle(yield* Effect.exit(use(store, "a")), chain)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where two loads of two callers wait for each other", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const other: Record<string, string> = { a: "b", b: "a" }
      const store = yield* looping((store, key) => Effect.andThen(go.await, use(store, other[key]!))) // as above
      const callers = [yield* beside(use(store, "a")), yield* beside(use(store, "b"))]
      yield* go.open
      for (const caller of callers) {
        diesOfCycle(yield* Fiber.await(caller), ["store(a)", "store(b)", "store(a)"])
      }
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is none where several loads want the same key", () =>
    Effect.gen(function*() {
      const below: Record<string, ReadonlyArray<string>> = { a: ["b", "c"], b: ["d"], c: ["d"], d: [] }
      const store = yield* looping((store, key) =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.forEach(below[key]!, (each) => ConcurrentStore.get(store, each), { concurrency: "unbounded" }) // as above
        )
      )
      yield* Effect.all([use(store, "a"), use(store, "c"), use(store, "d")], { concurrency: "unbounded" })
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where one of many holders waits for who wants the key", () =>
    Effect.gen(function*() {
      const store = yield* looping(() => Effect.void)
      const until = yield* Latch.make()
      const holding = Effect.forEach(
        Array.from({ length: 40 }),
        () => beside(ConcurrentStore.use(store, "a", () => until.await))
      )
      const holders = yield* holding
      const guard = yield* AsyncDropGuard.make(Effect.void, () => Effect.void, { name: "guard" })
      const twice = (f: Some) => ConcurrentStore.use(store, "a", () => ConcurrentStore.use(store, "a", () => f))
      yield* AsyncDropGuard.use(guard, () =>
        Effect.gen(function*() {
          const go = yield* Latch.make()
          const later = yield* Latch.make()
          const own = yield* beside(twice(Effect.andThen(go.await, Effect.exit(use(store, "a")))))
          // One waits for the guard before the others look for a circle, one after it.
          const first = yield* beside(twice(AsyncDropGuard.drop(guard)))
          const second = yield* beside(twice(Effect.andThen(later.await, AsyncDropGuard.drop(guard))))
          yield* ConcurrentStore.invalidate(store, "a")
          const waiting = yield* beside(use(store, "a"))
          diesOfCycle(yield* Effect.exit(use(store, "a")), ["store(a)", "guard", "store(a)"])
          yield* Fiber.interrupt(waiting)
          yield* go.open
          diesOfCycle((yield* Fiber.join(own)) as Exit.Exit<unknown>, ["store(a)", "store(a)"])
          yield* later.open
          diesOfCycle(yield* Effect.exit(use(store, "a")), ["store(a)", "guard", "store(a)"])
          return [first, second]
        })).pipe(Effect.flatMap(Effect.forEach((fiber) => Fiber.await(fiber))))
      // Nobody is waited for any more who could wait for this fibre.
      const waiting = yield* beside(use(store, "a"))
      yield* until.open
      for (const fiber of [...holders, waiting]) yield* Fiber.join(fiber)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle for one of two drops in opposite order that await each other", () =>
    Effect.gen(function*() {
      const store = yield* looping(() => Effect.void)
      const go = yield* Latch.make()
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const request = (key: string, then: Effect.Effect<unknown, unknown>) =>
        ConcurrentStore.requestImmediateDrop(store, key, () => then)
      const other = (key: string) =>
        Effect.catchIf(
          request(key, Effect.void),
          (error) => error instanceof ConcurrentStore.AlreadyDropping,
          (already) => already.await
        ).pipe(
          Effect.exit,
          Effect.map((exit) => exits.push(exit))
        )
      const two = [
        yield* beside(request("a", Effect.andThen(go.await, other("b")))),
        yield* beside(request("b", Effect.andThen(go.await, other("a"))))
      ]
      yield* go.open
      for (const each of two) assert.isTrue(Exit.isSuccess(yield* Fiber.await(each)))
      assert.lengthOf(exits, 2)
      const cycles = exits.filter(Exit.isFailure)
      assert.lengthOf(cycles, 1)
      diesOfCycle(cycles[0]!, ["store(a)", "store(b)", "store(a)"]) // as just seen
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where one awaits, in its own drop of a key, the end of that", () =>
    Effect.gen(function*() {
      const store = yield* looping(() => Effect.void)
      const begun = yield* Latch.make()
      const asked = yield* Deferred.make<Effect.Effect<void>>()
      const first = yield* beside(ConcurrentStore.requestImmediateDrop(store, "a", () =>
        Effect.andThen(begun.open, Effect.flatMap(Deferred.await(asked), Effect.exit))))
      yield* begun.await
      const already = yield* Effect.flip(ConcurrentStore.requestImmediateDrop(store, "a", nothing))
      assert.instanceOf(already, ConcurrentStore.AlreadyDropping)
      yield* Deferred.succeed(asked, already.await)
      diesOfCycle(yield* Fiber.join(first), ["store(a)", "store(a)"])
      yield* already.await // it is over
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where a drop that was asked for waits for who asked", () =>
    Effect.gen(function*() {
      const reported: Array<DropError.DropError<unknown>> = []
      const store = yield* looping(() => AsyncDrop.acquireRelease(Effect.void, () => Effect.die("no")), {
        idleTimeToLive: "1 minute"
      })
      yield* use(store, "a")
      const guard = yield* AsyncDropGuard.make(Effect.void, () => Effect.void, { name: "guard" })
      const asked = yield* AsyncDropGuard.use(guard, () =>
        Effect.exit(ConcurrentStore.requestImmediateDrop(store, "a", () =>
          AsyncDropGuard.drop(guard))).pipe(
            reportedTo(reported)
          ))
      diesOfCycle(asked, ["store(a)", "guard", "store(a)"])
      yield* settled
      assert.deepStrictEqual(keyed(reported), [["a", Cause.die("no")]])
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where a holder awaits a drop of the key, its borrow, or the close, on the same fibre", () =>
    Effect.gen(function*() {
      const store = yield* looping(() => Effect.void)
      yield* ConcurrentStore.use(store, "a", () =>
        Effect.gen(function*() {
          const asked = yield* Effect.exit(ConcurrentStore.requestImmediateDrop(store, "a", nothing))
          diesOfCycle(asked, ["store(a)", "store(a)"])
          diesOfCycle(yield* Effect.exit(ConcurrentStore.drop(store)), ["store", "store(a)", "store"])
          assert.strictEqual(ConcurrentStore.state(store, "a"), "loaded")
          yield* ConcurrentStore.invalidate(store, "a")
          diesOfCycle(yield* Effect.exit(use(store, "a")), ["store(a)", "store(a)"])
        }))
      const arc = yield* ConcurrentStore.open(store, "a")
      yield* AsyncDropArc.use(arc, () =>
        Effect.gen(function*() {
          yield* Effect.forkChild(AsyncDropArc.drop(arc), { startImmediately: true })
          diesOfCycle(yield* Effect.exit(ConcurrentStore.drop(store)), ["store", "store(a)", "store"])
        }))
      yield* ConcurrentStore.requestImmediateDrop(store, "a", () =>
        Effect.gen(function*() {
          diesOfCycle(yield* Effect.exit(use(store, "a")), ["store(a)", "store(a)"])
        }))
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where a use that outlasts its handle awaits a drop of the key", () =>
    Effect.gen(function*() {
      const store = yield* looping(() => Effect.void, { idleTimeToLive: "1 minute" })
      const arc = yield* ConcurrentStore.open(store, "a")
      yield* AsyncDropArc.use(arc, () =>
        Effect.gen(function*() {
          yield* AsyncDropArc.drop(arc)
          const asked = yield* Effect.exit(ConcurrentStore.requestImmediateDrop(store, "a", nothing))
          diesOfCycle(asked, ["store(a)", "store(a)"])
        }))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where a lookup waits for room that only it could free", () =>
    Effect.gen(function*() {
      const room = "the room in store"
      const nested = yield* looping((store, key) => key === "a" ? use(store, "b") : Effect.void, { capacity: 1 })
      diesOfCycle(yield* Effect.exit(use(nested, "a")), [room, "store(a)", "store(b)", room])
      const store = yield* looping(() => Effect.void, { capacity: 2 })
      yield* ConcurrentStore.use(store, "a", () =>
        ConcurrentStore.use(store, "b", () =>
          Effect.map(Effect.exit(use(store, "c")), (exit) =>
            diesOfCycle(exit, [room, "store(a)", "store(c)", room]))))
      assert.isTrue(ConcurrentStore.isEmpty(nested) && ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where callers who hold all the room wait for more of it", () =>
    Effect.gen(function*() {
      const store = yield* looping(() => Effect.void, { capacity: 2 })
      const go = yield* Latch.make()
      const two = (first: string, second: string) =>
        beside(ConcurrentStore.use(store, first, () => Effect.andThen(go.await, use(store, second))))
      const [one, other] = [yield* two("a", "b"), yield* two("c", "d")]
      yield* go.open
      diesOfCycle(yield* Fiber.await(other), [
        "the room in store",
        "store(a)",
        "store(b)",
        "the room in store"
      ])
      assert.deepStrictEqual(yield* Fiber.await(one), Exit.void)
    }).pipe(AsyncDrop.scoped))

  it.effect("is none where another may free the room, and one who waits for that goes on", () =>
    Effect.gen(function*() {
      const store = yield* looping(() => Effect.void, { capacity: 2 })
      const until = yield* Latch.make()
      yield* beside(ConcurrentStore.use(store, "other", () => until.await))
      const user = yield* beside(ConcurrentStore.use(store, "a", () => use(store, "b")))
      yield* settled
      assert.isUndefined(user.pollUnsafe())
      yield* until.open
      assert.deepStrictEqual(yield* Fiber.await(user), Exit.void)
    }).pipe(AsyncDrop.scoped))
})

/** Of which key, and in which chain. */
type Told = readonly [unknown, ReadonlyArray<string>]

/** Owners of a store that can be closed by hand; each says which cycles it was told of. */
const owners: {
  readonly [name: string]: Effect.Effect<
    {
      readonly scope: Scope.Scope
      readonly close: Effect.Effect<unknown, unknown>
    },
    never,
    Scope.Scope
  >
} = {
  scope: Effect.map(Scope.make(), (scope) => ({ scope, close: Scope.close(scope, Exit.void) })),
  "parallel scope": Effect.map(Scope.make("parallel"), (scope) => ({ scope, close: Scope.close(scope, Exit.void) })),
  stack: Effect.gen(function*() {
    const stack = yield* DropStack.make()
    return { scope: yield* DropStack.use(stack, Effect.scope), close: DropStack.close(stack) }
  }),
  map: Effect.gen(function*() {
    const map = yield* AsyncDropHashMap.make<string, Scope.Closeable>()
    const guard = yield* AsyncDropGuard.make(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const scope = yield* AsyncDropGuard.use(guard, Effect.succeed)
    yield* Effect.orDie(AsyncDropHashMap.insert(map, "its", guard))
    return { scope, close: AsyncDropHashMap.drop(map) }
  })
}

describe("ConcurrentStore, full", () => {
  it.effect("lets a value in hand take another key, which brings its own room", () =>
    Effect.gen(function*() {
      const made = source()
      const { lookup } = made
      const store = yield* ConcurrentStore.make({ lookup, capacity: 2, onFull: "fail", idleTimeToLive: "1 minute" })
      const until = yield* Latch.make()
      const other = yield* beside(ConcurrentStore.use(store, "other", () => until.await))
      yield* ConcurrentStore.use(store, "a", nothing)
      const renamed = ConcurrentStore.requestImmediateDrop(store, "a", (guard) =>
        Effect.gen(function*() {
          yield* ConcurrentStore.insert(store, "b", Option.getOrThrow(guard)) // it was there
          // Its room has gone with it: there is none for a third.
          const third = ConcurrentStore.use(store, "b", () => Effect.exit(ConcurrentStore.use(store, "c", nothing)))
          const full = yield* third
          assert.instanceOf(Exit.isFailure(full) && Cause.squash(full.cause), Cause.ExceededCapacityError)
        }))
      yield* renamed
      assert.strictEqual(ConcurrentStore.state(store, "b"), "idle")
      assert.isTrue(ConcurrentStore.isFullyAbsent(store, "a"))
      yield* ConcurrentStore.use(store, "b", ({ key }) => Effect.sync(() => assert.strictEqual(key, "a")))
      yield* until.open
      yield* Fiber.join(other)
      assert.strictEqual(made.most, 2)
    }).pipe(AsyncDrop.scoped))

  it.effect("tells of a value that was moved to another key what its release fails with, as it is", () =>
    Effect.gen(function*() {
      const lookup = (key: string) => AsyncDrop.acquireRelease(Effect.succeed(key), () => Effect.fail("lost" as const))
      const store = yield* ConcurrentStore.make({ lookup, idleTimeToLive: "1 hour" })
      yield* ConcurrentStore.use(store, "a", nothing)
      const insert = (guard: Option.Option<AsyncDropGuard.AsyncDropGuard<string, "lost">>) =>
        ConcurrentStore.insert(store, "b", Option.getOrThrow(guard)) // it was there
      yield* ConcurrentStore.requestImmediateDrop(store, "a", insert)
      const failed = yield* Effect.flip(ConcurrentStore.requestImmediateDrop(store, "b", nothing))
      assert.instanceOf(failed, DropFailure.DropFailure)
      assert.deepStrictEqual(failed.errors.map(({ cause, key }) => [Cause.squash(cause), key]), [["lost", "b"]])
    }).pipe(AsyncDrop.scoped))

  for (const idleTimeToLive of [0, "1 hour"] as const) {
    it.effect(`lets nothing rest that is put in while someone waits for its room: idle time ${idleTimeToLive}`, () =>
      Effect.gen(function*() {
        const { log, lookup } = source()
        const store = yield* ConcurrentStore.make({ lookup, capacity: 1, idleTimeToLive })
        const until = yield* Latch.make()
        const holder = yield* beside(ConcurrentStore.use(store, "a", () => until.await))
        const waiting = yield* beside(ConcurrentStore.use(store, "c", nothing))
        const renamed = yield* beside(
          ConcurrentStore.requestImmediateDrop(
            store,
            "a",
            (guard) => ConcurrentStore.insert(store, "b", Option.getOrThrow(guard))
          )
        ) // it was there
        yield* until.open
        yield* settled
        for (const fiber of [holder, waiting, renamed]) assert.deepStrictEqual(fiber.pollUnsafe(), Exit.void)
        assert.deepStrictEqual(log.slice(0, 3), ["load a", "drop a", "load c"])
      }).pipe(AsyncDrop.scoped))
  }
})

describe("ConcurrentStore, waited for by a fibre that was started inside a use of it", () => {
  /** What is warned of while a use of a key runs what `started` gives in a fibre that it does not wait for. */
  const warned = (
    started: (store: ConcurrentStore.ConcurrentStore<string, Value<string>>, scope: Scope.Closeable) => Some
  ) =>
    Effect.gen(function*() {
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(String(message))
      })
      const { log, lookup } = source()
      const scope = yield* Scope.make()
      const store = yield* Scope.provide(ConcurrentStore.make({ lookup, name: "store" }), scope)
      const inside = yield* ConcurrentStore.use(
        store,
        "a",
        () => Effect.forkDetach(started(store, scope), { startImmediately: true })
      ).pipe(Effect.provide(Logger.layer([logger])))
      yield* Fiber.await(inside)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["load a", "drop a"])
      return warnings
    })

  it.effect("its close is one warning that names it, since the use may wait for it", () =>
    Effect.gen(function*() {
      const warnings = yield* warned((store) =>
        Effect.all([ConcurrentStore.drop(store), ConcurrentStore.drop(store)], { concurrency: 2 })
      )
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], "close of store is asked for by a fibre that was started inside its own use")
    }))

  it.effect("the close of its scope is one as well", () =>
    Effect.gen(function*() {
      const warnings = yield* warned((_, scope) => Scope.close(scope, Exit.void))
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], "close of store is asked for")
    }))

  it.effect("a drop of that key that is asked for is one that names the key", () =>
    Effect.gen(function*() {
      const warnings = yield* warned((store) => ConcurrentStore.requestImmediateDrop(store, "a", () => Effect.void))
      assert.strictEqual(warnings.length, 1)
      assert.include(
        warnings[0],
        "requestImmediateDrop of store(a) is asked for by a fibre that was started inside its own use"
      )
    }))

  it.effect("so is a borrow of that key after its drop was asked for", () =>
    Effect.gen(function*() {
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(String(message))
      })
      const { log, lookup } = source()
      const store = yield* ConcurrentStore.make({ lookup, name: "store" })
      const inside = yield* ConcurrentStore.use(store, "a", () =>
        Effect.andThen(
          ConcurrentStore.invalidate(store, "a"),
          Effect.forkDetach(ConcurrentStore.use(store, "a", () => Effect.void), { startImmediately: true })
        )).pipe(Effect.provide(Logger.layer([logger])))
      yield* Fiber.await(inside)
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], "borrow of store(a) is asked for")
      assert.deepStrictEqual(log, ["load a", "drop a", "load a", "drop a"])
    }))

  it.effect("what waits for no use, or for another key, is none", () =>
    Effect.gen(function*() {
      const warnings = yield* warned((store) =>
        Effect.andThen(
          ConcurrentStore.requestImmediateDrop(store, "b", () => Effect.void),
          ConcurrentStore.use(store, "a", () => Effect.void)
        )
      )
      assert.deepStrictEqual(warnings, [])
    }))

  it.effect("a close that waits for the use of another is none", () =>
    Effect.gen(function*() {
      const warnings: Array<unknown> = []
      const logger = Logger.make(({ message }) => warnings.push(message))
      const store = yield* ConcurrentStore.make({ lookup: source().lookup })
      const done = yield* Latch.make()
      const use = yield* beside(ConcurrentStore.use(store, "a", () => done.await))
      const close = yield* beside(Effect.provide(ConcurrentStore.drop(store), Logger.layer([logger])))
      yield* settled
      yield* done.open
      yield* Fiber.joinAll([use, close])
      assert.deepStrictEqual(warnings, [])
    }))
})

describe("ConcurrentStore, whose owner is closed by one it waits for", () => {
  /** A store in an owner of some kind, of which keys are loaded and dropped as `steps` says. */
  const owned = (
    kind: string,
    steps: (
      key: string,
      close: Effect.Effect<void>
    ) => { readonly load?: Some; readonly drop?: Some; readonly fails?: boolean },
    options: { readonly idleTimeToLive?: "1 minute"; readonly concurrency?: number } = {}
  ) =>
    Effect.gen(function*() {
      const { scope, close } = yield* owners[kind]! // one of these
      const log: Array<string> = []
      const told: Array<Told> = []
      const errors: Array<DropError.DropError<unknown>> = []
      const hear = (error: DropError.DropError<unknown>) => {
        const cycle = error.cause.reasons.find(Cause.isDieReason)?.defect
        if (cycle instanceof DropCycle.DropCycle) told.push([error.key, cycle.chain])
        else errors.push(error)
      }
      const closing: Effect.Effect<void> = Effect.suspend(() => {
        log.push("closing")
        return Effect.matchCause(close, {
          onSuccess: () => void log.push("closed"),
          onFailure: (cause) => {
            log.push("closed")
            for (const error of Option.getOrThrow(DropFailure.fromCause(cause)).errors) hear(error)
          }
        })
      })
      const lookup = (key: string) => {
        const { drop = Effect.void, fails = false, load = Effect.void } = steps(key, closing)
        const made = Effect.acquireRelease(
          Effect.sync(() => log.push(`load ${key}`)),
          () => Effect.ensuring(Effect.ignore(drop), Effect.sync(() => log.push(`drop ${key}`)))
        )
        return Effect.andThen(Effect.andThen(made, load), fails ? Effect.fail("no") : Effect.succeed(key))
      }
      const store = yield* ConcurrentStore.make({ lookup, name: "store", ...options }).pipe(
        Scope.provide(scope),
        Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => hear(error)))
      )
      return { closing, errors, log, store, told }
    })

  const its: ReadonlyArray<Told> = [["a", ["store", "store(a)", "store"]]]

  for (const kind of Object.keys(owners)) {
    it.effect(`is told of the cycle inside a load: ${kind}`, () =>
      Effect.gen(function*() {
        const { log, store, told } = yield* owned(kind, (_, close) => ({ load: close }))
        isInterrupted(yield* Effect.exit(ConcurrentStore.use(store, "a", nothing)))
        assert.deepStrictEqual(log, ["load a", "closing", "closed", "drop a"])
        assert.deepStrictEqual(told, its)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }))

    it.effect(`is told of the cycle inside the release of a load that failed: ${kind}`, () =>
      Effect.gen(function*() {
        const { log, store, told } = yield* owned(kind, (_, close) => ({ drop: close, fails: true }))
        yield* Effect.exit(ConcurrentStore.use(store, "a", nothing))
        assert.deepStrictEqual(log, ["load a", "closing", "closed", "drop a"])
        assert.deepStrictEqual(told, its)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }))

    it.effect(`is told of the cycle inside a release: ${kind}`, () =>
      Effect.gen(function*() {
        const { log, store, told } = yield* owned(kind, (_, close) => ({ drop: close }))
        yield* ConcurrentStore.use(store, "a", nothing)
        assert.deepStrictEqual(log, ["load a", "closing", "closed", "drop a"])
        assert.deepStrictEqual(told, its)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }))

    it.effect(`is told of the cycle inside the release of one that was idle: ${kind}`, () =>
      Effect.gen(function*() {
        const { log, store, told } = yield* owned(kind, (_, close) => ({ drop: close }), { idleTimeToLive: "1 minute" })
        yield* ConcurrentStore.use(store, "a", nothing)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(log, ["load a", "closing", "closed", "drop a"])
        assert.deepStrictEqual(told, its)
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }))

    it.effect(`is told of the cycle inside a use, also by a handle, and what was asked for: ${kind}`, () =>
      Effect.gen(function*() {
        type Store = ConcurrentStore.ConcurrentStore<string, string, unknown>
        const uses: ReadonlyArray<(store: Store, close: Effect.Effect<void>) => Some> = [
          (store, close) => ConcurrentStore.use(store, "a", () => close),
          (store, close) =>
            Effect.scoped(Effect.flatMap(ConcurrentStore.open(store, "a"), AsyncDropArc.use(() => close))),
          (store, close) =>
            ConcurrentStore.use(store, "a", () => beside(ConcurrentStore.requestImmediateDrop(store, "a", () => close)))
        ]
        for (const use of uses) {
          const { closing, log, store, told } = yield* owned(kind, () => ({}))
          yield* use(store, closing)
          yield* settled
          assert.deepStrictEqual(log, ["load a", "closing", "closed", "drop a"])
          assert.deepStrictEqual(told, its)
          assert.isTrue(ConcurrentStore.isEmpty(store))
        }
      }))

    it.effect(`waits for the other keys, which are dropped before it goes on: ${kind}`, () =>
      Effect.gen(function*() {
        for (const concurrency of [1, 2]) {
          const slow = Effect.sleep("1 second")
          const { closing, errors, log, store, told } = yield* owned(kind, () => ({ drop: slow }), {
            idleTimeToLive: "1 minute",
            concurrency
          })
          yield* Effect.forEach(["b", "c"], (key) => ConcurrentStore.use(store, key, nothing))
          const other = yield* beside(ConcurrentStore.use(store, "d", () => Effect.sleep("5 seconds")))
          const user = yield* beside(ConcurrentStore.use(store, "a", () => closing))
          const joined = yield* beside(ConcurrentStore.drop(store))
          for (let i = 0; i < 10; i++) yield* TestClock.adjust("1 second")
          yield* Fiber.join(user)
          yield* Fiber.join(other)
          assert.deepStrictEqual(log, [
            "load b",
            "load c",
            "load d",
            "load a",
            "closing",
            "drop b",
            "drop c",
            "drop d",
            "closed",
            "drop a"
          ])
          // Who asked for the drop by hand hears of it, and the owner does not.
          assert.deepStrictEqual([told, errors], [[], []])
          const heard = failureOf(yield* Fiber.await(joined)).errors
          assert.deepStrictEqual(heard.map(({ key }) => key), ["a"])
          assert.isTrue(ConcurrentStore.isEmpty(store))
        }
      }))

    it.effect(`tells of each key that waits for it, once: ${kind}`, () =>
      Effect.gen(function*() {
        const { closing, log, store, told } = yield* owned(kind, () => ({}))
        yield* ConcurrentStore.use(store, "a", () => ConcurrentStore.use(store, "b", () => closing))
        assert.deepStrictEqual(log, ["load a", "load b", "closing", "closed", "drop b", "drop a"])
        assert.deepStrictEqual(told, [...its, ["b", ["store", "store(b)", "store"]]])
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }))
  }

  it.effect("is told through others: a use that waits for what the closer uses", () =>
    Effect.gen(function*() {
      const { closing, log, store, told } = yield* owned("scope", () => ({}))
      const guard = yield* AsyncDropGuard.make(Effect.void, () => Effect.void, { name: "guard" })
      const user = yield* AsyncDropGuard.use(guard, () =>
        Effect.gen(function*() {
          const user = yield* beside(ConcurrentStore.use(store, "a", () => AsyncDropGuard.drop(guard)))
          yield* closing
          return user
        }))
      yield* Fiber.join(user)
      assert.deepStrictEqual(log, ["load a", "closing", "closed", "drop a"])
      assert.deepStrictEqual(told, [["a", ["store", "store(a)", "guard", "store"]]])
    }))

  it.effect("is told through a load that no interrupt stops, and none where one does", () =>
    Effect.gen(function*() {
      for (const waits of ["for ever", "interruptibly"]) {
        const mutex = yield* Effect.flatMap(
          AsyncDropGuard.make(Effect.void, () => Effect.void, { name: "mutex" }),
          AsyncDropMutex.make
        )
        const locking = AsyncDropMutex.withLock(mutex, nothing)
        const load = waits === "for ever" ? AsyncDropMutex.drop(mutex) : locking
        const { closing, log, store, told } = yield* owned("scope", () => ({ load }))
        const user = yield* AsyncDropMutex.withLock(mutex, () =>
          Effect.gen(function*() {
            const user = yield* beside(ConcurrentStore.use(store, "a", nothing))
            yield* closing
            return user
          }))
        isInterrupted(yield* Fiber.await(user))
        const ends = waits === "for ever" ? ["closed", "drop a"] : ["drop a", "closed"]
        assert.deepStrictEqual(log, ["load a", "closing", ...ends])
        assert.deepStrictEqual(told, waits === "for ever" ? [["a", ["store", "store(a)", "mutex", "store"]]] : [])
      }
    }))

  it.effect("tells a use that begins to wait for a close under way", () =>
    Effect.gen(function*() {
      const { scope, close } = yield* owners["stack"]!
      const { lookup, log } = source({ drop: () => Effect.yieldNow })
      const store = yield* Scope.provide(ConcurrentStore.make({ lookup, name: "store" }), scope)
      const begun = yield* Latch.make()
      const user = yield* beside(ConcurrentStore.use(store, "a", () => Effect.andThen(begun.await, Effect.exit(close))))
      const closer = yield* beside(close)
      yield* begun.open
      const exit = yield* Fiber.join(user)
      const chain = Exit.isFailure(exit) ? (Cause.squash(exit.cause) as DropCycle.DropCycle).chain : []
      assert.match(chain.join(), /^DropStack#\d+,store,store\(a\),DropStack#\d+$/)
      assert.deepStrictEqual(yield* Fiber.await(closer), Exit.void)
      assert.deepStrictEqual(log, ["load a", "drop a"])
    }))

  it.effect("tells a release of an idle one that joins the close that runs it", () =>
    Effect.gen(function*() {
      for (const concurrency of [1, 2]) {
        const { scope, close } = yield* owners["stack"]!
        const exits: Array<Exit.Exit<unknown, unknown>> = []
        const joins = Effect.map(Effect.exit(close), (exit) => exits.push(exit))
        const { lookup, log } = source({ drop: (key) => key === "a" ? joins : Effect.yieldNow })
        const made = ConcurrentStore.make({ lookup, name: "store", idleTimeToLive: "1 minute", concurrency })
        const store = yield* Scope.provide(made, scope)
        yield* Effect.forEach(["a", "b"], (key) => ConcurrentStore.use(store, key, nothing))
        yield* close
        assert.deepStrictEqual(log.slice(2).toSorted(), ["drop a", "drop b"])
        assert.lengthOf(exits, 1)
        assert.include(String(exits[0]), "store(a)")
      }
    }))

  it.effect("waits where another may let go: a key that is held by a scope", () =>
    Effect.gen(function*() {
      const { closing, log, store, told } = yield* owned("scope", () => ({}))
      const held = yield* Scope.make()
      yield* Scope.provide(ConcurrentStore.get(store, "a"), held)
      yield* beside(Effect.andThen(Effect.sleep("1 second"), Scope.close(held, Exit.void)))
      const clock = yield* beside(TestClock.adjust("1 second"))
      yield* closing
      yield* Fiber.join(clock)
      assert.deepStrictEqual(log, ["load a", "closing", "drop a", "closed"])
      assert.deepStrictEqual(told, [])
    }))

  it.effect("ends its changes when the last key has gone", () =>
    Effect.gen(function*() {
      const { closing, store } = yield* owned("scope", () => ({}))
      const changes = yield* beside(Stream.runCollect(ConcurrentStore.changes(store)))
      yield* ConcurrentStore.use(store, "a", () => closing)
      const events = yield* Fiber.join(changes)
      assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["Loaded", "Borrowed", "Dropping", "Dropped"])
    }))
})

describe("ConcurrentStore, misused", () => {
  it.effect("dies of an option that makes no sense, before anything is made", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const bad: ReadonlyArray<readonly [string, object]> = [
        ...[0, -1, NaN, 1.5].map((capacity) => [`capacity is ${capacity}`, { capacity }] as const),
        ...[-1, NaN].map((idleTimeToLive) => [`idleTimeToLive is ${idleTimeToLive}`, { idleTimeToLive }] as const),
        ...[0, -1, NaN].map((concurrency) => [`concurrency is ${concurrency}`, { concurrency }] as const)
      ]
      for (const [state, options] of bad) {
        const exit = yield* Effect.exit(
          Scope.provide(ConcurrentStore.make({ lookup: source().lookup, ...options }), scope)
        )
        diesOfUsage(exit, state)
        assert.propertyVal(Exit.isFailure(exit) && Cause.squash(exit.cause), "resource", "ConcurrentStore")
        assert.strictEqual(scope.state._tag, "Empty")
      }
    }))

  it.effect("makes no store in a closed scope and interrupts", () =>
    Effect.gen(function*() {
      const make = ConcurrentStore.make({ lookup: source().lookup })
      isInterrupted(yield* Effect.exit(Scope.provide(make, yield* closedScope)))
    }))

  it.effect("gets a lookup that throws, or a release that does, as defects", () =>
    Effect.gen(function*() {
      const store = yield* ConcurrentStore.make({
        lookup: (key: string): Effect.Effect<void, never, Scope.Scope> => {
          if (key === "thrown") throw key
          return AsyncDrop.acquireRelease(Effect.void, () => {
            throw key
          })
        }
      })
      assert.deepStrictEqual(yield* Effect.exit(ConcurrentStore.use(store, "thrown", nothing)), Exit.die("thrown"))
      const exit = yield* Effect.exit(ConcurrentStore.use(store, "a", nothing))
      assert.deepStrictEqual(keyed(failureOf(exit).errors), [["a", Cause.die("a")]])
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))
})

const tenants = source({ drop: (key) => key === "bad" ? Effect.fail("bye") : Effect.void })
class Tenants extends ConcurrentStore.Service<Tenants>()("test/Tenants", {
  lookup: tenants.lookup,
  idleTimeToLive: "1 minute"
}) {}

describe("ConcurrentStore.Service", () => {
  it.effect("has every operation of the store", () =>
    Effect.gen(function*() {
      class Plain extends ConcurrentStore.Service<Plain>()("test/Plain", {
        lookup: (key: string) => Effect.succeed({ key }),
        idleTimeToLive: "1 minute"
      }) {}
      const value = Effect.succeed({ key: "loaded" })
      const program = Effect.gen(function*() {
        const heard = yield* beside(Plain.changes.pipe(
          Stream.map(({ _tag, key }) => `${_tag} ${key}`),
          Stream.runCollect
        ))
        yield* settled
        const scoped = Effect.scoped(Effect.gen(function*() {
          assert.deepStrictEqual(yield* Plain.getOrLoad("a", value), { key: "loaded" })
          assert.deepStrictEqual(yield* Plain.insertLoading("b", value), { key: "loaded" })
          const arc = yield* Plain.open("c")
          assert.strictEqual(arc.key, "c")
          assert.deepStrictEqual((yield* Plain.entries).map(([key]) => key), ["a", "b", "c"])
          assert.strictEqual(yield* Plain.state("a"), "loaded")
        }))
        yield* scoped
        const guard = yield* AsyncDropGuard.make(Effect.succeed({ key: "put" }), nothing)
        yield* Plain.insert("d", guard)
        assert.deepStrictEqual(yield* Plain.keys, ["a", "b", "c", "d"])
        assert.isTrue(yield* Plain.has("d"))
        assert.isTrue(yield* Plain.isFullyAbsent("e"))
        yield* TestClock.adjust("59 seconds")
        yield* Plain.touch("a")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Plain.keys, ["a"])
        assert.deepStrictEqual(
          yield* Plain.requestImmediateDrop("a", Effect.succeed).pipe(Effect.map(Option.isSome)),
          true
        )
        assert.isTrue(yield* Plain.isEmpty)
        yield* Plain.drop
        isInterrupted(yield* Effect.exit(Plain.use("a", nothing)))
        assert.include(yield* Fiber.join(heard), "Loaded d")
      })
      yield* AsyncDrop.scoped(Effect.provide(program, Plain.layer))
    }))

  it.effect("has a layer that owns the store, and its operations as effects", () =>
    Effect.gen(function*() {
      const errors: Array<DropError.DropError<unknown>> = []
      const program = Effect.gen(function*() {
        assert.strictEqual(yield* Tenants.use("a", ({ key }) => Effect.succeed(key)), "a")
        assert.deepStrictEqual(yield* AsyncDrop.scoped(Tenants.get("bad")), { key: "bad" })
        assert.deepStrictEqual(yield* AsyncDrop.scoped(Tenants.getOption("absent")), Option.none())
        assert.strictEqual(yield* Tenants.size, 2)
        assert.isTrue(ConcurrentStore.isConcurrentStore(yield* Tenants))
        yield* Tenants.invalidate("a")
        assert.strictEqual(yield* Tenants.size, 1)
        yield* Tenants.invalidateAll
        assert.strictEqual(yield* Tenants.size, 0)
        yield* Tenants.use("b", nothing)
      })
      const place = DropScope.layerReport((error) => Effect.sync(() => errors.push(error)))
      yield* Effect.provide(program, Layer.provide(Tenants.layer, place))
      assert.deepStrictEqual(tenants.log, ["load a", "load bad", "drop a", "drop bad", "load b", "drop b"])
      assert.deepStrictEqual(keyed(errors), [["bad", Cause.fail("bye")]])
    }))
})

describe("a store on a scheduler that lets a fibre run few operations at a time", () => {
  /** Whether a program ends before its fibre has been stopped 10,000 times. */
  const ends = (program: Effect.Effect<unknown>, operations: number) => {
    let stops = 0
    class Counting extends Scheduler.MixedScheduler {
      override shouldYield(fiber: Fiber.Fiber<unknown, unknown>) {
        const yields = super.shouldYield(fiber)
        if (yields && ++stops === 10_000) ended(false)
        return yields
      }
    }
    let ended: (ends: boolean) => void = () => {}
    return Effect.callback<boolean>((resume) => {
      const limited = Effect.provideService(program, Scheduler.MaxOpsBeforeYield, operations)
      const fiber = Effect.runFork(limited, { scheduler: new Counting() })
      ended = (ends) => {
        resume(Effect.succeed(ends))
        fiber.interruptUnsafe()
      }
      fiber.addObserver(() => ended(true))
    })
  }
  const borrow = Effect.scoped(Effect.gen(function*() {
    const store = yield* ConcurrentStore.make({ lookup: source().lookup })
    yield* ConcurrentStore.use(store, "a", () => Effect.yieldNow)
    yield* ConcurrentStore.get(store, "a")
  }))

  it.live("ends with three or more", () =>
    Effect.gen(function*() {
      for (const operations of [3, 4, 5]) assert.isTrue(yield* ends(borrow, operations))
    }))

  it.live("ends with no fewer, as nothing does: Effect counts the yield itself", () =>
    Effect.gen(function*() {
      const two = Effect.flatMap(Effect.sync(() => 1), () => Effect.sync(() => 2))
      for (const operations of [1, 2]) {
        assert.isFalse(yield* ends(two, operations))
        assert.isFalse(yield* ends(borrow, operations))
      }
    }))
})

describe("ConcurrentStore, with a chain longer than the stack is deep", () => {
  it.effect("interrupts loads that wait for each other", () =>
    Effect.gen(function*() {
      const deep = yield* Latch.make()
      const store: ConcurrentStore.ConcurrentStore<number, void> = yield* ConcurrentStore.make({
        lookup: (key: number): Effect.Effect<void, never, Scope.Scope> =>
          key === 3_000
            ? Effect.andThen(deep.open, Effect.never)
            : Effect.suspend(() => ConcurrentStore.get(store, key + 1))
      })
      const user = yield* beside(ConcurrentStore.use(store, 0, nothing))
      yield* deep.await
      assert.strictEqual(ConcurrentStore.size(store), 3_001)
      yield* Fiber.interrupt(user)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))

  it.effect("drops within a drop that was asked for", () =>
    Effect.gen(function*() {
      const store = yield* ConcurrentStore.make({ lookup: (key: number) => Effect.succeed(key) })
      const ask = (key: number): Effect.Effect<number, unknown> =>
        key === 3_000
          ? Effect.succeed(key)
          : ConcurrentStore.requestImmediateDrop(store, key, () => ask(key + 1))
      assert.strictEqual(yield* ask(0), 3_000)
      assert.isTrue(ConcurrentStore.isEmpty(store))
    }).pipe(AsyncDrop.scoped))
})

describe("ConcurrentStore, over time", () => {
  it.live(
    "20,000 who come after 20,000 holders of a dropped key wait without a look at each",
    () =>
      Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup: (key: string) => Effect.succeed(key) })
        const until = yield* Latch.make()
        const many = (f: Some) =>
          Effect.forEach(Array.from({ length: 20_000 }), () => beside(ConcurrentStore.use(store, "a", () => f)))
        const holders = yield* many(until.await)
        yield* ConcurrentStore.invalidate(store, "a")
        const later = yield* many(Effect.void)
        yield* until.open
        yield* Fiber.joinAll([...holders, ...later])
        assert.isTrue(ConcurrentStore.isEmpty(store))
      }).pipe(AsyncDrop.scoped),
    10_000
  )
})
