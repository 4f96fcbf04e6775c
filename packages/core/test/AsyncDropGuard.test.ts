import { AsyncDrop, AsyncDropGuard, DropCycle, DropReporter, DropScope, DropUsageError } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Latch, Logger, Scheduler, Scope } from "effect"
import { inspect } from "node:util"

/** A guard over `name` that logs its release, and fails it where told to. */
const open = <DE = never>(
  log: Array<string>,
  name: string,
  then: Effect.Effect<unknown, DE> = Effect.void as Effect.Effect<unknown, DE> // DE is never unless `then` is given
) =>
  AsyncDropGuard.make(
    Effect.succeed(name),
    () => Effect.andThen(Effect.sync(() => log.push(`drop ${name}`)), then),
    { name }
  )

const reportedTo = (log: Array<string>) =>
  Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => log.push(`reported ${error.resource}`)))

const diesOfUsage = (exit: Exit.Exit<unknown, unknown>, state: string) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropUsageError.DropUsageError)
  assert.strictEqual(defect.state, state)
}

const diesOfCycle = (exit: Exit.Exit<unknown, unknown>, chain: ReadonlyArray<string>) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropCycle.DropCycle)
  assert.deepStrictEqual(defect.chain, chain)
}

describe("AsyncDropGuard.make", () => {
  it.effect("is dropped by its scope, newest first", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.andThen(open(log, "a"), open(log, "b")))
      assert.deepStrictEqual(log, ["drop b", "drop a"])
    }))

  it.effect("is dropped once when it was dropped by hand", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.flatMap(open(log, "a"), AsyncDropGuard.drop))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("hands the scope's exit to the release, and no more than a void success to a drop by hand", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const guard = AsyncDropGuard.make(Effect.succeed(1), (_, exit) => Effect.sync(() => exits.push(exit)))
      yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(guard, Effect.fail("body"))))
      yield* AsyncDrop.scoped(Effect.flatMap(guard, AsyncDropGuard.drop))
      assert.deepStrictEqual(exits, [Exit.fail("body"), Exit.void])
    }))

  it.effect("leaves nothing in a long scope once it was dropped", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const fleeting = Effect.flatMap(open([], "a"), AsyncDropGuard.drop).pipe(Scope.provide(scope))
      yield* fleeting
      assert.strictEqual(scope.state._tag, "Empty")
      yield* Scope.addFinalizer(scope, Effect.void)
      yield* Scope.addFinalizer(scope, Effect.void)
      for (let i = 0; i < 10; i++) yield* fleeting
      assert.strictEqual(scope.state._tag === "Open" && scope.state.finalizers?.size, 2)
    }))
})

describe("AsyncDropGuard.makeUnscoped", () => {
  it.effect("is owned by nobody until it is dropped", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const guard = yield* AsyncDropGuard.makeUnscoped(Effect.succeed("a"), () => Effect.sync(() => log.push("drop a")))
      assert.deepStrictEqual(log, [])
      yield* AsyncDropGuard.drop(guard)
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("is dropped when its maker was interrupted during the acquire, and its error is reported", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const acquiring = yield* Latch.make()
      const go = yield* Latch.make()
      const maker = yield* AsyncDropGuard.makeUnscoped(
        Effect.andThen(acquiring.open, go.await),
        () => Effect.andThen(Effect.sync(() => log.push("drop a")), Effect.fail("a")),
        { name: "a" }
      ).pipe(reportedTo(log), Effect.forkChild)
      yield* acquiring.await
      const interrupt = yield* Effect.forkChild(Fiber.interrupt(maker), { startImmediately: true })
      yield* go.open
      yield* Fiber.join(interrupt)
      assert.deepStrictEqual(log, ["drop a", "reported a"])
    }))
})

class Socket implements AsyncDrop.AsyncDrop<"busy"> {
  closed = 0;
  [AsyncDrop.asyncDrop]() {
    return Effect.andThen(Effect.sync(() => this.closed++), Effect.fail("busy" as const))
  }
}

