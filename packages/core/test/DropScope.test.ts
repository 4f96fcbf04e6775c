import { AsyncDrop, type DropError, DropFailure, DropReporter, DropScope, DropUsageError } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Latch, Layer, Logger, Option, References, Scope } from "effect"
import { TestClock } from "effect/testing"
import { reasonsOf, shapeOf } from "./support/shape.ts"

type Errors = Array<DropError.DropError<unknown>>

const names = (errors: ReadonlyArray<DropError.DropError<unknown>>) => errors.map((error) => error.resource)
const collectInto = (errors: Errors) => (error: DropError.DropError<unknown>) =>
  Effect.sync(() => void errors.push(error))
const reportingTo = (errors: Errors) => Effect.provideService(DropReporter.DropReporter, collectInto(errors))

const failing = (name: string) =>
  AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.fail(`${name} refused`), { name })
const dying = (name: string) =>
  AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.die(`${name} bug`), { name })

/** Three in a plain scope: they are released as c, b, a. */
const three = Effect.scoped(Effect.andThen(failing("a"), Effect.andThen(dying("b"), failing("c"))))

const failureOf = <A, E>(exit: Exit.Exit<A, E>) =>
  Exit.isFailure(exit) ? Option.getOrUndefined(DropFailure.fromCause(exit.cause)) : undefined

const mischief: ReadonlyArray<readonly [does: string, effect: () => Effect.Effect<void>]> = [
  ["fails", () => Effect.fail("no") as never], // what a caller without types may return
  ["dies", () => Effect.die("no")],
  ["throws", () => {
    throw new Error("no")
  }],
  ["hangs", () => Effect.never],
  ["interrupts itself", () => Effect.interrupt]
]

interface Line {
  readonly level: string
  readonly message: unknown
  readonly cause: Cause.Cause<unknown>
  readonly annotations: Record<string, unknown>
}

const loggingTo = (lines: Array<Line>) =>
  Logger.layer([Logger.make(({ cause, fiber, logLevel, message }) => {
    lines.push({ level: logLevel, message, cause, annotations: { ...fiber.getRef(References.CurrentLogAnnotations) } })
  })])

describe("DropScope.layerReport", () => {
  it.effect("gives each error once, in the order in which they happen, and the program goes on", () =>
    Effect.gen(function*() {
      const errors: Errors = []
      const exit = yield* Effect.exit(Effect.provide(three, DropScope.layerReport(collectInto(errors))))
      assert.deepStrictEqual(exit, Exit.succeed("c"))
      assert.deepStrictEqual(names(errors), ["c", "b", "a"])
      assert.deepStrictEqual(errors.map((error) => error.cause), [
        Cause.fail("c refused"),
        Cause.die("b bug"),
        Cause.fail("a refused")
      ])
    }))

  it.effect("keeps the body's own failure in its channel", () =>
    Effect.gen(function*() {
      const errors: Errors = []
      const exit = yield* Effect.scoped(Effect.andThen(failing("a"), Effect.fail("body"))).pipe(
        Effect.provide(DropScope.layerReport(collectInto(errors))),
        Effect.exit
      )
      assert.deepStrictEqual(exit, Exit.fail("body"))
      assert.deepStrictEqual(names(errors), ["a"])
    }))

  it.effect("leaves nothing to the DropReporter", () =>
    Effect.gen(function*() {
      const reported: Errors = []
      yield* three.pipe(Effect.provide(DropScope.layerReport(() => Effect.void)), reportingTo(reported))
      assert.deepStrictEqual(reported, [])
    }))

  it.effect("runs its effect with the services that the layer was built with", () =>
    Effect.gen(function*() {
      class Where extends Context.Service<Where, string>()("test/Where") {}
      const seen: Array<Option.Option<string>> = []
      const note = Effect.contextWith((context: Context.Context<never>) =>
        Effect.sync(() => void seen.push(Context.getOption(context as Context.Context<Where>, Where)))
      )
      yield* Effect.scoped(failing("a")).pipe(
        Effect.provideService(Where, "user"),
        Effect.provide(DropScope.layerReport(() => note).pipe(Layer.provide(Layer.succeed(Where, "layer"))))
      )
      assert.deepStrictEqual(seen, [Option.some("layer")])
    }))

  for (const [does, effect] of mischief) {
    it.effect(`is not harmed by an effect that ${does}`, () =>
      Effect.gen(function*() {
        const asked: Array<string> = []
        const layer = DropScope.layerReport((error) => {
          asked.push(error.resource)
          return effect()
        })
        const exit = yield* Effect.exit(Effect.provide(three, layer))
        assert.deepStrictEqual(exit, Exit.succeed("c"))
        assert.deepStrictEqual(asked, ["c", "b", "a"])
      }))
  }
})

