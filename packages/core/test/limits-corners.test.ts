import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  ConcurrentStore,
  DropContext,
  type DropError,
  DropFailure,
  DropObserver,
  DropReporter,
  DropStack
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, type Duration, Effect, Exit, Fiber, Option, Scope } from "effect"
import { TestClock } from "effect/testing"

/** What it came to by the time that has passed then; a close that goes on longer is a failure. */
const within = <A, E, R>(duration: Duration.Input, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkDetach(effect)
    yield* TestClock.adjust(duration)
    const exit = fiber.pollUnsafe()
    assert.isDefined(exit, "it goes on after its limit")
    return exit
  })

const errorsIn = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<DropError.DropError<unknown>> =>
  Exit.isSuccess(exit)
    ? []
    : Option.match(DropFailure.fromCause(exit.cause), { onNone: () => [], onSome: ({ errors }) => errors })

const told = (errors: ReadonlyArray<DropError.DropError<unknown>>): ReadonlyArray<string> =>
  errors.map(({ late, phase, resource }) => `${resource} ${phase}${late === true ? " late" : ""}`)

/** Keeps what the reporter is given. */
const reporting = () => {
  const errors: Array<DropError.DropError<unknown>> = []
  const provide = Effect.provideService(
    DropReporter.DropReporter,
    (error: DropError.DropError<unknown>) => Effect.sync(() => void errors.push(error))
  )
  return { errors, provide }
}

const never = Effect.uninterruptible(Effect.never)

describe("a release with a limit", () => {
  it.effect("is told of the cycle when it closes its own owner in its first step", () =>
    Effect.gen(function*() {
      let heard: Exit.Exit<unknown, unknown> | undefined
      const exit = yield* within(
        "10 seconds",
        AsyncDrop.scoped(Effect.gen(function*() {
          const stack = yield* DropStack.make({ name: "stack" })
          yield* DropStack.use(
            stack,
            AsyncDrop.acquireRelease(
              Effect.void,
              () => Effect.map(Effect.exit(DropStack.close(stack)), (exit) => void (heard = exit)),
              { name: "a", timeout: "5 seconds" }
            )
          )
        }))
      )
      assert.include(String(heard), "DropCycle")
      assert.deepStrictEqual(told(errorsIn(exit)), [])
    }))

  it.effect("leaves no timer of its force where its own had fired at once", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const program = AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.never, {
        name: "a",
        timeout: 0,
        force: () => Effect.yieldNow
      })).pipe(
        Effect.provideService(DropObserver.DropObserver, ({ _tag }: DropObserver.Event) => void events.push(_tag))
      )
      const exit = yield* within("1 milli", program)
      assert.deepStrictEqual(told(errorsIn(exit)), ["a force"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(events, ["Acquired", "Dropping", "Forcing", "Dropped"])
    }))

  it.effect("leaves no timer when it has ended in time", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let sleeping = 0
      const counting: Clock.Clock = Object.create(clock, {
        sleep: {
          value: (duration: Duration.Duration) =>
            Effect.suspend(() => {
              sleeping++
              return Effect.ensuring(clock.sleep(duration), Effect.sync(() => void sleeping--))
            })
        }
      })
      let during = 0
      yield* AsyncDrop.scoped(AsyncDrop.acquireRelease(
        Effect.void,
        () => Effect.andThen(Effect.yieldNow, Effect.sync(() => void (during = sleeping))),
        { timeout: "1 minute" }
      )).pipe(Effect.provideService(Clock.Clock, counting))
      assert.deepStrictEqual([during, sleeping], [1, 0])
    }))

  it.effect("is not forced when it fails as it is interrupted", () =>
    Effect.gen(function*() {
      let forced = 0
      const exit = yield* within(
        "1 second",
        AsyncDrop.scoped(AsyncDrop.acquireRelease(
          Effect.void,
          () => Effect.onInterrupt(Effect.never, () => Effect.die("lost")),
          { name: "a", timeout: "1 second", force: () => Effect.sync(() => void forced++) }
        ))
      )
      assert.deepStrictEqual([told(errorsIn(exit)), forced], [["a graceful"], 0])
    }))

  it.effect("drops another guard of the same scope in its force, and the scope has one error of each", () =>
    Effect.gen(function*() {
      const reporter = reporting()
      const program = AsyncDrop.scoped(
        Effect.gen(function*() {
          const a = yield* AsyncDropGuard.make(Effect.void, () => Effect.never, { name: "a" })
          yield* AsyncDrop.acquireRelease(Effect.void, () => never, {
            name: "b",
            force: () => AsyncDropGuard.drop(a)
          })
        }),
        { budget: "1 second" }
      )
      const exit = yield* within("1 second", reporter.provide(program))
      assert.deepStrictEqual(told(errorsIn(exit)), ["a abandoned", "b abandoned"])
      yield* TestClock.adjust("1 minute")
      // The force has heard what became of the other, and failed with it.
      assert.deepStrictEqual(told(reporter.errors), ["b force"])
      assert.include(String(reporter.errors[0]?.cause), "a did not end within its scope's budget")
    }))
})