describe("AsyncDropGuard.fromAsyncDrop", () => {
  it.effect("drops by the value's own release and is named by its class", () =>
    Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.fromAsyncDrop(Effect.sync(() => new Socket()))
      const socket = yield* AsyncDropGuard.get(guard)
      assert.match(guard.name, /^Socket#\d+$/)
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropGuard.drop(guard)), Exit.fail("busy" as const))
      assert.strictEqual(socket.closed, 1)
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropGuard.use", () => {
  it.effect("lends the value, and gives what its body gives", () =>
    Effect.gen(function*() {
      const guard = yield* open([], "a")
      assert.deepStrictEqual(yield* AsyncDropGuard.use(guard, (a) => Effect.succeed(`${a}!`)), "a!")
      assert.deepStrictEqual(
        yield* Effect.exit(guard.pipe(AsyncDropGuard.use(() => Effect.fail("no")))),
        Exit.fail("no")
      )
    }).pipe(AsyncDrop.scoped))

  it.effect("ends its borrow when its body throws", () =>
    Effect.gen(function*() {
      const guard = yield* open([], "a")
      const thrown = AsyncDropGuard.use(guard, (): Effect.Effect<void> => {
        throw "boom"
      })
      assert.deepStrictEqual(yield* Effect.exit(thrown), Exit.die("boom"))
      yield* AsyncDropGuard.drop(guard)
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps the value alive: a drop waits until it has ended, and new uses are refused", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const guard = yield* open(log, "a")
      const used = yield* Latch.make()
      const user = yield* Effect.forkChild(
        AsyncDropGuard.use(guard, () => Effect.andThen(used.await, Effect.sync(() => log.push("used")))),
        { startImmediately: true }
      )
      const dropper = yield* Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true })
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.use(guard, Effect.succeed)), "being dropped")
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.get(guard)), "being dropped")
      assert.isTrue(AsyncDropGuard.isDropped(guard))
      assert.deepStrictEqual(log, [])
      yield* used.open
      yield* Fiber.joinAll([user, dropper])
      assert.deepStrictEqual(log, ["used", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is waited for by the scope's close", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const used = yield* Latch.make()
      const scope = yield* Scope.make()
      const guard = yield* Scope.provide(open(log, "a"), scope)
      yield* Effect.forkChild(
        AsyncDropGuard.use(guard, () => Effect.andThen(used.await, Effect.sync(() => log.push("used")))),
        { startImmediately: true }
      )
      const closer = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.deepStrictEqual(log, [])
      yield* used.open
      yield* Fiber.join(closer)
      assert.deepStrictEqual(log, ["used", "drop a"])
    }))

  it.effect("of a guard that was dropped, unwrapped or mapped is a usage error that names the state", () =>
    Effect.gen(function*() {
      const dropped = yield* open([], "a")
      yield* AsyncDropGuard.drop(dropped)
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.use(dropped, Effect.succeed)), "dropped")
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.get(dropped)), "dropped")
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.unwrap(dropped)), "dropped")
      const unwrapped = yield* open([], "b")
      yield* AsyncDropGuard.unwrap(unwrapped)
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.use(unwrapped, Effect.succeed)), "given away by unwrap")
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.drop(unwrapped)), "given away by unwrap")
      const mapped = yield* open([], "c")
      yield* AsyncDropGuard.map(mapped, (c) => c.length)
      diesOfUsage(yield* Effect.exit(AsyncDropGuard.get(mapped)), "given away by map")
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropGuard.drop", () => {
  it.effect("fails with the release's own error, and the scope does not repeat it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const exit = yield* Effect.exit(AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* open(log, "a", Effect.fail("a is busy"))
        return yield* Effect.exit(AsyncDropGuard.drop(guard))
      })))
      assert.deepStrictEqual(exit, Exit.succeed(Exit.fail("a is busy")))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("gives every dropper, early or late, the same outcome of one release", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const guard = yield* open(log, "a", Effect.andThen(go.await, Effect.fail("busy")))
      const droppers = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true }))
      yield* go.open
      const exits = yield* Fiber.awaitAll(droppers)
      assert.deepStrictEqual(exits, [Exit.fail("busy"), Exit.fail("busy"), Exit.fail("busy")])
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropGuard.drop(guard)), Exit.fail("busy"))
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is waited for by whoever interrupts the dropper, and the owner gets the error", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const guard = yield* open(log, "a", Effect.andThen(go.await, Effect.fail("busy")))
        const dropper = yield* Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true })
        const interrupter = yield* Effect.forkChild(
          Effect.andThen(Fiber.interrupt(dropper), Effect.sync(() => log.push("interrupted"))),
          { startImmediately: true }
        )
        assert.deepStrictEqual(log, ["drop a"])
        yield* go.open
        yield* Fiber.join(interrupter)
      }))
      assert.deepStrictEqual(log, ["drop a", "interrupted"])
      assert.deepStrictEqual(dropErrors.map((error) => [error.resource, error.cause]), [["a", Cause.fail("busy")]])
    }))

  it.effect("counts as delivered when one of several droppers was not interrupted", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const guard = yield* open([], "a", Effect.andThen(go.await, Effect.fail("busy")))
        const first = yield* Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true })
        const second = yield* Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true })
        const interrupter = yield* Effect.forkChild(Fiber.interrupt(first), { startImmediately: true })
        yield* go.open
        yield* Fiber.join(interrupter)
        return yield* Fiber.await(second)
      }))
      assert.deepStrictEqual(exit, Exit.succeed(Exit.fail("busy")))
      assert.deepStrictEqual(dropErrors, [])
    }))

  it.effect("joins a release that the closing scope runs, which then does not keep the error", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const begun = yield* Latch.make()
      const escaped = yield* Deferred.make<AsyncDropGuard.AsyncDropGuard<string, string>>()
      const closing = yield* Effect.forkChild(AsyncDrop.scopedExit(Effect.gen(function*() {
        const guard = yield* open([], "a", Effect.andThen(begun.open, Effect.andThen(go.await, Effect.fail("busy"))))
        yield* Deferred.succeed(escaped, guard)
      })))
      yield* begun.await
      const dropper = yield* Effect.forkChild(AsyncDropGuard.drop(yield* Deferred.await(escaped)), {
        startImmediately: true
      })
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.await(dropper), Exit.fail("busy"))
      assert.deepStrictEqual((yield* Fiber.join(closing)).dropErrors, [])
    }))

  it.effect("inside its own use, or its own release, is a cycle and not a hang", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard: AsyncDropGuard.AsyncDropGuard<string> = yield* AsyncDropGuard.make(
          Effect.succeed("a"),
          () => Effect.flatMap(Effect.exit(AsyncDropGuard.drop(guard)), (exit) => Effect.sync(() => exits.push(exit))),
          { name: "a" }
        )
        for (
          const operation of [
            AsyncDropGuard.drop(guard),
            AsyncDropGuard.unwrap(guard),
            AsyncDropGuard.map(guard, (a) => a),
            AsyncDropGuard.transfer(guard, yield* Effect.scope)
          ]
        ) {
          const inside = AsyncDropGuard.use(guard, () => Effect.exit(operation as Effect.Effect<unknown>)) // of no error
          diesOfCycle(yield* inside, ["a", "a"])
        }
        assert.isFalse(AsyncDropGuard.isDropped(guard))
      }))
      assert.strictEqual(exits.length, 1)
      diesOfCycle(exits[0]!, ["a", "a"])
    }))

  it.effect("of two guards that each other's users wait for is a cycle that names both", () =>
    Effect.gen(function*() {
      const a = yield* open([], "a")
      const b = yield* open([], "b")
      const first = yield* Effect.forkChild(AsyncDropGuard.use(a, () => AsyncDropGuard.unwrap(b)), {
        startImmediately: false
      })
      const exit = yield* AsyncDropGuard.use(b, () =>
        Effect.andThen(Effect.yieldNow, Effect.exit(AsyncDropGuard.drop(a))))
      diesOfCycle(exit, ["a", "b", "a"])
      assert.deepStrictEqual(yield* Fiber.await(first), Exit.succeed("b"))
    }).pipe(AsyncDrop.scoped))

  it.effect("by a fibre that was started inside its use is one warning, since the use may wait for it", () =>
    Effect.gen(function*() {
      const warnings: Array<unknown> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(message)
      })
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* open(log, "a")
        const droppers = yield* AsyncDropGuard.use(
          guard,
          () => Effect.forEach([1, 2], () => Effect.forkDetach(AsyncDropGuard.drop(guard), { startImmediately: true }))
        )
        yield* Fiber.joinAll(droppers)
      })).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(log, ["drop a"])
      assert.strictEqual(warnings.length, 1)
      assert.include(String(warnings[0]), "drop of a ")
    }))

  it.effect("of a scope from inside a use of what it owns ends with the cycle as its error, and the release follows", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const errors: Array<unknown> = []
      const guard = yield* Scope.provide(open(log, "a"), scope)
      yield* AsyncDropGuard.use(
        guard,
        () => Effect.andThen(Scope.close(scope, Exit.void), Effect.sync(() => log.push("used")))
      )
      assert.deepStrictEqual(log, ["used", "drop a"])
      assert.deepStrictEqual(errors, [])
    }).pipe(reportedTo([])))
})

