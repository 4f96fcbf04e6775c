import { AsyncDrop, AsyncDropGuard, AsyncDropResult } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Result } from "effect"

/** A guard over `name` that logs its release, and fails it where told to. */
const open = <DE = never>(
  log: Array<string>,
  name: string,
  then: Effect.Effect<unknown, DE> = Effect.void as Effect.Effect<unknown, DE> // DE is never unless `then` is given
) => AsyncDropGuard.make(Effect.succeed(name), () => Effect.andThen(Effect.sync(() => log.push(`drop ${name}`)), then))

const boom = new Error("boom")

describe("AsyncDropResult.fromExit", () => {
  it.effect("puts the guard of a success on the success side, undropped", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const guard = yield* open(log, "a")
      const result = yield* AsyncDropResult.fromExit(Exit.succeed(guard))
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(Result.getSuccess(result), Option.some(guard))
      assert.deepStrictEqual(Result.getFailure(result), Option.none())
      assert.strictEqual(yield* AsyncDropGuard.get(Result.getOrThrow(result)), "a")
      assert.deepStrictEqual(log, [])
    }).pipe(AsyncDrop.scoped))

  it.effect("puts a typed failure on the failure side", () =>
    Effect.gen(function*() {
      const result = yield* AsyncDropResult.fromExit(
        yield* Effect.exit(AsyncDropGuard.make(Effect.fail("no such file"), () => Effect.void))
      )
      assert.isTrue(Result.isFailure(result))
      assert.deepStrictEqual(Result.getSuccess(result), Option.none())
      assert.deepStrictEqual(Result.getFailure(result), Option.some("no such file"))
    }).pipe(AsyncDrop.scoped))

  it.effect("takes the first of several typed failures", () =>
    Effect.gen(function*() {
      const cause = Cause.fromReasons<string>([Cause.makeFailReason("first"), Cause.makeFailReason("second")])
      assert.deepStrictEqual(yield* AsyncDropResult.fromExit(Exit.failCause(cause)), Result.fail("first"))
    }))

  it.effect("keeps a defect a defect and an interruption an interruption", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropResult.fromExit(Exit.die(boom))), Exit.die(boom))
      assert.deepStrictEqual(
        yield* Effect.exit(AsyncDropResult.fromExit(Exit.failCause(Cause.interrupt(7)))),
        Exit.failCause(Cause.interrupt(7))
      )
    }))

  it.effect("keeps the interruption of a fibre that was opening", () =>
    Effect.gen(function*() {
      const opening = yield* Effect.forkChild(
        AsyncDropGuard.make(Effect.never, () => Effect.void, { interruptible: true }),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(opening)
      const exit: Exit.Exit<AsyncDropGuard.AsyncDropGuard<never>, unknown> = yield* Fiber.await(opening)
      const again: Exit.Exit<unknown, unknown> = yield* Effect.exit(AsyncDropResult.fromExit(exit))
      assert.deepStrictEqual(again, exit)
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps every defect and interrupt of a mixed cause, and not the typed failure among them", () =>
    Effect.gen(function*() {
      const untyped = [Cause.makeDieReason(boom), Cause.makeInterruptReason(7), Cause.makeDieReason("other")] as const
      const cause = Cause.fromReasons<string>([untyped[0], Cause.makeFailReason("typed"), untyped[1], untyped[2]])
      const exit = yield* Effect.exit(AsyncDropResult.fromExit(Exit.failCause(cause)))
      assert.deepStrictEqual(exit, Exit.failCause(Cause.fromReasons(untyped)))
    }))

  it.effect("keeps a cause without reasons", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(AsyncDropResult.fromExit(Exit.failCause(Cause.empty)))
      assert.deepStrictEqual(exit, Exit.failCause(Cause.empty))
    }))
})

describe("AsyncDropResult.drop", () => {
  it.effect("of a success drops its guard", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const result = Result.succeed(yield* open(log, "a"))
        assert.deepStrictEqual(log, [])
        yield* AsyncDropResult.drop(result)
        assert.deepStrictEqual(log, ["drop a"])
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("of a success fails with the release's own error", () =>
    Effect.gen(function*() {
      const result = Result.succeed(yield* open([], "a", Effect.fail("busy")))
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropResult.drop(result)), Exit.fail("busy"))
    }).pipe(AsyncDrop.scoped))

  it.effect("of a failure does nothing, and succeeds", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropResult.drop(Result.fail("error"))), Exit.void)
    }))
})

describe("an AsyncDropResult", () => {
  it.effect("is Effect's own Result: taken apart, nothing is dropped and the guard is the caller's", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const guard = yield* open(log, "a")
      const result: AsyncDropResult.AsyncDropResult<string, string> = Result.succeed(guard)
      const taken = Result.getOrThrow(result)
      assert.strictEqual(taken, guard)
      assert.deepStrictEqual(log, [])
      yield* AsyncDropGuard.drop(taken)
      assert.deepStrictEqual(log, ["drop a"])
      const failed: AsyncDropResult.AsyncDropResult<string, string> = Result.fail("error")
      assert.deepStrictEqual(Result.mapError(failed, (error) => `${error}!`), Result.fail("error!"))
    }).pipe(AsyncDrop.scoped))
})
