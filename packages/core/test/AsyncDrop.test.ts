import {
  AsyncDrop,
  AsyncDropGuard,
  DropFailure,
  DropObserver,
  DropReporter,
  DropScope,
  DropUsageError
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Duration, Effect, Exit, Fiber, Latch, Layer, Option, Scope } from "effect"
import { TestClock } from "effect/testing"

const open = (log: Array<string>, name: string) =>
  AsyncDrop.acquireRelease(Effect.sync(() => (log.push(`open ${name}`), name)), () => said(log, `drop ${name}`), {
    name
  })

const said = (log: Array<string>, text: string) => Effect.sync(() => void log.push(text))

const failureOf = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? Option.getOrThrow(DropFailure.fromCause(exit.cause)) : assert.fail("it did not fail")

const usageOf = (exit: Exit.Exit<unknown, unknown>) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropUsageError.DropUsageError)
  return defect
}

const isInterrupted = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}

describe("AsyncDrop.acquireRelease", () => {
  it.effect("hands the scope's exit to the release", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const resource = AsyncDrop.acquireRelease(Effect.void, (_, exit) => Effect.sync(() => exits.push(exit)))
      yield* AsyncDrop.scoped(Effect.as(resource, 1))
      yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(resource, Effect.fail("no"))))
      yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(resource, Effect.die("boom"))))
      assert.deepStrictEqual(exits, [Exit.succeed(1), Exit.fail("no"), Exit.die("boom")])
    }))

  it.effect("runs the release with the services of the acquire", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const resource = AsyncDrop.acquireRelease(Effect.void, () => Effect.flatMap(Tenant, (name) => said(log, name)))
      const both = Effect.andThen(
        Effect.provideService(resource, Tenant, "first"),
        Effect.provideService(resource, Tenant, "second")
      )
      yield* AsyncDrop.scoped(both)
      yield* Effect.scoped(both)
      assert.deepStrictEqual(log, ["second", "first", "second", "first"])
    }))

  it.effect("gives back the context that its closer had", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.void).pipe(
        Scope.provide(scope),
        Effect.provideService(Tenant, "acquirer")
      )
      yield* Effect.provideService(
        Effect.gen(function*() {
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual(yield* Tenant, "closer")
        }),
        Tenant,
        "closer"
      )
    }))

  it.effect("acquires nothing in a closed scope and interrupts", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(isInterrupted(yield* Effect.exit(Scope.provide(open(log, "a"), scope))))
      assert.deepStrictEqual(log, [])
    }))

  it.effect("releases and then interrupts when its scope closes during the acquire", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const go = yield* Latch.make()
      const scope = yield* Scope.make()
      const acquirer = yield* AsyncDrop.acquireRelease(
        go.await,
        (_, exit) => Effect.andThen(Effect.sync(() => exits.push(exit)), Effect.die("late")),
        { name: "a" }
      ).pipe(
        Scope.provide(scope),
        Effect.provideService(DropReporter.DropReporter, (error) => said(log, `reported ${error.resource}`)),
        Effect.forkChild({ startImmediately: true })
      )
      yield* Scope.close(scope, Exit.fail("closed"))
      yield* go.open
      assert.isTrue(isInterrupted(yield* Fiber.await(acquirer)))
      assert.deepStrictEqual(exits, [Exit.fail("closed")])
      assert.deepStrictEqual(log, ["reported a"])
    }))

  it.effect("cannot be interrupted while it acquires, unless it says so", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const acquire = (interruptible: boolean) =>
        AsyncDrop.scoped(
          AsyncDrop.acquireRelease(
            Effect.andThen(Effect.yieldNow, said(log, `acquired ${interruptible}`)),
            () => Effect.void,
            {
              interruptible
            }
          )
        )
      for (const interruptible of [true, false]) {
        const fiber = yield* Effect.forkChild(acquire(interruptible), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual(log, ["acquired false"])
    }))

  it.effect("names a resource as it is told, by its class, or by a number", () =>
    Effect.gen(function*() {
      class Conn {}
      const failing = <A>(value: A, name?: string) =>
        AsyncDrop.acquireRelease(Effect.succeed(value), () => Effect.fail("x"), { name })
      const { dropErrors } = yield* AsyncDrop.scopedExit(
        Effect.all([failing(1, "one"), failing(new Conn()), failing({}), failing("text"), failing(null)])
      )
      const names = dropErrors.map(({ resource }) => resource.replace(/#\d+$/, "#n"))
      assert.deepStrictEqual(names, ["resource#n", "resource#n", "resource#n", "Conn#n", "one"])
    }))
})