describe("AsyncDropGuard under pressure", () => {
  it.live("two uses that drop each other's guard never hang, whichever step they yield at", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops <= 12; ops++) {
        for (const end of [AsyncDropGuard.drop, AsyncDropGuard.unwrap]) {
          const a = yield* AsyncDropGuard.makeUnscoped(Effect.succeed("a"), () => Effect.void, { name: "a" })
          const b = yield* AsyncDropGuard.makeUnscoped(Effect.succeed("b"), () => Effect.void, { name: "b" })
          const crossing = (held: typeof a, wanted: typeof a) =>
            AsyncDropGuard.use(held, () => Effect.andThen(Effect.yieldNow, end(wanted))).pipe(
              Effect.provideService(Scheduler.MaxOpsBeforeYield, ops),
              Effect.forkChild
            )
          const fibers = [yield* crossing(a, b), yield* crossing(b, a)]
          const exits = yield* Fiber.awaitAll(fibers)
          assert.isAtLeast(exits.filter(Exit.isFailure).length, 1)
        }
      }
    }))

  it.effect("is released although the logger of its warning throws", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const throwing = Logger.make(() => {
        throw new Error("disk full")
      })
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* open(log, "a")
        yield* AsyncDropGuard.use(
          guard,
          () => Effect.forkDetach(AsyncDropGuard.drop(guard), { startImmediately: true })
        )
      })).pipe(Effect.provide(Logger.layer([throwing])))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("is released although its last use ends while its owner learns of a cycle", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const scope = yield* Scope.make()
      let user: Fiber.Fiber<unknown, unknown> | undefined
      const l = yield* Scope.provide(open(log, "l"), scope).pipe(
        Effect.provideService(DropReporter.DropReporter, () => Effect.sync(() => user?.interruptUnsafe()))
      )
      const m = yield* AsyncDropGuard.makeUnscoped(Effect.succeed("m"), () => Effect.void, { name: "m" })
      const closer = yield* Effect.forkChild(
        AsyncDropGuard.use(m, () => Effect.andThen(go.await, Scope.close(scope, Exit.void))),
        { startImmediately: true }
      )
      user = yield* Effect.forkChild(AsyncDropGuard.use(l, () => AsyncDropGuard.unwrap(m)), { startImmediately: true })
      yield* go.open
      yield* Fiber.join(closer)
      yield* AsyncDropGuard.drop(l)
      assert.deepStrictEqual(log, ["drop l"])
    }))

  it.effect("gives its error once when a refused taker drops it in turn", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const used = yield* Latch.make()
      const guard = yield* AsyncDropGuard.makeUnscoped(Effect.succeed("a"), () => Effect.fail("busy"), { name: "a" })
        .pipe(
          reportedTo(log)
        )
      yield* Effect.forkChild(AsyncDropGuard.use(guard, () => used.await), { startImmediately: true })
      const taker = yield* AsyncDropGuard.unwrap(guard).pipe(
        Effect.catchCause(() => AsyncDropGuard.drop(guard)),
        Effect.provideService(Scheduler.MaxOpsBeforeYield, 11),
        Effect.forkChild({ startImmediately: true })
      )
      const dropper = yield* Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true })
      const interrupter = yield* Effect.forkChild(Fiber.interrupt(dropper), { startImmediately: true })
      yield* used.open
      yield* Fiber.join(interrupter)
      assert.deepStrictEqual(yield* Fiber.await(taker), Exit.fail("busy"))
      assert.deepStrictEqual(log, [])
    }))

  it.effect("of a parallel scope is released once when another release maps it, and not when one moves it away", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const other = yield* Scope.make()
      const closing = (act: (guard: AsyncDropGuard.AsyncDropGuard<string>) => Effect.Effect<unknown>) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make("parallel")
          const guard = yield* Scope.provide(open(log, "a"), scope)
          yield* Scope.provide(AsyncDrop.acquireRelease(Effect.void, () => act(guard)), scope)
          yield* Scope.close(scope, Exit.void)
        })
      yield* closing(AsyncDropGuard.map((a) => `${a}!`))
      assert.deepStrictEqual(log.splice(0), ["drop a"])
      yield* closing(AsyncDropGuard.transfer(other))
      assert.deepStrictEqual(log.splice(0), [])
      yield* Scope.close(other, Exit.void)
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("of a parallel scope that is closed inside its use gets a cycle, not a hang", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const scope = yield* Scope.make("parallel")
      const guard = yield* Scope.provide(open(log, "a"), scope).pipe(reportedTo(log))
      yield* AsyncDropGuard.use(guard, () => Scope.close(scope, Exit.void))
      assert.deepStrictEqual(log, ["reported a", "drop a"])
    }))

  it.effect("made unscoped gives an error that no dropper took to the reporter, and not to a scope around", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const guard = yield* AsyncDropGuard.makeUnscoped(
          Effect.void,
          () => Effect.andThen(go.await, Effect.fail("busy")),
          { name: "a" }
        ).pipe(reportedTo(log))
        const dropper = yield* Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true })
        const interrupter = yield* Effect.forkChild(Fiber.interrupt(dropper), { startImmediately: true })
        yield* go.open
        yield* Fiber.join(interrupter)
        const exit = yield* Fiber.await(dropper)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }))
      assert.deepStrictEqual([dropErrors, log], [[], ["reported a"]])
    }))

  it.effect("makes its owner die by layerOrDie of an error that an interrupted dropper left", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const scope = yield* Scope.make()
      const guard = yield* Scope.provide(open([], "a", Effect.andThen(go.await, Effect.fail("busy"))), scope)
      const dropper = yield* Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true })
      const closer = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      const interrupter = yield* Effect.forkChild(Fiber.interrupt(dropper), { startImmediately: true })
      yield* go.open
      yield* Fiber.join(interrupter)
      const exit = yield* Fiber.await(closer)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }).pipe(Effect.provide(DropScope.layerOrDie)))

  it.effect("is mapped 20,000 times and still released", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        let guard: AsyncDropGuard.AsyncDropGuard<number> = yield* Effect.flatMap(
          open(log, "a"),
          AsyncDropGuard.map(() => 0)
        )
        for (let i = 0; i < 20_000; i++) guard = yield* AsyncDropGuard.map(guard, (n) => n + 1)
        assert.strictEqual(yield* AsyncDropGuard.get(guard), 20_000)
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))
})

