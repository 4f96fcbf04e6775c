import {
  AsyncDrop,
  AsyncDropShared,
  DropCycle,
  type DropError,
  DropFailure,
  DropStack,
  DropUsageError
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Latch, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { everyStep } from "./support/steps.ts"

/** A load that logs its life. */
const source = <E = never, DE = never>(steps: {
  readonly load?: Effect.Effect<unknown, E>
  readonly drop?: Effect.Effect<unknown, DE>
} = {}) => {
  const log: Array<string> = []
  const load = Effect.gen(function*() {
    const value = yield* AsyncDrop.acquireRelease(
      Effect.sync(() => {
        log.push("load")
        return { port: 80 }
      }),
      () =>
        Effect.ensuring(
          steps.drop ?? Effect.void as Effect.Effect<unknown, DE>, // DE is never unless `drop` is given
          Effect.sync(() => log.push("drop"))
        ),
      { name: "r" }
    )
    if (steps.load !== undefined) yield* steps.load
    return value
  })
  return { log, load }
}

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Until everything that can run has run. */
const settled = TestClock.adjust(0)

/** Awaits the value and lets go at once. */
const look = <A, E>(shared: AsyncDropShared.AsyncDropShared<A, E>) => Effect.scoped(AsyncDropShared.await(shared))

const causes = (errors: ReadonlyArray<DropError.DropError<unknown>>) =>
  errors.map((error): readonly [string, Cause.Cause<unknown>] => [error.resource, error.cause])

const failureOf = (exit: Exit.Exit<unknown, unknown>): DropFailure.DropFailure<unknown> => {
  assert.isTrue(Exit.isFailure(exit))
  return Option.getOrThrow(DropFailure.fromCause((exit as Exit.Failure<unknown, unknown>).cause)) // as just seen
}

const diesOfUsage = (exit: Exit.Exit<unknown, unknown>, state: string) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropUsageError.DropUsageError)
  assert.strictEqual(defect.state, state)
}

const diesOfCycle = (exit: Exit.Exit<unknown, unknown>) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropCycle.DropCycle)
  assert.lengthOf(defect.chain, 2)
  for (const each of defect.chain) assert.match(each, /^AsyncDropShared#\d+$/)
}

const isInterrupted = (exit: Exit.Exit<unknown, unknown>) =>
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

const closedScope = Effect.tap(Scope.make(), (scope) => Scope.close(scope, Exit.void))

class Who extends Context.Service<Who, string>()("test/Who") {}