class Socket implements AsyncDrop.AsyncDrop<"busy"> {
  reads = 0
  closed: Array<Exit.Exit<unknown, unknown>> = []
  get [AsyncDrop.asyncDrop]() {
    this.reads++
    return (exit: Exit.Exit<unknown, unknown>) =>
      Effect.andThen(Effect.sync(() => this.closed.push(exit)), Effect.fail("busy" as const))
  }
}

describe("AsyncDrop.acquire", () => {
  it.effect("reads the value's own release once, at registration, and calls it with the scope's exit", () =>
    Effect.gen(function*() {
      const socket = new Socket()
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        yield* AsyncDrop.acquire(Effect.succeed(socket))
        assert.strictEqual(socket.reads, 1)
      }))
      assert.strictEqual(socket.reads, 1)
      assert.deepStrictEqual(socket.closed, [Exit.void])
      assert.match(dropErrors[0]!.resource, /^Socket#\d+$/)
    }))

  it.effect("calls it on the value", () =>
    Effect.gen(function*() {
      const value = {
        closed: false,
        [AsyncDrop.asyncDrop]() {
          return Effect.sync(() => {
            this.closed = true
          })
        }
      }
      yield* AsyncDrop.scoped(AsyncDrop.acquire(Effect.succeed(value)))
      assert.isTrue(value.closed)
    }))

  it.effect("of a value without a release is a usage error that names it, before the body runs", () =>
    Effect.gen(function*() {
      let ran = false
      const values = [{}, 5, null, undefined, "text", new Date(), { [AsyncDrop.asyncDrop]: 5 }]
      const states: Array<string> = []
      for (const value of values) {
        const wrong = Effect.succeed(value as unknown as AsyncDrop.AsyncDrop) // as JavaScript would
        const body = Effect.sync(() => void (ran = true))
        const scoped = usageOf(yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(AsyncDrop.acquire(wrong), body))))
        const used = usageOf(yield* Effect.exit(AsyncDrop.use(wrong, () => body)))
        assert.strictEqual(scoped.message, used.message)
        states.push(`${scoped.resource}: ${scoped.state}`)
      }
      assert.isFalse(ran)
      const without = "without an [AsyncDrop.asyncDrop] method"
      assert.deepStrictEqual(states, [
        `a value of type object: ${without}`,
        `a value of type number: ${without}`,
        `a value of type null: ${without}`,
        `a value of type undefined: ${without}`,
        `a value of type string: ${without}`,
        `Date: ${without}`,
        "a value of type object: given an [AsyncDrop.asyncDrop] that is no function"
      ])
    }))
})

describe("AsyncDrop.scoped", () => {
  const dying = (defect: unknown) => Effect.addFinalizer(() => Effect.die(defect))

  it.effect("counts each plain finalizer that dies as a drop error, and the body's failure stays typed", () =>
    Effect.gen(function*() {
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(
        Effect.andThen(Effect.all([dying("first"), dying("second")]), Effect.fail("body"))
      )
      assert.deepStrictEqual(exit, Exit.fail("body"))
      assert.deepStrictEqual(dropErrors.map(({ cause, resource }) => [resource, cause]), [
        ["a plain finalizer", Cause.die("second")],
        ["a plain finalizer", Cause.die("first")]
      ])
    }))

  it.effect("takes apart what an owner inside it died of", () =>
    Effect.gen(function*() {
      const failing = (name: string) => AsyncDrop.acquireRelease(Effect.void, () => Effect.fail(name), { name })
      const { dropErrors } = yield* AsyncDrop.scopedExit(
        Effect.provide(Effect.andThen(failing("a"), failing("b")), DropScope.layerOrDie)
      )
      assert.deepStrictEqual(dropErrors.map(({ resource }) => resource), ["b", "a"])
    }))

  it.effect("gives errors of plain finalizers beyond its cap to the reporter", () =>
    Effect.gen(function*() {
      const reported: Array<string> = []
      const exit = yield* Effect.all([dying(1), dying(2), dying(3)]).pipe(
        AsyncDrop.scoped({ maxErrors: 1 }),
        Effect.provideService(DropReporter.DropReporter, (error) =>
          Effect.sync(() => reported.push(String(error.cause)))),
        Effect.exit
      )
      assert.strictEqual(failureOf(exit).errors.length, 1)
      assert.strictEqual(failureOf(exit).dropped, 2)
      assert.strictEqual(reported.length, 2)
    }))
})