describe("AsyncDropGuard.unwrap", () => {
  it.effect("gives the value, and its release never runs", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const value = yield* AsyncDrop.scoped(Effect.flatMap(open(log, "a"), AsyncDropGuard.unwrap))
      assert.strictEqual(value, "a")
      assert.deepStrictEqual(log, [])
    }))

  it.effect("waits for the uses begun, and leaves the guard live when it is interrupted", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* open(log, "a")
        const user = yield* Effect.forkChild(AsyncDropGuard.use(guard, () => Effect.never), { startImmediately: true })
        const taker = yield* Effect.forkChild(AsyncDropGuard.unwrap(guard), { startImmediately: true })
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.unwrap(guard)), "being given away by unwrap")
        yield* Fiber.interrupt(taker)
        assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
        yield* Fiber.interrupt(user)
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("is refused when a drop takes over while it waits", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const guard = yield* open(log, "a")
      const used = yield* Latch.make()
      yield* Effect.forkChild(AsyncDropGuard.use(guard, () => used.await), { startImmediately: true })
      const taker = yield* Effect.forkChild(AsyncDropGuard.unwrap(guard), { startImmediately: true })
      const dropper = yield* Effect.forkChild(AsyncDropGuard.drop(guard), { startImmediately: true })
      diesOfUsage(yield* Fiber.await(taker), "being dropped")
      yield* used.open
      yield* Fiber.join(dropper)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropGuard.map", () => {
  it.effect("keeps resource, name and place in the order", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        yield* open(log, "a")
        const b = yield* open(log, "b")
        yield* open(log, "c")
        const length = yield* AsyncDropGuard.map(b, (value) => value.length)
        assert.strictEqual(length.name, "b")
        assert.strictEqual(yield* AsyncDropGuard.get(length), 1)
      }))
      assert.deepStrictEqual(log, ["drop c", "drop b", "drop a"])
    }))

  it.effect("leaves the guard as it was when the function throws", () =>
    Effect.gen(function*() {
      const guard = yield* open([], "a")
      const thrown = AsyncDropGuard.map(guard, () => {
        throw "boom"
      })
      assert.deepStrictEqual(yield* Effect.exit(thrown), Exit.die("boom"))
      assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
    }).pipe(AsyncDrop.scoped))
})

