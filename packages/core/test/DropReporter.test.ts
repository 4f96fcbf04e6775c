import { AsyncDrop, DropReporter } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"

// In a file of its own, since it waits for the reports of the whole process.
const dying = (name: string) => AsyncDrop.acquireRelease(Effect.void, () => Effect.die("a bug"), { name })

describe("DropReporter.awaitAll", () => {
  it.effect("waits for all reports that are on their way, those that begin meanwhile too", () =>
    Effect.gen(function*() {
      const first = yield* Latch.make()
      const second = yield* Latch.make()
      const told: Array<string> = []
      const telling = (name: string, latch: Latch.Latch, next: Effect.Effect<void>) =>
        Effect.scoped(dying(name)).pipe(
          Effect.exit,
          Effect.asVoid,
          Effect.provideService(DropReporter.DropReporter, () =>
            latch.await.pipe(Effect.andThen(next), Effect.andThen(Effect.sync(() => void told.push(name)))))
        )
      yield* telling("a", first, telling("b", second, Effect.void))
      const waiting = yield* Effect.forkChild(DropReporter.awaitAll, { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      yield* first.open
      yield* Effect.repeat(Effect.yieldNow, { until: () => told.includes("a") })
      assert.isUndefined(waiting.pollUnsafe())
      yield* second.open
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(told, ["a", "b"])
    }))
})
