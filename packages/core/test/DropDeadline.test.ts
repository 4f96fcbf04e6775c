import { AsyncDrop, DropContext, DropDeadline, type DropError, DropReporter } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Deferred, type Duration, Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"

/** A resource whose release hangs, and says so when it is forced. */
const stuck = (log: Array<string>, name: string) =>
  AsyncDrop.acquireRelease(
    Effect.void,
    () => Effect.sync(() => log.push(`${name} closes`)).pipe(Effect.andThen(Effect.never)),
    {
      name,
      force: () => Effect.sync(() => void log.push(`${name} forced`))
    }
  )

describe("DropDeadline", () => {
  it.effect("forces what is left after nine tenths in the scopes inside, plain ones too", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const errors: Array<DropError.DropError<unknown>> = []
      const deadline = yield* DropDeadline.make
      const program = Effect.scoped(
        Effect.andThen(stuck(log, "plain"), AsyncDrop.scoped(Effect.andThen(stuck(log, "inner"), Effect.never)))
      )
      const fiber = yield* Effect.forkChild(DropDeadline.provide(program, deadline), { startImmediately: true })
      yield* DropDeadline.begin(deadline, 1000).pipe(
        Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => void errors.push(error)))
      )
      const ending = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust(899)
      assert.deepStrictEqual(log, ["inner closes"])
      yield* TestClock.adjust(1)
      yield* Fiber.join(ending)
      assert.deepStrictEqual(log, ["inner closes", "inner forced", "plain forced"])
      assert.deepStrictEqual(errors.map(({ phase, resource }) => [resource, phase]), [["inner", "force"], [
        "plain",
        "force"
      ]])
      yield* DropDeadline.end(deadline)
    }))

  it.effect("gives up on what cannot be forced at its end, and leaves alone what began to close before it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const deadline = yield* DropDeadline.make
      const hang = yield* Deferred.make<void>()
      const hanging = AsyncDrop.scoped(
        AsyncDrop.acquireRelease(Effect.void, () => Deferred.await(hang), { name: "stuck" })
      )
      const run = () =>
        Effect.forkChild(Effect.exit(DropDeadline.provide(hanging, deadline)), { startImmediately: true })
      const before = yield* run()
      yield* DropDeadline.begin(deadline, 1000).pipe(
        Effect.provideService(DropReporter.DropReporter, ({ phase }) => Effect.sync(() => void log.push(phase)))
      )
      const after = yield* run()
      yield* TestClock.adjust(1000)
      assert.strictEqual((yield* Fiber.join(after))._tag, "Success")
      assert.deepStrictEqual(log, ["abandoned"])
      assert.isUndefined(before.pollUnsafe())
      yield* Deferred.succeed(hang, undefined)
      assert.strictEqual((yield* Fiber.join(before))._tag, "Success")
      yield* DropDeadline.end(deadline)
    }))

  it.effect("that has begun is not begun again: its time and its reporter stay", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const deadline = yield* DropDeadline.make
      const begin = (millis: number, name: string) =>
        DropDeadline.begin(deadline, millis).pipe(
          Effect.provideService(
            DropReporter.DropReporter,
            ({ phase }) => Effect.sync(() => void log.push(`${name}: ${phase}`))
          )
        )
      yield* begin(1000, "first")
      yield* begin(10, "second")
      const hanging = AsyncDrop.scoped(stuck(log, "it"))
      const fiber = yield* Effect.forkChild(DropDeadline.provide(hanging, deadline), { startImmediately: true })
      yield* begin(10, "third")
      yield* TestClock.adjust(899)
      assert.deepStrictEqual(log, ["it closes"])
      yield* TestClock.adjust(1)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["it closes", "it forced", "first: force"])
      yield* DropDeadline.end(deadline)
    }))

  it.effect("of a time that is none dies in one sentence", () =>
    Effect.gen(function*() {
      const deadline = yield* DropDeadline.make
      const error = yield* Effect.flip(Effect.sandbox(DropDeadline.begin(deadline, Number.NaN)))
      assert.include(String(Cause.squash(error)), "DropDeadline.begin")
    }))

  it.effect("changes nothing before it has begun, and nothing after its end", () =>
    Effect.gen(function*() {
      const deadline = yield* DropDeadline.make
      const left: Array<Option.Option<unknown>> = []
      const look = AsyncDrop.scoped(
        AsyncDrop.acquireRelease(Effect.void, () =>
          Effect.map(DropContext.DropContext, ({ timeLeft }) => void left.push(timeLeft)))
      ).pipe(DropDeadline.provide(deadline))
      yield* look
      yield* DropDeadline.begin(deadline, 1000)
      yield* look
      yield* DropDeadline.end(deadline)
      yield* look
      assert.deepStrictEqual(left.map(Option.isSome), [false, true, false])
    }))

  it.effect("leaves no timer behind between one close and the next", () =>
    Effect.gen(function*() {
      const clock = yield* Effect.clockWith(Effect.succeed)
      let sleepers = 0
      const counting: Clock.Clock = Object.create(clock, {
        sleep: {
          value: (duration: Duration.Duration) =>
            Effect.acquireUseRelease(
              Effect.sync(() => void sleepers++),
              () => clock.sleep(duration),
              () => Effect.sync(() => void sleepers--)
            )
        }
      })
      const deadline = yield* DropDeadline.make
      const timed = Effect.provideService(Clock.Clock, counting)
      yield* timed(DropDeadline.begin(deadline, 1000))
      for (const latch of [yield* Deferred.make<void>(), yield* Deferred.make<void>()]) {
        const closing = AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.void, () => Deferred.await(latch)))
        const fiber = yield* Effect.forkChild(DropDeadline.provide(closing, deadline), { startImmediately: true })
        assert.strictEqual(sleepers, 1)
        yield* Deferred.succeed(latch, undefined)
        yield* Fiber.join(fiber)
        assert.strictEqual(sleepers, 0)
      }
      yield* DropDeadline.end(deadline)
    }))

  it.effect("still gives up at its end on what closes after it has forced something", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const phases: Array<string> = []
      const deadline = yield* DropDeadline.make
      const close = (name: string) =>
        Effect.forkChild(Effect.exit(DropDeadline.provide(AsyncDrop.scoped(stuck(log, name)), deadline)), {
          startImmediately: true
        })
      yield* DropDeadline.begin(deadline, 1000).pipe(
        Effect.provideService(DropReporter.DropReporter, ({ phase }) => Effect.sync(() => void phases.push(phase)))
      )
      const first = yield* close("first")
      yield* TestClock.adjust(900)
      yield* Fiber.join(first)
      const hanging = AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.never, { name: "second" }))
      const second = yield* Effect.forkChild(Effect.exit(DropDeadline.provide(hanging, deadline)), {
        startImmediately: true
      })
      yield* TestClock.adjust(99)
      assert.isUndefined(second.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(second)
      assert.deepStrictEqual(phases, ["force", "abandoned"])
      yield* DropDeadline.end(deadline)
    }))
})