class Tenant extends Context.Service<Tenant, string>()("Tenant") {}

describe("AsyncDropGuard.transfer", () => {
  it.effect("moves the guard: the old scope no longer releases it, the new one does", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      yield* AsyncDrop.scoped(Effect.flatMap(open(log, "a"), AsyncDropGuard.transfer(scope)))
      assert.deepStrictEqual(log, [])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("keeps the services of the acquire and gives errors to the caller's place", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const scope = yield* Effect.scope
        const inner = yield* AsyncDrop.scopedExit(
          Effect.gen(function*() {
            const guard = yield* AsyncDropGuard.make(
              Effect.succeed(1),
              () =>
                Effect.flatMap(
                  Tenant,
                  (tenant) => Effect.andThen(Effect.sync(() => log.push(tenant)), Effect.fail("x"))
                )
            ).pipe(Effect.provideService(Tenant, "inner"))
            return guard
          }).pipe(Effect.tap((guard) => AsyncDropGuard.transfer(guard, scope)), Effect.provideService(Tenant, "other"))
        )
        return inner.dropErrors.length
      }))
      assert.deepStrictEqual(log, ["inner"])
      assert.deepStrictEqual(outer.exit, Exit.succeed(0))
    }))

  it.effect("into a closed scope moves nothing and interrupts", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const closed = yield* Scope.make()
      yield* Scope.close(closed, Exit.void)
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* open(log, "a")
        const exit = yield* Effect.exit(AsyncDropGuard.transfer(guard, closed))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))
})

