import { AsyncDrop, DropObserver, DropReport, DropUsageError } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Duration, Effect, Exit, Fiber, Latch, Logger } from "effect"
import { TestClock } from "effect/testing"

/** What an owner raises, raised by hand. */
const raise = (event: DropObserver.Event) => Effect.map(DropObserver.DropObserver, (observer) => observer?.(event))
const closing = (close: number, parent?: number) =>
  raise({
    _tag: "Closing",
    close,
    resource: `scope ${close}`,
    concurrency: 1,
    ...(parent === undefined ? {} : { parent })
  })
const closed = (close: number) => raise({ _tag: "Closed", close, resource: `scope ${close}` })
const aClose = (close: number) => Effect.andThen(closing(close), closed(close))
const names = (reports: ReadonlyArray<DropReport.DropReport>) => reports.map((report) => report.scopes[0].name)

class Note extends Context.Service<Note, string>()("test/Note") {}

const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel}: ${String(message).slice(0, 90)}`))
  return { lines, layer: Logger.layer([logger]) }
}

describe("AsyncDrop.withReport", () => {
  it("gives the report of each close that is a part of no other, and is synchronous where all is", () => {
    const reports: Array<DropReport.DropReport> = []
    const program = Effect.gen(function*() {
      yield* aClose(1)
      yield* closing(2)
      yield* closing(3, 2)
      yield* closed(3)
      yield* closed(2)
      return "value"
    }).pipe(AsyncDrop.withReport((report) => Effect.sync(() => void reports.push(report))))
    assert.strictEqual(Effect.runSync(program), "value")
    assert.deepStrictEqual(names(reports), ["scope 1", "scope 2"])
    assert.deepStrictEqual(reports.map(({ scopes }) => scopes.length), [1, 2])
  })

  it.effect("takes its times from the monotonic clock of the context", () =>
    Effect.gen(function*() {
      const reports: Array<DropReport.DropReport> = []
      const program = Effect.gen(function*() {
        yield* closing(1)
        yield* TestClock.adjust(1_500)
        yield* closed(1)
      })
      yield* AsyncDrop.withReport(program, (report) => Effect.sync(() => void reports.push(report)))
      assert.strictEqual(reports[0]?.scopes[0].duration, 1_500)
    }))

  it.effect("starts f when the close has ended, and returns when f has", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const begun = yield* Deferred.make<void>()
      const gate = yield* Latch.make()
      const f = () =>
        Effect.gen(function*() {
          yield* Deferred.succeed(begun, undefined)
          yield* gate.await
          log.push("delivered")
        })
      const body = Effect.gen(function*() {
        yield* aClose(1)
        yield* Deferred.await(begun)
        log.push("body goes on")
      })
      const fiber = yield* Effect.forkChild(
        Effect.andThen(AsyncDrop.withReport(body, f), Effect.sync(() => log.push("returned"))),
        { startImmediately: true }
      )
      yield* gate.open
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["body goes on", "delivered", "returned"])
    }))

  it.effect("gives the effect's exit as it is: a value, a failure, a defect", () =>
    Effect.gen(function*() {
      const annotated = Cause.annotate(Cause.fail("no"), Context.make(Note, "kept"))
      for (
        const exit of [Exit.succeed(1), Exit.fail("no"), Exit.die("d"), Exit.interrupt(5), Exit.failCause(annotated)]
      ) {
        const program = AsyncDrop.withReport(Effect.andThen(aClose(1), exit), () => Effect.die("harmless"))
        assert.deepStrictEqual(yield* Effect.exit(program).pipe(Effect.provide(logged().layer)), exit)
      }
    }))

  it.effect("delivers when it is interrupted, and ends interrupted after that", () =>
    Effect.gen(function*() {
      const delivered: Array<string> = []
      const f = (report: DropReport.DropReport) =>
        Effect.sync(() => void delivered.push(report.scopes[0].name)).pipe(Effect.delay(100))
      const body = Effect.onInterrupt(Effect.never, () => aClose(1))
      const fiber = yield* Effect.forkChild(AsyncDrop.withReport(body, f), { startImmediately: true })
      fiber.interruptUnsafe()
      yield* TestClock.adjust(99)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.deepStrictEqual(delivered, ["scope 1"])
    }))

  it.effect("waits for f no longer than its timeout, interrupted or not, and says so", () =>
    Effect.gen(function*() {
      for (const hanging of [Effect.never, Effect.uninterruptible(Effect.never)]) {
        const { layer, lines } = logged()
        const program = AsyncDrop.withReport(Effect.as(aClose(1), "value"), () => hanging, { timeout: "2 seconds" })
        const fiber = yield* Effect.forkChild(Effect.provide(program, layer), { startImmediately: true })
        fiber.interruptUnsafe()
        yield* TestClock.adjust(1_999)
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust(1)
        yield* Fiber.await(fiber)
        assert.deepStrictEqual(lines, ["Warn: AsyncDrop.withReport: one report was not delivered within 2s"])
      }
    }))

  it.effect("waits five seconds by default, not at all with zero, and for ever with Infinity", () =>
    Effect.gen(function*() {
      const gate = yield* Latch.make()
      const ends = (timeout: Duration.Input | undefined, after: number) =>
        Effect.gen(function*() {
          const program = AsyncDrop.withReport(aClose(1), () => gate.await, { timeout })
          const fiber = yield* Effect.forkChild(Effect.provide(program, logged().layer), { startImmediately: true })
          yield* TestClock.adjust(after)
          return fiber.pollUnsafe() !== undefined
        })
      assert.deepStrictEqual(
        yield* Effect.all([ends(undefined, 4_999), ends(undefined, 5_000), ends(0, 0), ends(Infinity, 1e12)]),
        [false, true, true, false]
      )
      yield* gate.open
    }))

  it.effect("logs what f dies of, also when f itself throws", () =>
    Effect.gen(function*() {
      const thrower = () => {
        throw new Error("f")
      }
      for (const f of [() => Effect.die("f"), thrower]) {
        const { layer, lines } = logged()
        yield* Effect.provide(AsyncDrop.withReport(aClose(1), f), layer)
        assert.lengthOf(lines, 1)
        assert.match(lines[0]!, /^Error: AsyncDrop.withReport: the report of scope 1 was not delivered/)
      }
    }))

  it.effect("leaves the observer of the context what it saw, and its stacks", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const stacks: Array<boolean | undefined> = []
      const outer = Object.assign((event: DropObserver.Event) => void seen.push(event._tag), { stacks: true })
      const program = Effect.andThen(
        Effect.map(DropObserver.DropObserver, (observer) => void stacks.push(observer?.stacks)),
        AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.void))
      )
      yield* AsyncDrop.withReport(program, () => Effect.void).pipe(
        Effect.provideService(DropObserver.DropObserver, outer)
      )
      assert.includeMembers(seen, ["Acquired", "Dropping", "Dropped"])
      assert.deepStrictEqual(stacks, [true])
    }))

  it.effect("inside another gives both their reports; what f itself closes is in the outer one alone", () =>
    Effect.gen(function*() {
      const inner: Array<DropReport.DropReport> = []
      const outer: Array<DropReport.DropReport> = []
      yield* aClose(1).pipe(
        AsyncDrop.withReport((report) => Effect.andThen(aClose(2), Effect.sync(() => void inner.push(report)))),
        AsyncDrop.withReport((report) => Effect.andThen(aClose(3), Effect.sync(() => void outer.push(report))))
      )
      assert.deepStrictEqual([names(inner), names(outer).sort()], [["scope 1"], ["scope 1", "scope 2"]])
    }))

  it.effect("reports a close that is still under way at the end as unfinished, and none that begins later", () =>
    Effect.gen(function*() {
      const reports: Array<DropReport.DropReport> = []
      const observer = yield* Effect.andThen(closing(1), DropObserver.DropObserver).pipe(
        AsyncDrop.withReport((report) => Effect.sync(() => void reports.push(report)))
      )
      yield* Effect.provideService(Effect.andThen(closed(1), aClose(2)), DropObserver.DropObserver, observer)
      assert.deepStrictEqual(reports.map(({ scopes: [scope] }) => [scope.name, scope.finished]), [["scope 1", false]])
    }))

  it.effect("lists no more resources than maxResources", () =>
    Effect.gen(function*() {
      const reports: Array<DropReport.DropReport> = []
      const release = (id: number) => {
        const resource = `resource ${id}`
        return Effect.andThen(
          raise({ _tag: "Dropping", id, resource, close: 1 }),
          raise({ _tag: "Dropped", id, resource, exit: Exit.void })
        )
      }
      const body = Effect.all([closing(1), release(1), release(2), closed(1)])
      yield* AsyncDrop.withReport(body, (report) => Effect.sync(() => void reports.push(report)), { maxResources: 1 })
      assert.strictEqual(reports[0]?.totals.leftOut, 1)
    }))

  it.effect("with a bad option dies before the effect runs", () =>
    Effect.gen(function*() {
      let ran = false
      for (const options of [{ maxResources: NaN }, { maxResources: -1 }, { timeout: NaN }, { timeout: -1 }]) {
        const exit = yield* Effect.exit(
          AsyncDrop.withReport(Effect.sync(() => (ran = true)), () => Effect.void, options)
        )
        assert.instanceOf(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, DropUsageError.DropUsageError)
      }
      assert.isFalse(ran)
    }))
})