describe("a budget", () => {
  it.effect("of no time gives up on what does not end at once", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const program = AsyncDrop.scoped(
        Effect.gen(function*() {
          yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.sync(() => void order.push("a")), { name: "a" })
          yield* AsyncDrop.acquireRelease(Effect.void, () => never, { name: "b" })
          yield* AsyncDrop.acquireRelease(Effect.void, () => never, {
            name: "c",
            force: () => Effect.sync(() => void order.push("c"))
          })
        }),
        { budget: 0 }
      )
      const exit = yield* within(0, program)
      assert.deepStrictEqual([told(errorsIn(exit)), order], [["c force", "b abandoned"], ["c", "a"]])
    }))

  it.effect("ends though a plain finalizer begins something new for ever", () =>
    Effect.gen(function*() {
      const brief = AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.yieldNow, { name: "brief" }))
      const program = AsyncDrop.scoped(
        Effect.addFinalizer(() => Effect.forever(Effect.exit(brief))),
        { budget: "1 second", maxErrors: 1 }
      ).pipe(Effect.provideService(DropReporter.DropReporter, () => Effect.void))
      yield* within("1 second", program)
    }), 5_000)

  it.effect("ends for a store whose value is held elsewhere, and names its key", () =>
    Effect.gen(function*() {
      const elsewhere = yield* Scope.make()
      let released = 0
      const program = AsyncDrop.scoped(
        Effect.gen(function*() {
          const store = yield* ConcurrentStore.make({
            name: "store",
            lookup: (key: string) =>
              AsyncDrop.acquireRelease(Effect.succeed(key), () => Effect.sync(() => void released++))
          })
          yield* Scope.provide(ConcurrentStore.get(store, "k"), elsewhere)
        }),
        { budget: "1 second" }
      )
      const exit = yield* within("1 second", program)
      assert.deepStrictEqual(told(errorsIn(exit)), ["store(k) abandoned"])
      assert.strictEqual(released, 0)
      yield* Scope.close(elsewhere, Exit.void)
      assert.strictEqual(released, 1)
    }))

  it.effect("of a time beyond all bounds is a budget", () =>
    Effect.gen(function*() {
      let released = 0
      const exit = yield* within(
        "1 second",
        AsyncDrop.scoped(
          AsyncDrop.acquireRelease(Effect.void, () => Effect.delay(Effect.sync(() => void released++), 1), {
            timeout: Number.MAX_VALUE
          }),
          { budget: Number.MAX_VALUE }
        )
      )
      assert.deepStrictEqual([exit, released], [Exit.void, 1])
    }))
})

describe("several at once", () => {
  it.effect("are told what was given up on of what depends on them, though they have no limit", () =>
    Effect.gen(function*() {
      const seen: Array<ReadonlyArray<string>> = []
      const noting = () => Effect.map(DropContext.DropContext, ({ abandoned }) => void seen.push(abandoned))
      const program = AsyncDrop.scoped(
        Effect.gen(function*() {
          const pool = yield* AsyncDropGuard.make(Effect.void, noting, { name: "pool" })
          yield* AsyncDropGuard.make(Effect.void, () => Effect.delay(noting(), "5 seconds"), { name: "other" })
          yield* AsyncDrop.acquireRelease(Effect.void, () => never, {
            name: "connection",
            timeout: "1 second",
            dependsOn: [pool]
          })
        }),
        { concurrency: "unbounded" }
      )
      yield* within("5 seconds", program)
      assert.deepStrictEqual(seen, [["connection"], []])
    }))

  it.effect("are in order where the concurrency is less than two", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const finalizer = (name: string) =>
        Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, Effect.sync(() => void order.push(name))))
      yield* AsyncDrop.scoped(
        Effect.andThen(
          Effect.addFinalizer(() => Effect.sync(() => void order.push("a"))),
          Effect.andThen(finalizer("b"), finalizer("c"))
        ),
        { concurrency: 1.5 }
      )
      assert.deepStrictEqual(order, ["c", "b", "a"])
    }))

  it.effect("may be a great many handles of one resource that waits", () =>
    Effect.gen(function*() {
      let released = 0
      yield* AsyncDrop.scoped(
        Effect.gen(function*() {
          const guard = yield* AsyncDropGuard.make(Effect.void, () => Effect.sync(() => void released++))
          const arc = yield* AsyncDropArc.make(guard)
          yield* Effect.forEach(Array.from({ length: 200_000 }), () => AsyncDropArc.clone(arc), { discard: true })
          yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.yieldNow, { dependsOn: [guard] })
        }),
        { concurrency: 2 }
      )
      assert.strictEqual(released, 1)
    }))
})

