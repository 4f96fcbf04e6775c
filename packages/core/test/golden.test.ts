import { AsyncDrop, AsyncDropGuard, DropScope } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Data, Deferred, Effect, Fiber, Latch, type Scope } from "effect"
import { inspect } from "node:util"
import { assertGolden, failureLooks, logOf, looksOfError, sections } from "./support/golden.ts"

class FlushError extends Data.TaggedError("FlushError")<{ readonly path: string; readonly code: string }> {}

const resource = <E>(name: string, release: Effect.Effect<unknown, E>) =>
  AsyncDrop.acquireRelease(Effect.succeed(name), () => release, { name })

describe("a printed DropFailure", () => {
  it.effect("names one resource and its error", () =>
    failureLooks(
      "drop-failure-one-error",
      AsyncDrop.scoped(resource("log", Effect.fail(new FlushError({ path: "/var/log/app", code: "ENOSPC" }))))
    ))

  it.effect("says of three resources in which way each went wrong", () =>
    failureLooks(
      "drop-failure-three-kinds",
      Effect.gen(function*() {
        yield* resource("log", Effect.fail(new Error("disk full")))
        yield* resource("database", Effect.die(new TypeError("close is not a function")))
        yield* resource("socket", Effect.interrupt)
      }).pipe(AsyncDrop.scoped)
    ))

  it.effect("shows ten of twelve errors and counts the rest", () =>
    failureLooks(
      "drop-failure-twelve-errors",
      AsyncDrop.scoped(
        Effect.forEach(Array.from({ length: 12 }, (_, i) => i), (i) => resource(`file ${i}`, Effect.fail("EIO")))
      )
    ))

  it.effect("counts what came beyond the cap", () =>
    failureLooks(
      "drop-failure-beyond-the-cap",
      Effect.forEach(["a", "b", "c", "d", "e"], (name) => resource(name, Effect.fail("EIO"))).pipe(
        AsyncDrop.scoped({ maxErrors: 2 })
      )
    ))

  it.effect("stands after the body's own failure", () =>
    failureLooks(
      "drop-failure-beside-a-failure",
      AsyncDrop.scoped(
        Effect.andThen(resource("log", Effect.fail("disk full")), Effect.fail(new Error("no such table")))
      )
    ))

  it.effect("has the name of its class where a resource has no name", () =>
    failureLooks(
      "drop-failure-without-a-name",
      Effect.gen(function*() {
        class Connection {
          readonly password = "secret"
        }
        yield* AsyncDrop.acquireRelease(Effect.sync(() => new Connection()), () => Effect.fail("refused"))
        yield* AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.fail("refused"))
      }).pipe(AsyncDrop.scoped)
    ))

  it.effect("is logged by the default reporter where no result has it", () =>
    Effect.gen(function*() {
      const log = yield* logOf(
        Effect.scoped(resource("database", Effect.die(new TypeError("close is not a function"))))
      )
      assertGolden("drop-reporter-default", sections({ "default log": log }))
    }))

  it.effect("is logged as a warning by layerIgnoreLogged", () =>
    Effect.gen(function*() {
      const program = Effect.scoped(
        resource("log", Effect.fail(new FlushError({ path: "/var/log/app", code: "ENOSPC" })))
      )
      const log = yield* logOf(Effect.provide(program, DropScope.layerIgnoreLogged))
      assertGolden("drop-scope-ignore-logged", sections({ "default log": log }))
    }))
})

const file = AsyncDropGuard.make(Effect.succeed("secret"), () => Effect.void, { name: "file" })
type Guard = AsyncDropGuard.AsyncDropGuard<string>

/** A guard whose release waits until the scope of the test is closed. */
const stuck = Effect.gen(function*() {
  const gate = yield* Latch.make()
  const began = yield* Deferred.make<void>()
  const guard = yield* AsyncDropGuard.make(
    Effect.succeed("secret"),
    () => Effect.andThen(Deferred.succeed(began, undefined), gate.await),
    { name: "file" }
  )
  yield* Effect.addFinalizer(() => gate.open)
  return { guard, began }
})

const operations: ReadonlyArray<readonly [name: string, (guard: Guard) => Effect.Effect<unknown, never, Scope.Scope>]> =
  [
    ["get", AsyncDropGuard.get],
    ["use", (guard) => AsyncDropGuard.use(guard, Effect.succeed)],
    ["unwrap", AsyncDropGuard.unwrap],
    ["map", (guard) => AsyncDropGuard.map(guard, (text) => text.length)],
    ["transfer", (guard) => Effect.flatMap(Effect.scope, (scope) => AsyncDropGuard.transfer(guard, scope))]
  ]