describe("DropScope.toReporter", () => {
  it.effect("gives each error to the reporter of its resource at once; the scope around it knows of none", () =>
    Effect.gen(function*() {
      const outer: Errors = []
      const inner: Errors = []
      const program = Effect.gen(function*() {
        yield* reportingTo(inner)(Effect.scoped(failing("a")))
        yield* Effect.scoped(dying("b"))
        return [names(inner), names(outer)]
      })
      const exit = yield* Effect.exit(reportingTo(outer)(AsyncDrop.scoped(DropScope.toReporter(program))))
      assert.deepStrictEqual(exit, Exit.succeed([["a"], ["b"]]))
    }))

  it.effect("leaves an effect without a place as it is", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* DropScope.toReporter(Effect.succeed(1)), 1)
    }))
})

describe("DropScope.layerIgnoreLogged", () => {
  it.effect("writes one warning for each error, with its resource, phase and cause, and the program goes on", () =>
    Effect.gen(function*() {
      const lines: Array<Line> = []
      const exit = yield* three.pipe(
        Effect.provide(DropScope.layerIgnoreLogged.pipe(Layer.provideMerge(loggingTo(lines)))),
        Effect.exit
      )
      assert.deepStrictEqual(exit, Exit.succeed("c"))
      assert.deepStrictEqual(lines.map(({ annotations, level }) => [level, annotations]), [
        ["Warn", { resource: "c", phase: "graceful" }],
        ["Warn", { resource: "b", phase: "graceful" }],
        ["Warn", { resource: "a", phase: "graceful" }]
      ])
      assert.deepStrictEqual(lines.map((line) => line.cause), [
        Cause.fail("c refused"),
        Cause.die("b bug"),
        Cause.fail("a refused")
      ])
    }))
})

describe("DropScope.layerOrDie", () => {
  it.effect("makes the owner die of one DropFailure with every error in order", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.provide(three, DropScope.layerOrDie))
      const errors = [["c", [["Fail", "c refused"]]], ["b", [["Die", "b bug"]]], ["a", [["Fail", "a refused"]]]]
      assert.deepStrictEqual(shapeOf(exit), {
        failure: [["Die", { errors, dropped: 0, exit: { success: "c" } }]]
      } as unknown)
    }))

  it.effect("turns the body's typed failure into a defect, as Effect does with every defect of a finalizer", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.scoped(Effect.andThen(failing("a"), Effect.fail("body"))).pipe(
        Effect.catch(() => Effect.succeed("caught")),
        Effect.provide(DropScope.layerOrDie),
        Effect.exit
      )
      assert.deepStrictEqual(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => reason._tag), ["Die", "Die"])
      assert.deepStrictEqual(names(failureOf(exit)!.errors), ["a"])
    }))

  it.effect("gives an error that no owner is left to die of to the reporter", () =>
    Effect.gen(function*() {
      const reported: Errors = []
      const scope = yield* Scope.make()
      const gate = yield* Latch.make()
      const acquiring = yield* Deferred.make<void>()
      const late = AsyncDrop.acquireRelease(
        Effect.andThen(Deferred.succeed(acquiring, undefined), gate.await),
        () => Effect.fail("late"),
        { name: "late" }
      )
      const fiber = yield* late.pipe(
        Scope.provide(scope),
        Effect.provide(DropScope.layerOrDie),
        reportingTo(reported),
        Effect.forkChild
      )
      yield* Deferred.await(acquiring)
      yield* Scope.close(scope, Exit.void)
      yield* gate.open
      const exit = yield* Fiber.await(fiber)
      assert.deepStrictEqual([...names(reported), ...names(failureOf(exit)?.errors ?? [] as never)], ["late"])
    }))
})

