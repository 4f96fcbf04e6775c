import { AsyncDrop, AsyncDropGuard, DropReport, DropStack } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { reportsOf } from "./support/reports.ts"

const resource = <E>(name: string, ms: number, end: Effect.Effect<unknown, E> = Effect.void) =>
  AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.andThen(Effect.sleep(ms), end), { name })

describe("AsyncDrop.withReport", () => {
  it.effect("around scoped has each release, newest first, with its time", () =>
    Effect.gen(function*() {
      const body = Effect.all([resource("database", 100, Effect.fail("locked")), resource("server", 40)])
      const [report] = yield* reportsOf(AsyncDrop.scoped(body))
      assert.deepStrictEqual(
        report?.scopes[0].resources.map(({ duration, name, result, startedAt }) => [name, startedAt, duration, result]),
        [["server", 0, 40, "released"], ["database", 40, 100, "failed"]]
      )
      assert.strictEqual(report?.scopes[0].duration, 140)
    }))

  it.effect("around launch has the report of the shutdown, when it is interrupted", () =>
    Effect.gen(function*() {
      const reports: Array<DropReport.DropReport> = []
      const fiber = yield* AsyncDrop.launch(Layer.effectDiscard(resource("database", 0))).pipe(
        AsyncDrop.withReport((report) => Effect.delay(Effect.sync(() => void reports.push(report)), 10)),
        Effect.forkChild({ startImmediately: true })
      )
      fiber.interruptUnsafe()
      yield* TestClock.adjust(1_000)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(reports.map(({ totals }) => totals.released), [1])
    }))

  it.effect("has a stack below its own release", () =>
    Effect.gen(function*() {
      const body = Effect.gen(function*() {
        const stack = yield* DropStack.make()
        yield* DropStack.use(stack, resource("inner", 30))
      })
      const [report] = yield* reportsOf(AsyncDrop.scoped(body))
      assert.deepStrictEqual(report?.scopes.map(({ of, parent }) => [parent, of]), [[undefined, undefined], [0, 0]])
      assert.strictEqual(report?.scopes[1]?.resources[0]?.name, "inner")
    }))

  it.effect("leaves out a guard that was dropped by hand", () =>
    Effect.gen(function*() {
      const body = Effect.flatMap(
        AsyncDropGuard.make(Effect.void, () => Effect.void, { name: "guard" }),
        AsyncDropGuard.drop
      )
      const reports = yield* reportsOf(AsyncDrop.scoped(body))
      assert.deepStrictEqual(reports.flatMap(({ scopes: [scope] }) => scope.resources), [])
    }))
})
