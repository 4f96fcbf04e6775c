import { AsyncDrop, AsyncDropGuard, DropError, DropFailure, DropUsageError } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, Option } from "effect"

/** Disposables that log what is called of them. */
const sync = (log: Array<string>, name = "a"): Disposable => ({
  [Symbol.dispose]: () => void log.push(`dispose ${name}`)
})
const later = (log: Array<string>, name = "a"): AsyncDisposable => ({
  [Symbol.asyncDispose]: () => {
    log.push(`asyncDispose ${name}`)
    return Promise.resolve()
  }
})

/** What the only error of a scope is, if its outcome is a failure of one. */
const errorOf = (exit: Exit.Exit<unknown, unknown>): DropError.DropError<unknown> => {
  assert.isTrue(Exit.isFailure(exit))
  const { errors } = Option.getOrThrow(DropFailure.fromCause((exit as Exit.Failure<unknown, unknown>).cause)) // as seen
  assert.strictEqual(errors.length, 1)
  return errors[0]
}

const usageOf = (exit: Exit.Exit<unknown, unknown>): DropUsageError.DropUsageError => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropUsageError.DropUsageError)
  return defect
}

/** For values that the types refuse. */
const asDisposable = (value: unknown): Disposable => value as Disposable

describe("AsyncDrop.fromDisposable", () => {
  it.effect("gives the value, and disposes of it when its scope closes, newest first", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const value = sync(log, "a")
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        assert.strictEqual(yield* AsyncDrop.fromDisposable(value), value)
        yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.sync(() => log.push("release b")))
        yield* AsyncDrop.fromDisposable(later(log, "c"))
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["asyncDispose c", "release b", "dispose a"])
    }))

  it.effect("disposes of a plain Effect scope's values as well", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* Effect.scoped(AsyncDrop.fromDisposable(later(log)))
      assert.deepStrictEqual(log, ["asyncDispose a"])
    }))

  it.effect("prefers asyncDispose where there is both", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(AsyncDrop.fromDisposable({ ...sync(log), ...later(log) }))
      assert.deepStrictEqual(log, ["asyncDispose a"])
    }))

  it.effect("falls back to dispose where asyncDispose is null or undefined", () =>
    Effect.gen(function*() {
      for (const missing of [null, undefined]) {
        const log: Array<string> = []
        yield* AsyncDrop.scoped(AsyncDrop.fromDisposable({ ...sync(log), [Symbol.asyncDispose]: missing }))
        assert.deepStrictEqual(log, ["dispose a"])
      }
    }))

  it.effect("reads the method once, when the value is taken, and not the other one", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const watched = {
        get [Symbol.asyncDispose]() {
          log.push("read asyncDispose")
          return () => {
            log.push("asyncDispose")
            return Promise.resolve()
          }
        },
        get [Symbol.dispose]() {
          log.push("read dispose")
          return () => {}
        }
      }
      const taken = AsyncDrop.fromDisposable(watched)
      assert.deepStrictEqual(log, [])
      yield* AsyncDrop.scoped(Effect.andThen(taken, Effect.sync(() => log.push("body"))))
      assert.deepStrictEqual(log, ["read asyncDispose", "body", "asyncDispose"])
    }))

  it.effect("calls the method that was there when the value was taken", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const value = sync(log, "before")
      yield* AsyncDrop.scoped(Effect.map(AsyncDrop.fromDisposable(value), (value) => {
        value[Symbol.dispose] = () => void log.push("after")
      }))
      assert.deepStrictEqual(log, ["dispose before"])
    }))

  it.effect("calls the method with the value as this, and without arguments", () =>
    Effect.gen(function*() {
      const calls: Array<readonly [unknown, number]> = []
      class File {
        [Symbol.dispose](...args: ReadonlyArray<unknown>) {
          calls.push([this, args.length])
        }
      }
      class Socket {
        [Symbol.asyncDispose](...args: ReadonlyArray<unknown>) {
          calls.push([this, args.length])
          return Promise.resolve()
        }
      }
      const [file, socket] = [new File(), new Socket()]
      yield* AsyncDrop.scoped(Effect.andThen(AsyncDrop.fromDisposable(file), AsyncDrop.fromDisposable(socket)))
      assert.strictEqual(calls.length, 2)
      assert.strictEqual(calls[0]![0], socket)
      assert.strictEqual(calls[1]![0], file)
      assert.deepStrictEqual(calls.map(([, args]) => args), [0, 0])
    }))

  it.effect("takes a function that can be disposed of", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const value = Object.assign(() => 1, sync(log))
      assert.strictEqual(yield* AsyncDrop.scoped(Effect.map(AsyncDrop.fromDisposable(value), (f) => f())), 1)
      assert.deepStrictEqual(log, ["dispose a"])
    }))

  it.effect("waits for what asyncDispose returns, a promise or a thenable", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { promise, resolve } = Promise.withResolvers<void>()
      const slow = { [Symbol.asyncDispose]: () => promise.then(() => void log.push("disposed")) }
      const closing = yield* Effect.forkChild(AsyncDrop.scoped(AsyncDrop.fromDisposable(slow)), {
        startImmediately: true
      })
      assert.strictEqual(closing.pollUnsafe(), undefined)
      resolve()
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["disposed"])
      const thenable = {
        // oxlint-disable-next-line unicorn/no-thenable -- that is what it is about
        then: (resolve: (value: unknown) => void) => {
          log.push("awaited")
          resolve(undefined)
        }
      }
      yield* AsyncDrop.scoped(
        AsyncDrop.fromDisposable(asDisposable({ [Symbol.asyncDispose]: () => thenable }))
      )
      assert.deepStrictEqual(log, ["disposed", "awaited"])
    }))

  it.effect("takes an asyncDispose that returns no promise", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(
        AsyncDrop.fromDisposable(asDisposable({ [Symbol.asyncDispose]: () => log.push("asyncDispose") }))
      )
      assert.deepStrictEqual(log, ["asyncDispose"])
    }))

  it.effect("does not wait for what dispose returns", () =>
    Effect.gen(function*() {
      const never = asDisposable({ [Symbol.dispose]: () => new Promise(() => {}) })
      yield* AsyncDrop.scoped(AsyncDrop.fromDisposable(never))
    }))

  it.effect("lets null and undefined pass through", () =>
    Effect.gen(function*() {
      const values = yield* AsyncDrop.scoped(Effect.gen(function*() {
        const scope = yield* Effect.scope
        const values = [yield* AsyncDrop.fromDisposable(null), yield* AsyncDrop.fromDisposable(undefined)]
        assert.strictEqual(scope.state._tag, "Empty")
        return values
      }))
      assert.deepStrictEqual(values, [null, undefined])
    }))

  it.effect("refuses what cannot be disposed of, before the body runs", () =>
    Effect.gen(function*() {
      class File {}
      const no = "without a [Symbol.asyncDispose] or [Symbol.dispose] method"
      const broken = "given a disposal method that is no function"
      const mistakes: ReadonlyArray<readonly [unknown, string, string]> = [
        [{}, "a value of type object", no],
        [new File(), "File", no],
        [() => 1, "a value of type function", no],
        [1, "a value of type number", no],
        ["", "a value of type string", no],
        [false, "a value of type boolean", no],
        [Symbol.iterator, "a value of type symbol", no],
        [{ [Symbol.dispose]: undefined }, "a value of type object", no],
        [{ [Symbol.dispose]: "close" }, "a value of type object", broken],
        [{ [Symbol.asyncDispose]: 1, [Symbol.dispose]: () => {} }, "a value of type object", broken]
      ]
      for (const [value, resource, state] of mistakes) {
        let ran = false
        const exit = yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(
          AsyncDrop.fromDisposable(asDisposable(value)),
          Effect.sync(() => {
            ran = true
          })
        )))
        const usage = usageOf(exit)
        assert.deepStrictEqual([usage.resource, usage.operation, usage.state], [resource, "fromDisposable", state])
        assert.isFalse(ran)
      }
    }))

  it.effect("dies of a getter that throws, before the body runs", () =>
    Effect.gen(function*() {
      const value = {
        get [Symbol.dispose](): () => void {
          throw "boom"
        }
      }
      assert.deepStrictEqual(
        yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(AsyncDrop.fromDisposable(value), Effect.fail("body")))),
        Exit.die("boom")
      )
    }))

  it.effect("makes what a disposal throws or rejects with a defect in the DropFailure", () =>
    Effect.gen(function*() {
      const boom = new Error("boom")
      const throwing = () => {
        throw boom
      }
      const failing: ReadonlyArray<AsyncDisposable | Disposable> = [
        { [Symbol.dispose]: throwing },
        { [Symbol.asyncDispose]: throwing },
        { [Symbol.asyncDispose]: () => Promise.reject(boom) }
      ]
      for (const value of failing) {
        const log: Array<string> = []
        const exit = yield* Effect.exit(AsyncDrop.scoped(Effect.gen(function*() {
          yield* AsyncDrop.fromDisposable(sync(log))
          yield* AsyncDrop.fromDisposable(value, { name: "failing" })
        })))
        const error = errorOf(exit)
        assert.deepStrictEqual([error.resource, error.cause], ["failing", Cause.die(boom)])
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && !Cause.hasFails(exit.cause))
        assert.deepStrictEqual(log, ["dispose a"])
      }
    }))

  it.effect("names the value by its class, or as told", () =>
    Effect.gen(function*() {
      class File implements Disposable {
        [Symbol.dispose]() {
          throw "boom"
        }
      }
      const nameOf = (options?: AsyncDrop.DropOptions) =>
        Effect.map(
          Effect.exit(AsyncDrop.scoped(AsyncDrop.fromDisposable(new File(), options))),
          (exit) => errorOf(exit).resource
        )
      assert.match(yield* nameOf(), /^File#\d+$/)
      assert.strictEqual(yield* nameOf({ name: "log" }), "log")
    }))

  it.effect("disposes of the value when the body fails or is interrupted", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const exit = yield* Effect.exit(
        AsyncDrop.scoped(Effect.andThen(AsyncDrop.fromDisposable(sync(log, "a")), Effect.fail("body")))
      )
      assert.deepStrictEqual(exit, Exit.fail("body"))
      const taken = yield* Latch.make()
      const fiber = yield* Effect.forkChild(
        AsyncDrop.scoped(
          Effect.andThen(AsyncDrop.fromDisposable(later(log, "b")), Effect.andThen(taken.open, Effect.never))
        )
      )
      yield* taken.await
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["dispose a", "asyncDispose b"])
    }))
})