describe("AsyncDrop.mapDropError", () => {
  it.effect("maps what releases fail with and leaves their defects", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.andThen(failing("a"), Effect.andThen(dying("b"), failing("c"))).pipe(
        AsyncDrop.mapDropError((error) => ({ error })),
        AsyncDrop.scoped,
        Effect.flip
      )
      assert.deepStrictEqual(failure.errors.map((error) => [error.resource, error.cause] as const), [
        ["c", Cause.fail({ error: "c refused" })],
        ["b", Cause.die("b bug")],
        ["a", Cause.fail({ error: "a refused" })]
      ])
    }))

  it.effect("maps each failure of a release that has several reasons", () =>
    Effect.gen(function*() {
      const several = Cause.fromReasons([
        Cause.makeFailReason(1),
        Cause.makeDieReason("bug"),
        Cause.makeFailReason(2),
        Cause.makeInterruptReason(3)
      ])
      const failure = yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.failCause(several)).pipe(
        AsyncDrop.mapDropError((n) => n * 10),
        AsyncDrop.scoped,
        Effect.flip
      )
      assert.deepStrictEqual(reasonsOf(failure.errors[0].cause), [["Fail", 10], ["Die", "bug"], ["Fail", 20], [
        "Interrupt"
      ]])
    }))

  it.effect("keeps the error beside the defect of an f that throws", () =>
    Effect.gen(function*() {
      const exit = yield* failing("a").pipe(
        AsyncDrop.mapDropError((): string => {
          throw new TypeError("f is broken")
        }),
        AsyncDrop.scoped,
        Effect.exit
      )
      assert.deepStrictEqual(reasonsOf(failureOf(exit)!.errors[0].cause), [
        ["Die", new TypeError("f is broken")],
        ["Die", "a refused"]
      ])
    }))

  it.effect("maps from the inside out where it stands twice", () =>
    Effect.gen(function*() {
      const failure = yield* failing("a").pipe(
        AsyncDrop.mapDropError((error) => `inner(${error})`),
        AsyncDrop.mapDropError((error) => `outer(${error})`),
        AsyncDrop.scoped,
        Effect.flip
      )
      assert.deepStrictEqual(failure.errors[0].cause, Cause.fail("outer(inner(a refused))"))
    }))

  it.effect("leaves what is acquired outside of it as it is", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.andThen(failing("a"), AsyncDrop.mapDropError(failing("b"), () => "mapped")).pipe(
        AsyncDrop.scoped,
        Effect.flip
      )
      assert.deepStrictEqual(failure.errors.map((error) => error.cause), [
        Cause.fail("mapped"),
        Cause.fail("a refused")
      ])
    }))

  it.effect("keeps the policy of a layer outside of it", () =>
    Effect.gen(function*() {
      const mapped = AsyncDrop.mapDropError(Effect.scoped(failing("a")), (error) => `mapped ${error}`)
      const errors: Errors = []
      yield* Effect.provide(mapped, DropScope.layerReport(collectInto(errors)))
      assert.deepStrictEqual(errors.map((error) => error.cause), [Cause.fail("mapped a refused")])
      const exit = yield* Effect.exit(Effect.provide(mapped, DropScope.layerOrDie))
      assert.deepStrictEqual(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => reason._tag), ["Die"])
    }))

  it.effect("keeps the time at which a release started", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.sleep("5 seconds").pipe(
        Effect.andThen(AsyncDrop.mapDropError(failing("a"), (error) => error)),
        Effect.andThen(Effect.sleep("3 seconds")),
        AsyncDrop.scoped,
        Effect.flip,
        Effect.forkChild
      )
      yield* TestClock.adjust("5 seconds")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).errors[0].startedAt, 8000)
    }))
})