describe("AsyncDrop.use", () => {
  it.effect("drops the value when its use has ended, each time it is run", () =>
    Effect.gen(function*() {
      const made: Array<Socket> = []
      const acquire = Effect.sync(() => {
        const socket = new Socket()
        made.push(socket)
        return socket
      })
      const program = acquire.pipe(AsyncDrop.use((socket) => Effect.succeed(socket.closed.length)))
      const exits = yield* Effect.all([Effect.exit(program), Effect.exit(program)], { concurrency: "unbounded" })
      assert.deepStrictEqual(exits.map((exit) => failureOf(exit).errors[0].cause), [
        Cause.fail("busy"),
        Cause.fail("busy")
      ])
      assert.deepStrictEqual(made.map((socket) => [socket.reads, socket.closed]), [
        [1, [Exit.succeed(0)]],
        [1, [Exit.succeed(0)]]
      ])
    }))
})

describe("AsyncDrop.acquireUseRelease", () => {
  it.effect("acquires, uses and releases in this order", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const result = yield* AsyncDrop.acquireUseRelease(
        Effect.as(said(log, "acquire"), 1),
        (n) => Effect.as(said(log, "use"), n + 1),
        (n, exit) => said(log, `release ${n} ${exit}`)
      )
      assert.strictEqual(result, 2)
      assert.deepStrictEqual(log, ["acquire", "use", "release 1 Success(2)"])
    }))

  it.effect("uses nothing when the acquire fails", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(
        AsyncDrop.acquireUseRelease(Effect.fail("no"), () => Effect.die("used"), () => Effect.die("released"))
      )
      assert.deepStrictEqual(exit, Exit.fail("no"))
    }))

  it.effect("releases when its use throws", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const exit = yield* Effect.exit(AsyncDrop.acquireUseRelease(Effect.void, (): Effect.Effect<void> => {
        throw "boom"
      }, () => said(log, "release")))
      assert.deepStrictEqual(exit, Exit.die("boom"))
      assert.deepStrictEqual(log, ["release"])
    }))

  it.effect("can be interrupted in its use only", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const program = AsyncDrop.acquireUseRelease(
        Effect.andThen(Effect.yieldNow, said(log, "acquired")),
        () => Effect.onInterrupt(Effect.never, () => said(log, "used")),
        () => Effect.andThen(Effect.yieldNow, said(log, "released"))
      )
      const fiber = yield* Effect.forkChild(program, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["acquired", "released"])
    }))
})