/** A guard over a counter of releases. */
const counter = Effect.gen(function*() {
  const value = { n: 42, releases: 0 }
  const guard = yield* AsyncDropGuard.makeUnscoped(Effect.succeed(value), (value) =>
    Effect.sync(() => {
      value.releases++
    }))
  return { guard, value }
})

describe("AsyncDropGuard.toDisposable", () => {
  it.effect("leaves the guard, which can be read, used and changed until it is disposed of", () =>
    Effect.gen(function*() {
      const { guard, value } = yield* counter
      {
        using _ = AsyncDropGuard.toDisposable(guard)
        assert.strictEqual(yield* AsyncDropGuard.get(guard), value)
        yield* AsyncDropGuard.use(guard, (value) =>
          Effect.sync(() => {
            value.n = 100
          }))
        assert.strictEqual((yield* AsyncDropGuard.get(guard)).n, 100)
        assert.strictEqual(value.releases, 0)
      }
      assert.strictEqual(value.releases, 1)
      assert.isTrue(AsyncDropGuard.isDropped(guard))
    }))

  it.live("drops with and without a running fibre", () =>
    Effect.gen(function*() {
      const { guard, value } = yield* counter
      AsyncDropGuard.toDisposable(guard)[Symbol.dispose]()
      assert.strictEqual(value.releases, 1)
      const outside = Effect.runSync(counter)
      yield* Effect.promise(async () => {
        await Promise.resolve()
        AsyncDropGuard.toDisposable(outside.guard)[Symbol.dispose]()
        assert.strictEqual(outside.value.releases, 1)
      })
    }))

  it.effect("drops nothing of a guard that was unwrapped, and says so", () =>
    Effect.gen(function*() {
      const { guard, value } = yield* counter
      const disposable = AsyncDropGuard.toDisposable(guard)
      assert.strictEqual(yield* AsyncDropGuard.unwrap(guard), value)
      assert.throws(() => disposable[Symbol.dispose](), DropUsageError.DropUsageError)
      assert.strictEqual(value.releases, 0)
    }))

  it.effect("drops nothing again of a guard that was dropped by hand", () =>
    Effect.gen(function*() {
      const { guard, value } = yield* counter
      {
        using _ = AsyncDropGuard.toDisposable(guard)
        yield* AsyncDropGuard.drop(guard)
      }
      assert.strictEqual(value.releases, 1)
    }))
})