describe("AsyncDropGuard at the edge of Effect", () => {
  it.live("is awaited by `await using`, and its error is thrown", () =>
    Effect.promise(async () => {
      const log: Array<string> = []
      {
        await using guard = await Effect.runPromise(
          AsyncDropGuard.makeUnscoped(Effect.succeed("a"), () => Effect.sync(() => log.push("drop a")))
        )
        log.push(`used ${await Effect.runPromise(AsyncDropGuard.get(guard))}`)
      }
      assert.deepStrictEqual(log, ["used a", "drop a"])
      const failing = await Effect.runPromise(
        AsyncDropGuard.makeUnscoped(Effect.succeed("a"), () => Effect.fail(new Error("busy")))
      )
      const thrown = await failing[Symbol.asyncDispose]().then(() => undefined, (error) => error)
      assert.strictEqual(thrown.message, "busy")
    }))

  it.effect("is disposed synchronously where its release is", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const guard = yield* AsyncDropGuard.makeUnscoped(
        Effect.succeed("a"),
        () => Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push("drop a")))
      )
      {
        using _ = AsyncDropGuard.toDisposable(guard)
        log.push("used")
      }
      assert.deepStrictEqual(log, ["used", "drop a"])
      const failing = yield* AsyncDropGuard.makeUnscoped(Effect.succeed("a"), () => Effect.fail("busy"))
      assert.throws(() => AsyncDropGuard.toDisposable(failing)[Symbol.dispose](), "busy")
    }))

  it.effect("throws, naming itself, where its release is not synchronous, and the failure is reported", () =>
    Effect.gen(function*() {
      const reported = yield* Deferred.make<string>()
      const go = yield* Latch.make()
      const guard = yield* AsyncDropGuard.makeUnscoped(
        Effect.succeed("a"),
        () => Effect.andThen(go.await, Effect.fail("busy")),
        { name: "slow" }
      ).pipe(
        Effect.provideService(DropReporter.DropReporter, (error) => Deferred.succeed(reported, error.resource))
      )
      assert.throws(() => AsyncDropGuard.toDisposable(guard)[Symbol.dispose](), /slow/)
      assert.isTrue(AsyncDropGuard.isDropped(guard))
      yield* go.open
      assert.strictEqual(yield* Deferred.await(reported), "slow")
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropGuard.drop(guard)), Exit.fail("busy"))
    }))

  it.effect("prints its name and state, never the value inside", () =>
    Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.make(Effect.succeed({ password: "secret" }), () => Effect.void, {
        name: "db"
      })
      assert.isTrue(AsyncDropGuard.isAsyncDropGuard(guard))
      for (const text of [inspect(guard, { depth: 9 }), String(guard), JSON.stringify(guard)]) {
        assert.include(text, "db")
        assert.include(text, "live")
        assert.notInclude(text, "secret")
      }
    }).pipe(AsyncDrop.scoped))
})