describe("AsyncDrop.all", () => {
  const broken = Effect.fail("broken")

  it.effect("takes tuples, iterables and records, and keeps what it acquired in the scope", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        assert.deepStrictEqual(yield* AsyncDrop.all([open(log, "a"), Effect.succeed(1)]), ["a", 1])
        assert.deepStrictEqual(yield* AsyncDrop.all(new Set([open(log, "b")])), ["b"])
        assert.deepStrictEqual(yield* AsyncDrop.all({ c: open(log, "c"), d: open(log, "d") }, { concurrency: 2 }), {
          c: "c",
          d: "d"
        })
        log.push("body")
      }))
      assert.deepStrictEqual(log, [
        "open a",
        "open b",
        "open c",
        "open d",
        "body",
        "drop d",
        "drop c",
        "drop b",
        "drop a"
      ])
    }))

  it.effect("drops all it acquired, newest first, when one fails, before the failure is seen", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        yield* open(log, "outer")
        const exit = yield* Effect.exit(AsyncDrop.all([open(log, "a"), open(log, "b"), broken]))
        assert.deepStrictEqual(exit, Exit.fail("broken"))
        log.push("seen")
      }))
      assert.deepStrictEqual(log, ["open outer", "open a", "open b", "drop b", "drop a", "seen", "drop outer"])
    }))

  it.effect("drops what was acquired side by side when it is interrupted", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(
          AsyncDrop.all([open(log, "a"), open(log, "b"), Effect.never], { concurrency: "unbounded" }),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(fiber)
        log.push("interrupted")
      }))
      assert.deepStrictEqual(log, ["open a", "open b", "drop b", "drop a", "interrupted"])
    }))

  it.effect("keeps every error of a roll-back in the scope's failure", () =>
    Effect.gen(function*() {
      const failing = (name: string) => AsyncDrop.acquireRelease(Effect.void, () => Effect.fail(name), { name })
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(AsyncDrop.all([failing("a"), failing("b"), broken]))
      assert.deepStrictEqual(exit, Exit.fail("broken"))
      assert.deepStrictEqual(dropErrors.map(({ cause }) => cause), [Cause.fail("b"), Cause.fail("a")])
    }))

  it.effect("leaves nothing in a scope in which nothing was acquired", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(AsyncDrop.all([Effect.succeed(1)]), scope)
      yield* Effect.exit(Scope.provide(AsyncDrop.all([open([], "a"), broken]), scope))
      assert.strictEqual(scope.state._tag, "Empty")
    }))

  it.effect("leaves nothing in a long scope when its parts were dropped early", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      for (let i = 0; i < 10; i++) {
        const [guard] = yield* Scope.provide(
          AsyncDrop.all([AsyncDropGuard.make(Effect.succeed(i), () => Effect.void)]),
          scope
        )
        yield* AsyncDropGuard.drop(guard)
      }
      assert.strictEqual(scope.state._tag, "Empty")
    }))

  it.effect("keeps the failure typed when a plain finalizer dies in the roll-back", () =>
    Effect.gen(function*() {
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(
        AsyncDrop.all([Effect.addFinalizer(() => Effect.die("boom")), broken])
      )
      assert.deepStrictEqual(exit, Exit.fail("broken"))
      assert.deepStrictEqual(dropErrors.map(({ cause }) => cause), [Cause.die("boom")])
    }))

  it.effect("runs where there is no scope and none is needed", () =>
    Effect.gen(function*() {
      const result = yield* Effect.promise(() => Effect.runPromise(AsyncDrop.all({ a: Effect.succeed(1) })))
      assert.deepStrictEqual(result, { a: 1 })
    }))
})

describe("AsyncDrop.launch", () => {
  it.effect("keeps a layer until it is interrupted, and then releases it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const layer = Layer.effect(Tenant, open(log, "tenant"))
      const fiber = yield* Effect.forkChild(AsyncDrop.launch(layer), { startImmediately: true })
      assert.deepStrictEqual(log, ["open tenant"])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["open tenant", "drop tenant"])
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(isInterrupted(exit))
    }))

  it.effect("fails with what a layer fails to build with", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const layer = Layer.effect(Tenant, Effect.andThen(open(log, "tenant"), Effect.fail("no")))
      assert.deepStrictEqual(yield* Effect.exit(layer.pipe(AsyncDrop.launch({ maxErrors: 1 }))), Exit.fail("no"))
      assert.deepStrictEqual(log, ["open tenant", "drop tenant"])
    }))
})