describe("AsyncDropShared", () => {
  it.effect("never awaited is never loaded", () =>
    Effect.gen(function*() {
      const { load, log } = source()
      yield* AsyncDrop.scoped(Effect.flatMap(AsyncDropShared.make(load), AsyncDropShared.clone))
      const shared = yield* AsyncDropShared.make(load)
      assert.deepStrictEqual(AsyncDropShared.peek(shared), Option.none())
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropShared.drop(shared)), Exit.void)
      assert.deepStrictEqual(log, [])
    }).pipe(AsyncDrop.scoped))

  it.effect("loads once, at the first await, for all who await it", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { load, log } = source({ load: go.await })
      const shared = yield* AsyncDropShared.make(load)
      assert.deepStrictEqual(log, [])
      const waiters = [
        yield* beside(look(shared)),
        yield* beside(look(yield* AsyncDropShared.clone(shared)))
      ]
      assert.deepStrictEqual([log, AsyncDropShared.peek(shared)], [["load"], Option.none()])
      yield* go.open
      const values = yield* Effect.forEach(waiters, (waiter) => Fiber.join(waiter))
      assert.strictEqual(values[0], values[1])
      assert.strictEqual(yield* look(shared), values[0])
      assert.deepStrictEqual(AsyncDropShared.peek(shared), Option.some({ port: 80 }))
      assert.deepStrictEqual(log, ["load"])
    }).pipe(AsyncDrop.scoped))

  it.effect("loads in a fibre of its own, with the services of who made it", () =>
    Effect.gen(function*() {
      const load = Effect.all([Effect.fiberId, Who])
      const shared = yield* Effect.provideService(AsyncDropShared.make(load), Who, "maker")
      const [fibre, who] = yield* Effect.provideService(look(shared), Who, "waiter")
      assert.strictEqual(who, "maker")
      assert.notStrictEqual(fibre, yield* Effect.fiberId)
    }).pipe(AsyncDrop.scoped))

  it.effect("lives until the last handle and the last awaited value are gone", () =>
    Effect.gen(function*() {
      for (const last of ["handle", "value"] as const) {
        const { load, log } = source()
        const [handles, values] = [yield* Scope.make(), yield* Scope.make()]
        const shared = yield* Scope.provide(AsyncDropShared.make(load), handles)
        const clone = yield* Scope.provide(AsyncDropShared.clone(shared), handles)
        assert.strictEqual(AsyncDropShared.strongCount(shared), 2)
        yield* Scope.provide(AsyncDropShared.await(shared), values)
        yield* AsyncDropShared.drop(shared)
        assert.strictEqual(AsyncDropShared.strongCount(clone), 1)
        yield* Scope.close(last === "handle" ? values : handles, Exit.void)
        assert.deepStrictEqual(log, ["load"])
        assert.deepStrictEqual(AsyncDropShared.peek(clone), Option.some({ port: 80 }))
        yield* Scope.close(last === "handle" ? handles : values, Exit.void)
        assert.deepStrictEqual(log, ["load", "drop"])
        assert.deepStrictEqual(AsyncDropShared.peek(clone), Option.none())
      }
    }))

  it.effect("given up while it loads is loaded still for who waits", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { load, log } = source({ load: go.await })
      const shared = yield* AsyncDropShared.make(load)
      const waiter = yield* beside(look(shared))
      yield* AsyncDropShared.drop(shared)
      assert.deepStrictEqual(log, ["load"])
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.join(waiter), { port: 80 })
      assert.deepStrictEqual(log, ["load", "drop"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is not stopped by a waiter that is interrupted while another waits", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { load, log } = source({ load: go.await })
      const shared = yield* AsyncDropShared.make(load)
      const [first, second] = [yield* beside(look(shared)), yield* beside(look(shared))]
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(log, ["load"])
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.join(second), { port: 80 })
      assert.deepStrictEqual(log, ["load"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is stopped by the last waiter, who returns when its fibre has stopped and its parts are gone", () =>
    Effect.gen(function*() {
      const [stop, drop] = [yield* Latch.make(), yield* Latch.make()]
      const note = (line: string) => Effect.sync(() => void log.push(line))
      const { load, log } = source({
        load: Effect.onInterrupt(Effect.never, () => Effect.andThen(stop.await, note("stopped"))),
        drop: drop.await
      })
      const shared = yield* AsyncDropShared.make(load)
      const waiter = yield* beside(look(shared))
      const leaving = yield* beside(Effect.andThen(Fiber.interrupt(waiter), note("left")))
      yield* stop.open
      yield* settled
      assert.deepStrictEqual(log, ["load", "stopped"])
      yield* drop.open
      yield* Fiber.join(leaving)
      assert.deepStrictEqual(log, ["load", "stopped", "drop", "left"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is loaded afresh by who comes while a load that was given up is taken back", () =>
    Effect.gen(function*() {
      const [go, drop] = [yield* Latch.make(), yield* Latch.make()]
      const { load, log } = source({ load: go.await, drop: drop.await })
      const shared = yield* AsyncDropShared.make(load)
      const first = yield* beside(look(shared))
      first.interruptUnsafe()
      const second = yield* beside(look(shared))
      yield* go.open
      yield* settled
      assert.deepStrictEqual(log, ["load"])
      yield* drop.open
      assert.deepStrictEqual(yield* Fiber.join(second), { port: 80 })
      assert.deepStrictEqual(log, ["load", "drop", "load"])
    }).pipe(AsyncDrop.scoped))

  it.effect("dropped while a load that was given up is taken back returns after that", () =>
    Effect.gen(function*() {
      const drop = yield* Latch.make()
      const { load, log } = source({ load: Effect.never, drop: drop.await })
      const shared = yield* AsyncDropShared.make(load)
      const waiter = yield* beside(look(shared))
      waiter.interruptUnsafe()
      const dropping = yield* beside(AsyncDropShared.drop(shared))
      yield* settled
      assert.isUndefined(dropping.pollUnsafe())
      yield* drop.open
      yield* Fiber.join(dropping)
      assert.deepStrictEqual(log, ["load", "drop"])
    }).pipe(AsyncDrop.scoped))

  for (const [kind, failure] of [["a failure", Cause.fail("no")], ["a defect", Cause.die("no")]] as const) {
    it.effect(`gives ${kind} to everyone who waits, its parts released first, and forgets it`, () =>
      Effect.gen(function*() {
        const go = yield* Latch.make()
        let fails = true
        const { load, log } = source({
          load: Effect.andThen(go.await, Effect.suspend(() => fails ? Effect.failCause(failure) : Effect.void))
        })
        const shared = yield* AsyncDropShared.make(load)
        const hear = Effect.tap(Effect.exit(look(shared)), () => Effect.sync(() => log.push("heard")))
        const waiters = [yield* beside(hear), yield* beside(hear)]
        yield* go.open
        for (const waiter of waiters) assert.deepStrictEqual(yield* Fiber.join(waiter), Exit.failCause(failure))
        assert.deepStrictEqual(log, ["load", "drop", "heard", "heard"])
        fails = false
        assert.deepStrictEqual(yield* look(shared), { port: 80 })
      }).pipe(AsyncDrop.scoped))
  }

  it.effect("leaves the error of its release to who gave it up last", () =>
    Effect.gen(function*() {
      const { load } = source({ drop: Effect.fail("bye") })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const first = yield* AsyncDropShared.make(load)
        yield* AsyncDrop.scoped(AsyncDropShared.await(first))
        const byHand = failureOf(yield* Effect.exit(AsyncDropShared.drop(first)))
        assert.deepStrictEqual(causes(byHand.errors), [["r", Cause.fail("bye")]])

        const second = yield* AsyncDropShared.make(load)
        const holder = yield* AsyncDrop.scopedExit(
          Effect.andThen(AsyncDropShared.await(second), AsyncDropShared.drop(second))
        )
        assert.deepStrictEqual(causes(holder.dropErrors), [["r", Cause.fail("bye")]])

        yield* AsyncDrop.scoped(AsyncDropShared.await(yield* AsyncDropShared.make(load)))
      }))
      assert.deepStrictEqual(causes(dropErrors), [["r", Cause.fail("bye")]])
    }))

  it.effect("leaves the errors of what a failed load acquired to the maker's DropScope", () =>
    Effect.gen(function*() {
      const { load } = source({ load: Effect.fail("no"), drop: Effect.fail("bye") })
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const shared = yield* AsyncDropShared.make(load)
        const waiter = yield* AsyncDrop.scopedExit(AsyncDropShared.await(shared))
        assert.deepStrictEqual(waiter, { exit: Exit.fail("no"), dropErrors: [] })
      }))
      assert.deepStrictEqual(causes(dropErrors), [["r", Cause.fail("bye")]])
    }))

  it.effect("refuses a handle that was dropped", () =>
    Effect.gen(function*() {
      const { load, log } = source()
      const shared = yield* AsyncDropShared.make(load)
      const clone = yield* AsyncDropShared.clone(shared)
      yield* AsyncDropShared.drop(shared)
      yield* AsyncDropShared.drop(shared)
      assert.strictEqual(AsyncDropShared.strongCount(clone), 1)
      for (const use of [Effect.asVoid(look(shared)), Effect.asVoid(AsyncDropShared.clone(shared))]) {
        diesOfUsage(yield* Effect.exit(use), "a handle that was dropped")
      }
      assert.deepStrictEqual(log, [])
    }).pipe(AsyncDrop.scoped))

  it.effect("in a closed scope makes, clones and loads nothing, and interrupts", () =>
    Effect.gen(function*() {
      const { load, log } = source()
      const shared = yield* AsyncDropShared.make(load)
      const closed = yield* closedScope
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropShared.make(load), closed)))
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropShared.clone(shared), closed)))
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropShared.await(shared), closed)))
      assert.deepStrictEqual([log, AsyncDropShared.strongCount(shared)], [[], 1])
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where it is awaited inside its own load or release", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const again: Effect.Effect<void> = Effect.suspend(() =>
        Effect.map(Effect.exit(look(shared)), (exit) => void exits.push(exit))
      )
      const load = Effect.andThen(AsyncDrop.acquireRelease(Effect.void, () => again), again)
      const shared: AsyncDropShared.AsyncDropShared<void, never> = yield* AsyncDropShared.make(load)
      const clone = yield* AsyncDropShared.clone(shared)
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        yield* AsyncDropShared.await(shared)
        yield* AsyncDropShared.drop(clone)
      }))
      assert.lengthOf(exits, 1)
      const waiter = yield* beside(Effect.scoped(AsyncDropShared.await(shared)))
      yield* AsyncDropShared.drop(shared)
      yield* Fiber.await(waiter)
      assert.lengthOf(exits, 2)
      diesOfCycle(exits[0]!) // two, as just seen
      diesOfUsage(exits[1]!, "a handle that was dropped")
    }).pipe(AsyncDrop.scoped))

  it.effect("is a DropCycle where the release of what a failed load acquired awaits it", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const again: Effect.Effect<void> = Effect.suspend(() =>
        Effect.map(Effect.exit(look(shared)), (exit) => void exits.push(exit))
      )
      const load = Effect.andThen(AsyncDrop.acquireRelease(Effect.void, () => again), Effect.die("no"))
      const shared: AsyncDropShared.AsyncDropShared<void, never> = yield* AsyncDropShared.make(load)
      assert.deepStrictEqual(yield* Effect.exit(look(shared)), Exit.die("no"))
      assert.lengthOf(exits, 1)
      diesOfCycle(exits[0]!) // as just seen
    }).pipe(AsyncDrop.scoped))

  /** A handle in a stack, which a load or a release may close. */
  const owned = (
    steps: (
      close: Effect.Effect<unknown>
    ) => { readonly load?: Effect.Effect<unknown>; readonly drop?: Effect.Effect<unknown> }
  ) =>
    Effect.gen(function*() {
      const stack = yield* DropStack.make()
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const close = Effect.map(Effect.exit(DropStack.close(stack)), (exit) => exits.push(exit))
      const { load, log } = source<never, never>(steps(close))
      const shared = yield* DropStack.use(stack, AsyncDropShared.make(load))
      return { close, exits, log, shared }
    })

  const tellsOfCycle = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) =>
    assert.lengthOf(exits.filter((exit) => String(exit).includes("DropCycle")), 1)

  it.effect("whose owner is closed inside its load goes on for who waits", () =>
    Effect.gen(function*() {
      const { exits, log, shared } = yield* owned((load) => ({ load }))
      assert.deepStrictEqual(yield* look(shared), { port: 80 })
      assert.deepStrictEqual(log, ["load", "drop"])
      assert.deepStrictEqual(exits, [Exit.void])
    }))

  it.effect("is a DropCycle where its owner is closed inside its release", () =>
    Effect.gen(function*() {
      const { exits, log, shared } = yield* owned((drop) => ({ drop }))
      yield* look(shared)
      assert.deepStrictEqual(log, ["load"])
      yield* AsyncDropShared.drop(shared)
      assert.deepStrictEqual(log, ["load", "drop"])
      assert.lengthOf(exits, 1)
      tellsOfCycle(exits)
    }))

  it.effect("is a DropCycle where its release joins the close that waits for it", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { close, exits, log, shared } = yield* owned((close) => ({ drop: Effect.andThen(go.await, close) }))
      const other = yield* AsyncDropShared.clone(shared)
      const held = yield* beside(look(other))
      yield* AsyncDropShared.drop(other)
      yield* Fiber.join(held)
      const closer = yield* beside(close)
      yield* go.open
      yield* Fiber.join(closer)
      assert.deepStrictEqual(log, ["load", "drop"])
      assert.lengthOf(exits, 2)
      tellsOfCycle(exits)
    }))

  it.effect("prints as its name and state, and is told from other values", () =>
    Effect.gen(function*() {
      const shared = yield* AsyncDropShared.make(Effect.succeed(1))
      assert.match(String(shared), /^AsyncDropShared\(AsyncDropShared#\d+, live, Absent\)$/)
      yield* look(shared)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(shared)), {
        _id: "AsyncDropShared",
        name: shared.name,
        state: "live",
        value: "Idle"
      })
      assert.isTrue(AsyncDropShared.isAsyncDropShared(shared))
      assert.isFalse(AsyncDropShared.isAsyncDropShared({}))
    }).pipe(AsyncDrop.scoped))

  it.live("is dropped by await using", () =>
    Effect.promise(async () => {
      const { load, log } = source()
      const scope = Effect.runSync(Scope.make())
      {
        await using shared = Effect.runSync(Scope.provide(AsyncDropShared.make(load), scope))
        await Effect.runPromise(look(shared))
        assert.deepStrictEqual(log, ["load"])
      }
      assert.deepStrictEqual(log, ["load", "drop"])
      await Effect.runPromise(Scope.close(scope, Exit.void))
      assert.deepStrictEqual(log, ["load", "drop"])
    }))

  it.live("interrupted at any step loses nothing and releases everything once", () =>
    everyStep(
      () => {
        const { load, log } = source({ load: Effect.yieldNow, drop: Effect.yieldNow })
        const program = AsyncDrop.scoped(Effect.gen(function*() {
          const shared = yield* AsyncDropShared.make(load)
          const clone = yield* AsyncDropShared.clone(shared)
          const other = yield* beside(look(clone))
          yield* look(shared)
          yield* AsyncDropShared.drop(shared)
          yield* Fiber.await(other)
          yield* AsyncDropShared.drop(clone)
        }))
        return {
          program,
          check: () => {
            const loads = log.filter((line) => line === "load").length
            assert.strictEqual(log.length, 2 * loads)
            assert.deepStrictEqual(log, Array.from({ length: 2 * loads }, (_, i) => i % 2 === 0 ? "load" : "drop"))
          }
        }
      },
      undefined,
      [3, 5, 16, 64]
    ), 30_000)
})