describe("closes deep inside each other", () => {
  it.effect("end within the budget of the outermost", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const nested = (depth: number): Effect.Effect<unknown, unknown> =>
        depth === 0
          ? Effect.andThen(Deferred.succeed(begun, undefined), never)
          : AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.void, () => nested(depth - 1)))
      const fiber = yield* Effect.forkDetach(
        AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.void, () => nested(1_000), { name: "outermost" }), {
          budget: "1 second"
        })
      )
      yield* Deferred.await(begun)
      yield* TestClock.adjust("1 second")
      assert.include(told(errorsIn(yield* Fiber.await(fiber))), "outermost abandoned")
      assert.strictEqual(yield* Clock.currentTimeMillis, 1000)
    }), 20_000)

  it.effect("name it once to those around, however many there are", () =>
    Effect.gen(function*() {
      const seen: Array<ReadonlyArray<string>> = []
      const begun = yield* Deferred.make<void>()
      const noting = () => Effect.map(DropContext.DropContext, ({ abandoned }) => void seen.push(abandoned))
      const hanging = AsyncDrop.acquireRelease(
        Effect.void,
        () => Effect.andThen(Deferred.succeed(begun, undefined), never),
        { name: "deepest", timeout: 10 }
      )
      const fiber = yield* Effect.forkDetach(AsyncDrop.scoped(
        Effect.gen(function*() {
          yield* AsyncDrop.acquireRelease(Effect.void, noting)
          let stack = yield* DropStack.make()
          for (let i = 1; i < 5_000; i++) stack = yield* DropStack.use(stack, DropStack.make())
          yield* DropStack.use(stack, hanging)
        }),
        { budget: "1 minute" }
      ))
      yield* Deferred.await(begun)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(told(errorsIn(yield* Fiber.await(fiber))), ["deepest abandoned"])
      assert.deepStrictEqual(seen, [["deepest"]])
    }), 20_000)

  it.effect("name what each of many has given up on, in that order", () =>
    Effect.gen(function*() {
      const seen: Array<ReadonlyArray<string>> = []
      const noting = () => Effect.map(DropContext.DropContext, ({ abandoned }) => void seen.push(abandoned))
      const hanging = (name: string) => AsyncDrop.acquireRelease(Effect.void, () => never, { name, timeout: 0 })
      const levels = 2_000
      yield* Effect.exit(AsyncDrop.scoped(
        Effect.gen(function*() {
          yield* AsyncDrop.acquireRelease(Effect.void, noting)
          let stack = yield* DropStack.make()
          for (let i = 1; i <= levels; i++) {
            if (i === levels - 1) {
              yield* DropStack.use(stack, AsyncDrop.acquireRelease(Effect.void, noting))
            }
            yield* DropStack.use(stack, hanging(`${i}`))
            stack = yield* DropStack.use(stack, DropStack.make())
          }
        }),
        { budget: "1 minute" }
      ))
      const down = Array.from({ length: levels }, (_, i) => `${levels - i}`)
      assert.deepStrictEqual(seen, [[`${levels}`, `${levels - 1}`], down])
    }), 20_000)
})

describe("a budget that a blocking release has used up", () => {
  it.live("still begins what comes after it", () =>
    Effect.gen(function*() {
      const released: Array<string> = []
      const program = Effect.gen(function*() {
        yield* AsyncDrop.acquireRelease(
          Effect.void,
          () => Effect.andThen(Effect.sync(() => void released.push("begun")), Effect.never),
          { name: "a" }
        )
        yield* AsyncDrop.acquireRelease(Effect.void, () => {
          const end = performance.now() + 30
          while (performance.now() < end) { /* the event loop is blocked */ }
          return Effect.void
        }, { name: "b" })
      })
      const { dropErrors } = yield* AsyncDrop.scopedExit(program, { budget: "10 millis" })
      assert.deepStrictEqual(dropErrors.map(({ phase, resource }) => `${resource} ${phase}`), ["a abandoned"])
      assert.deepStrictEqual(released, ["begun"])
    }))
})