describe("maxErrors", () => {
  const five = Effect.forEach(["a", "b", "c", "d", "e"], failing)

  it.effect("keeps the first errors, counts the rest, and gives only these to the reporter", () =>
    Effect.gen(function*() {
      const reported: Errors = []
      const failure = yield* five.pipe(AsyncDrop.scoped({ maxErrors: 2 }), Effect.flip, reportingTo(reported))
      assert.deepStrictEqual([names(failure.errors), failure.dropped], [["e", "d"], 3])
      assert.deepStrictEqual(names(reported), ["c", "b", "a"])
    }))

  it.effect("gives every error to the reporter once where the failure is not the primary one", () =>
    Effect.gen(function*() {
      const reported: Errors = []
      const exit = yield* Effect.andThen(five, Effect.fail("body")).pipe(
        AsyncDrop.scoped({ maxErrors: 2 }),
        Effect.exit,
        reportingTo(reported)
      )
      assert.deepStrictEqual([names(failureOf(exit)!.errors), failureOf(exit)!.dropped], [["e", "d"], 3])
      assert.deepStrictEqual(names(reported).toSorted(), ["a", "b", "c", "d", "e"])
    }))

  it.effect("counts an exact fit as nothing beyond", () =>
    Effect.gen(function*() {
      const reported: Errors = []
      const failure = yield* five.pipe(AsyncDrop.scoped({ maxErrors: 5 }), Effect.flip, reportingTo(reported))
      assert.deepStrictEqual([failure.errors.length, failure.dropped, reported.length], [5, 0, 0])
    }))

  for (const maxErrors of [Number.NaN, -1, 0, -Infinity]) {
    const refused = (run: (body: Effect.Effect<void>) => Effect.Effect<unknown, unknown>) =>
      Effect.gen(function*() {
        let ran = false
        const exit = yield* Effect.exit(run(Effect.sync(() => {
          ran = true
        })))
        const defect = Exit.isFailure(exit) &&
          exit.cause.reasons.map((reason) => Cause.isDieReason(reason) && reason.defect)
        assert.instanceOf(defect && defect[0], DropUsageError.DropUsageError)
        assert.isFalse(ran)
      })
    it.effect(`of ${maxErrors} is a DropUsageError before the body of scoped runs`, () =>
      refused((body) => AsyncDrop.scoped(body, { maxErrors })))
    it.effect(`of ${maxErrors} is a DropUsageError before the body of scopedExit runs`, () =>
      refused((body) => AsyncDrop.scopedExit(body, { maxErrors })))
    it.effect(`of ${maxErrors} is a DropUsageError before launch builds its layer`, () =>
      refused((body) => AsyncDrop.launch(Layer.effectDiscard(body), { maxErrors })))
  }
})

describe("DropReporter", () => {
  it.effect("by default writes one error to the log, with the resource, phase and cause", () =>
    Effect.gen(function*() {
      const lines: Array<Line> = []
      yield* Effect.scoped(dying("a")).pipe(Effect.provide(loggingTo(lines)))
      assert.deepStrictEqual(lines.map(({ annotations, cause, level }) => [level, annotations, cause]), [
        ["Error", { resource: "a", phase: "graceful" }, Cause.die("a bug")]
      ])
    }))

  it.effect("is the one in context at the acquire, whatever the closer has", () =>
    Effect.gen(function*() {
      const early: Errors = []
      const late: Errors = []
      const exit = yield* failing("a").pipe(
        reportingTo(early),
        Effect.andThen(failing("b")),
        Effect.andThen(Effect.fail("body")),
        AsyncDrop.scoped,
        Effect.exit,
        reportingTo(late)
      )
      assert.deepStrictEqual(names(failureOf(exit)!.errors), ["b", "a"])
      assert.deepStrictEqual([names(early), names(late)], [["a"], ["b"]])
    }))

  for (const [does, effect] of mischief) {
    it.effect(`harms nothing when it ${does}`, () =>
      Effect.gen(function*() {
        const asked: Array<string> = []
        const exit = yield* Effect.andThen(Effect.andThen(failing("a"), failing("b")), Effect.fail("body")).pipe(
          AsyncDrop.scoped,
          Effect.exit,
          Effect.provideService(DropReporter.DropReporter, (error) => {
            asked.push(error.resource)
            return effect()
          })
        )
        assert.deepStrictEqual(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => reason._tag), [
          "Fail",
          "Fail"
        ])
        assert.deepStrictEqual(asked, ["b", "a"])
      }))
  }

  it.effect("gets what a memoised layer fails with after its first builder has gone", () =>
    Effect.gen(function*() {
      class Db extends Context.Service<Db, string>()("test/Db") {}
      const reported: Errors = []
      const memo = yield* Layer.makeMemoMap
      const last = yield* Scope.make()
      const first = yield* Effect.gen(function*() {
        const scope = yield* Effect.scope
        yield* Layer.buildWithMemoMap(Layer.effect(Db, failing("db")), memo, scope)
      }).pipe(AsyncDrop.scoped, Effect.exit)
      assert.deepStrictEqual(names(failureOf(first)!.errors), ["db"])

      const shared = Layer.effect(Db, failing("shared"))
      const gone = yield* Effect.gen(function*() {
        const scope = yield* Effect.scope
        yield* Layer.buildWithMemoMap(shared, memo, scope)
        yield* Layer.buildWithMemoMap(shared, memo, last)
      }).pipe(AsyncDrop.scoped, Effect.exit, reportingTo(reported))
      assert.deepStrictEqual(gone, Exit.void)
      assert.deepStrictEqual(reported, [])
      yield* Scope.close(last, Exit.void)
      assert.deepStrictEqual(names(reported), ["shared"])
    }))
})
