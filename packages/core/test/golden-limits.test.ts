import { AsyncDrop, AsyncDropGuard, AsyncDropHashMap, DropReporter } from "@async-drop/core"
import { describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { assertGolden, failureLooks, logOf, sections } from "./support/golden.ts"

const hang = Effect.uninterruptible(Effect.never)

const resource = <const O extends AsyncDrop.DropOptions<string>>(
  name: string,
  release: Effect.Effect<unknown, unknown>,
  options?: O
) => AsyncDrop.acquireRelease(Effect.succeed(name), () => release, { ...options, name })

/** Runs a program beside the clock. */
const inTime = <A, E>(program: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(
    Effect.forkChild(program, { startImmediately: true }),
    (fiber) => Effect.andThen(TestClock.adjust("1 minute"), Fiber.join(fiber))
  )

const cutShort = Effect.gen(function*() {
  yield* resource("log", hang, { timeout: "1 second" })
  yield* resource("socket", Effect.never, { timeout: "1 second", force: () => Effect.void })
  yield* resource("child", hang, { timeout: "1 second", force: () => hang, forceTimeout: "1 second" })
})

describe("a printed DropFailure of what limits cut short", () => {
  it.effect("says how far each got, and which limit it outlasted", () =>
    failureLooks("drop-failure-timeouts", inTime(AsyncDrop.scoped(cutShort))))

  it.effect("names the budget of the scope", () =>
    failureLooks(
      "drop-failure-budget",
      inTime(AsyncDrop.scoped(resource("log", hang), { budget: "1 second" }))
    ))

  it.effect("stands beside a defect of the body", () =>
    failureLooks(
      "drop-failure-beside-a-defect",
      inTime(
        AsyncDrop.scoped(Effect.andThen(resource("log", hang, { timeout: 5 }), Effect.die(new TypeError("no such"))))
      )
    ))
})

describe("a printed DropFailure", () => {
  it.effect("says the key of an entry of a map", () =>
    failureLooks(
      "drop-failure-with-keys",
      AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<unknown, string, string>()
        for (const key of ["a", 7, { host: "db", port: 5432 }]) {
          const guard = yield* AsyncDropGuard.make(Effect.succeed("secret"), () => Effect.fail("EIO"), { name: "file" })
          yield* Effect.orDie(AsyncDropHashMap.insert(map, key, guard))
        }
      }))
    ))

  it.effect("is found on an interrupt", () =>
    failureLooks(
      "drop-failure-on-an-interrupt",
      Effect.gen(function*() {
        const started = yield* Deferred.make<void>()
        const program = Effect.andThen(
          resource("log", Effect.fail("disk full")),
          Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
        )
        const fiber = yield* Effect.forkChild(AsyncDrop.scoped(program))
        yield* Deferred.await(started)
        fiber.interruptUnsafe(42)
        return yield* Effect.flatten(Fiber.await(fiber))
      })
    ))
})

describe("a printed late end", () => {
  for (
    const [name, end] of [
      ["of a success", Effect.void],
      ["of a failure", Effect.fail("disk full")]
    ] as const
  ) {
    it.effect(`${name} is one line of the default log`, () =>
      Effect.gen(function*() {
        const release = Effect.uninterruptible(Effect.andThen(Effect.sleep("3 seconds"), end))
        const log = yield* logOf(
          Effect.andThen(
            inTime(Effect.exit(AsyncDrop.scoped(resource("log", release, { timeout: "1 second" })))),
            DropReporter.awaitAll
          )
        )
        assertGolden(`late-end-${name.replaceAll(" ", "-")}`, sections({ "default log": log }))
      }))
  }
})