describe("a printed DropUsageError", () => {
  for (const [name, operation] of operations) {
    it.effect(`says that ${name} came after the drop`, () =>
      looksOfError(
        `usage-${name}-after-drop`,
        Effect.gen(function*() {
          const guard = yield* file
          yield* AsyncDropGuard.drop(guard)
          yield* operation(guard)
        })
      ))
  }

  it.effect("says that a use came during the drop", () =>
    looksOfError(
      "usage-use-during-drop",
      Effect.gen(function*() {
        const { began, guard } = yield* stuck
        yield* Effect.forkChild(AsyncDropGuard.drop(guard))
        yield* Deferred.await(began)
        yield* AsyncDropGuard.use(guard, Effect.succeed)
      })
    ))

  it.effect("says that a drop came after the value was taken out", () =>
    looksOfError(
      "usage-drop-after-unwrap",
      Effect.gen(function*() {
        const guard = yield* file
        yield* AsyncDropGuard.unwrap(guard)
        yield* AsyncDropGuard.drop(guard)
      })
    ))

  it.effect("names the class of a value without a release of its own", () =>
    looksOfError(
      "usage-acquire-without-release",
      AsyncDrop.acquire(Effect.sync(() => new (class Connection {})() as AsyncDrop.AsyncDrop)) // without types this passes
    ))

  it.effect("names the type of a value that can have no release", () =>
    looksOfError(
      "usage-acquire-undefined",
      AsyncDrop.acquire(Effect.succeed(undefined as unknown as AsyncDrop.AsyncDrop)) // as above
    ))

  it.effect("says that a release is not a function", () =>
    looksOfError(
      "usage-acquire-with-a-non-function",
      AsyncDrop.acquire(
        Effect.sync(() =>
          new (class Connection {
            readonly [AsyncDrop.asyncDrop] = Effect.void
          })() as unknown as AsyncDrop.AsyncDrop
        ) // as above
      )
    ))

  it.effect("says that a release returned something that is not an effect", () =>
    looksOfError(
      "usage-release-without-an-effect",
      Effect.suspend(() =>
        AsyncDrop.acquireUseRelease(
          Effect.succeed("secret"),
          () => Effect.void,
          (() => Promise.resolve()) as never, // as above
          { name: "file" }
        )
      )
    ))

  it.effect("says which option is bad", () =>
    looksOfError("usage-bad-option", AsyncDrop.scoped(Effect.void, { maxErrors: Number.NaN })))

  it.effect("says that a disposed release is not synchronous", () =>
    looksOfError(
      "usage-dispose-of-an-asynchronous-release",
      Effect.gen(function*() {
        const { guard } = yield* stuck
        yield* Effect.sync(() => AsyncDropGuard.toDisposable(guard)[Symbol.dispose]())
      })
    ))
})

describe("a printed DropCycle", () => {
  it.effect("names the resource that is dropped inside its own use", () =>
    looksOfError(
      "cycle-drop-inside-use",
      Effect.flatMap(file, (guard) => AsyncDropGuard.use(guard, () => AsyncDropGuard.drop(guard)))
    ))

  it.effect("names each resource of a longer chain", () =>
    looksOfError(
      "cycle-of-two",
      Effect.gen(function*() {
        const a = yield* AsyncDropGuard.make(Effect.succeed("secret"), () => Effect.void, { name: "database" })
        const b = yield* AsyncDropGuard.make(Effect.succeed("secret"), () => Effect.void, { name: "file" })
        // Not started inside the use of a, which would be a warning beside the error.
        const elsewhere = Effect.runForkWith(yield* Effect.context())
        yield* AsyncDropGuard.use(a, () => {
          elsewhere(AsyncDropGuard.use(b, () => AsyncDropGuard.drop(a)))
          return AsyncDropGuard.drop(b)
        })
      })
    ))
})

describe("a printed guard", () => {
  const printed = (guard: Guard) => `${inspect({ guard })}\n${String(guard)}\n${JSON.stringify(guard)}`

  it.effect("shows its name and state, and never the value inside", () =>
    Effect.gen(function*() {
      const texts: Record<string, string> = {}
      const live = yield* file
      texts["live"] = printed(live)

      const busy = yield* file
      const gate = yield* Latch.make()
      const inside = yield* Deferred.make<void>()
      const using = yield* Effect.forkChild(
        AsyncDropGuard.use(busy, () => Effect.andThen(Deferred.succeed(inside, undefined), gate.await))
      )
      yield* Deferred.await(inside)
      const unwrapping = yield* Effect.forkChild(AsyncDropGuard.unwrap(busy), { startImmediately: true })
      texts["waited for by unwrap"] = printed(busy)
      yield* gate.open
      yield* Fiber.join(using)
      yield* Fiber.join(unwrapping)
      texts["unwrapped"] = printed(busy)

      const mapped = yield* file
      yield* AsyncDropGuard.map(mapped, (text) => text.length)
      texts["mapped"] = printed(mapped)

      const { began, guard } = yield* stuck
      yield* Effect.forkChild(AsyncDropGuard.drop(guard))
      yield* Deferred.await(began)
      texts["being dropped"] = printed(guard)

      yield* AsyncDropGuard.drop(live)
      texts["dropped"] = printed(live)

      const text = sections(texts)
      assert.notInclude(text, "secret")
      assertGolden("guard", text)
    }))
})