describe("DropObserver", () => {
  it.effect("sees each step of each life, whoever ends it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const observer = (event: DropObserver.Event) => void log.push(`${event._tag} ${event.resource}`)
      yield* Effect.exit(AsyncDrop.scoped(Effect.gen(function*() {
        yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("x"), { name: "a" })
        yield* AsyncDrop.acquireUseRelease(Effect.void, () => Effect.void, () => Effect.void, { name: "b" })
      }))).pipe(Effect.provideService(DropObserver.DropObserver, observer))
      assert.deepStrictEqual(log, ["Acquired a", "Acquired b", "Dropping b", "Dropped b", "Dropping a", "Dropped a"])
    }))

  it.effect("gets stacks when it asks for them, and so do errors", () =>
    Effect.gen(function*() {
      const stacks: Array<string | undefined> = []
      const observer = Object.assign((event: DropObserver.Event) => {
        if (event._tag === "Acquired") stacks.push(event.acquiredAt)
      }, { stacks: true })
      const { dropErrors } = yield* AsyncDrop.scopedExit(
        AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("x"))
      ).pipe(Effect.provideService(DropObserver.DropObserver, observer))
      assert.isString(stacks[0])
      assert.strictEqual(dropErrors[0]?.acquiredAt, stacks[0])
    }))

  it.effect("that throws changes nothing", () =>
    Effect.gen(function*() {
      const observer = () => {
        throw "boom"
      }
      const result = yield* AsyncDrop.scoped(open([], "a")).pipe(
        Effect.provideService(DropObserver.DropObserver, observer)
      )
      assert.strictEqual(result, "a")
    }))
})

describe("DropFailure", () => {
  it.effect("describes whatever a release ends with, at once", () =>
    Effect.gen(function*() {
      const revoked = Proxy.revocable({}, {})
      revoked.revoke()
      const nameless = Object.assign(new Error(""), { name: undefined })
      const rows = Array.from({ length: 100_000 }, (_, i) => ({ i }))
      const errors = [revoked.proxy, nameless, Symbol("s"), { rows }, null, 5n, [1, 2]]
      const exit = yield* Effect.exit(AsyncDrop.scoped(
        Effect.forEach(
          errors,
          (error) => AsyncDrop.acquireRelease(Effect.void, () => Effect.fail(error), { name: "r" })
        )
      ))
      assert.deepStrictEqual(failureOf(exit).message.split("\n").slice(1, -1), [
        "  r: its release failed with [2 items]",
        "  r: its release failed with 5",
        "  r: its release failed with null",
        "  r: its release failed with { rows: [100000 items] }",
        "  r: its release failed with Symbol(s)",
        "  r: its release failed with undefined { name: undefined }",
        "  r: its release failed with a value that cannot be printed"
      ])
    }))

  it.effect("names a resource that cannot be asked for its class", () =>
    Effect.gen(function*() {
      const { proxy, revoke } = Proxy.revocable({}, {})
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("older"), { name: "older" })
        yield* AsyncDrop.acquireRelease(Effect.succeed(proxy), () =>
          Effect.andThen(Effect.sync(revoke), Effect.fail("x")))
      }))
      assert.deepStrictEqual(
        dropErrors.map(({ resource }) =>
          resource.replace(/\d+/, "n")
        ),
        ["resource#n", "older"]
      )
    }))

  it.effect("is typed when only an error beyond the cap is", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(AsyncDrop.scoped(
        Effect.andThen(
          AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("typed")),
          AsyncDrop.acquireRelease(Effect.void, () => Effect.die("defect"))
        ),
        { maxErrors: 1 }
      )).pipe(Effect.provideService(DropReporter.DropReporter, () => Effect.void))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
    }))
})

describe("DropError", () => {
  it.effect("says when its release started and how long it took, on the clock in use", () =>
    Effect.gen(function*() {
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        yield* AsyncDrop.acquireRelease(Effect.void, () =>
          Effect.andThen(TestClock.adjust("3 seconds"), Effect.fail("x")))
        yield* TestClock.adjust("1 second")
        yield* AsyncDrop.acquireRelease(Effect.void, () =>
          TestClock.adjust("2 seconds"))
        yield* TestClock.adjust("1 second")
      }))
      const [error] = dropErrors
      assert.strictEqual(error?.startedAt, 4000)
      assert.strictEqual(error && Duration.toMillis(error.duration), 3000)
    }))
})
