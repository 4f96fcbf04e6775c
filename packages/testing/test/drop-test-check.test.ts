import { AsyncDrop, AsyncDropGuard, DropObserver, DropReporter, DropScope } from "@async-drop/core"
import { DropLeak } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, FiberSet, Latch, Scope, Utils } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"

/** What was found, one line for each leak, with lines of this file relative to `from`. */
const leaksOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> => {
  if (Exit.isSuccess(exit)) return []
  const leak = exit.cause.reasons.filter(Cause.isDieReason).map((reason) => reason.defect)
    .find((defect) => defect instanceof DropLeak.DropLeak)
  return leak?.leaks.map(({ kind, what }) => `${what}: ${kind}`) ?? []
}

const found = <A, E, R>(program: Effect.Effect<A, E, R>) => Effect.map(Effect.exit(DropLeak.check(program)), leaksOf)

/** Which line of which file this is. */
const line = (offset = 0): string => {
  const [, file, at] = /at .*?\(?(?:file:\/\/)?([^()]+):(\d+):\d+\)?$/m.exec(new Error().stack!.split("\n")[2]!)!
  return `${file}:${Number(at) + offset}`
}

const guard = (name: string) => AsyncDropGuard.makeUnscoped(Effect.succeed(name), () => Effect.void, { name })

/** The first lines of the message of the only leak, without columns. */
const messageOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String((Cause.squash(exit.cause) as Error).message).replace(/:\d+$/gm, "") : "no leak"

describe("DropLeak.check", () => {
  describe("finds", () => {
    it.effect("a guard that was never dropped, and names it", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* found(guard("db")), ["db: never dropped"])
      }))

    it.effect("a guard that was moved to a scope that nobody closes", () =>
      Effect.gen(function*() {
        const scope = Scope.makeUnsafe()
        const exit = yield* Effect.exit(DropLeak.check(Effect.gen(function*() {
          yield* AsyncDropGuard.transfer(yield* guard("db"), scope)
        })))
        assert.match(messageOf(exit), /1\. db was moved to another scope, which never dropped it/)
      }))

    it.effect("a resource in a scope that nobody closes", () =>
      Effect.gen(function*() {
        const scope = Scope.makeUnsafe()
        const program = AsyncDrop.acquireRelease(Effect.void, () => Effect.void, { name: "db" })
        assert.deepStrictEqual(yield* found(Scope.provide(program, scope)), ["db: never dropped"])
      }))

    it.effect("a release that does not end, and the fibre that runs it", () =>
      Effect.gen(function*() {
        const leaks = yield* found(Effect.gen(function*() {
          const stuck = yield* AsyncDropGuard.makeUnscoped(Effect.void, () => Effect.never, { name: "db" })
          yield* Effect.forkDetach(AsyncDropGuard.drop(stuck), { startImmediately: true })
        }))
        assert.deepStrictEqual(leaks.map((leak) => leak.replace(/#\d+/, "#n")), [
          "db: still being dropped",
          "#n: still running"
        ])
      }))

    it.effect("an error of a release that no one saw", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(DropLeak.check(
          AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk"), { name: "log" })
        ))
        assert.deepStrictEqual(leaksOf(exit), ["log: failed unseen"])
        assert.match(messageOf(exit), /the release of log died of "disk", and no one saw it/)
      }))

    it.effect("an error that is not the primary failure of its result", () =>
      Effect.gen(function*() {
        const program = AsyncDrop.scoped(Effect.andThen(
          AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk"), { name: "log" }),
          Effect.interrupt
        ))
        assert.deepStrictEqual(yield* found(Effect.exit(program)), ["log: failed unseen"])
      }))

    it.effect("a fibre that still runs, and interrupts it", () =>
      Effect.gen(function*() {
        const interrupted = yield* Deferred.make<void>()
        const leaks = yield* found(
          Effect.forkDetach(Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)))
        )
        assert.deepStrictEqual(leaks.map((leak) => leak.replace(/#\d+/, "#n")), ["#n: still running"])
        yield* Deferred.await(interrupted)
      }))

    it.effect("a fibre that sleeps on the test's clock, one that was forked by a runner, one that spins", () =>
      Effect.gen(function*() {
        for (
          const program of [
            Effect.forkDetach(Effect.sleep("1 hour")),
            Effect.forkDetach(Effect.sleep("1 hour"), { startImmediately: true }),
            Effect.contextWith((context: Context.Context<never>) =>
              Effect.sync(() => Effect.runForkWith(context)(Effect.never))
            ),
            Effect.forkDetach(Effect.forever(Effect.yieldNow))
          ]
        ) assert.lengthOf(yield* found(program), 1)
      }))

    it.effect("all of several leaks, and keeps the program's own failure first", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(DropLeak.check(Effect.gen(function*() {
          yield* guard("a")
          yield* guard("b")
          return yield* Effect.fail("body")
        })))
        assert.deepStrictEqual(leaksOf(exit), ["a: never dropped", "b: never dropped"])
        if (Exit.isFailure(exit)) assert.deepStrictEqual(exit.cause.reasons[0], Cause.makeFailReason("body"))
      }))
  })

  describe("names the line", () => {
    const open = guard("db")
    const whereOf = (program: Effect.Effect<unknown, unknown, Scope.Scope>) =>
      Effect.map(Effect.exit(DropLeak.check(program)), (exit) => {
        if (Exit.isSuccess(exit)) return "no leak"
        const leak = Cause.squash(exit.cause)
        return leak instanceof DropLeak.DropLeak ? leak.leaks[0]!.where!.replace(/:\d+$/, "") : String(leak)
      })

    it.effect("of the yield that acquired it, not of the effect's definition", () =>
      Effect.gen(function*() {
        let expected = ""
        const where = yield* whereOf(Effect.gen(function*() {
          yield* Effect.void
          expected = line(1)
          yield* open
          yield* Effect.void
        }))
        assert.strictEqual(where, expected)
      }))

    it.effect("of the yield around an acquire that is itself made of yields", () =>
      Effect.gen(function*() {
        let expected = ""
        const connect = Effect.gen(function*() {
          yield* Effect.yieldNow
          return yield* Effect.succeed(1)
        })
        const where = yield* whereOf(Effect.gen(function*() {
          expected = line(1)
          yield* AsyncDropGuard.makeUnscoped(connect, () => Effect.void)
        }))
        assert.strictEqual(where, expected)
      }))

    it.effect("after a yield that failed, and in a helper", () =>
      Effect.gen(function*() {
        let expected = ""
        const failing = Effect.gen(function*() {
          yield* Effect.fail("no")
        })
        const helper = Effect.fnUntraced(function*() {
          expected = line(1)
          return yield* open
        })
        const where = yield* whereOf(Effect.gen(function*() {
          yield* Effect.ignore(failing)
          yield* helper()
        }))
        assert.strictEqual(where, expected)
      }))

    it.effect("of the fork, for a fibre and for what a fibre without yields acquires", () =>
      Effect.gen(function*() {
        let expected = ""
        for (const options of [undefined, { startImmediately: true }]) {
          const fork = yield* whereOf(Effect.gen(function*() {
            expected = line(1)
            yield* Effect.forkDetach(Effect.never, options)
            yield* Effect.void
          }))
          assert.strictEqual(fork, expected)
          const acquire = yield* whereOf(Effect.gen(function*() {
            expected = line(1)
            const fiber = yield* Effect.forkChild(Effect.map(open, () => 1), options)
            yield* Fiber.join(fiber)
          }))
          assert.strictEqual(acquire, expected)
        }
      }))

    it.effect("of the check, where nothing was yielded", () =>
      Effect.gen(function*() {
        const expected = line(1)
        const exit = yield* Effect.exit(DropLeak.check(Effect.map(open, () => 1)))
        assert.strictEqual(
          messageOf(exit),
          `1 thing was left behind:\n  1. db was never dropped\n     acquired somewhere in the program at ${expected}`
        )
      }))

    it.effect("of the check, where the yields before have ended or failed", () =>
      Effect.gen(function*() {
        const failing = Effect.gen(function*() {
          yield* Effect.fail("no")
        })
        const before = Effect.gen(function*() {
          yield* Effect.ignore(failing)
        })
        const expected = line(1)
        const exit = yield* Effect.exit(DropLeak.check(Effect.andThen(before, Effect.map(open, () => 1))))
        assert.include(messageOf(exit), `somewhere in the program at ${expected}`)
      }))

    it.effect("of the caller, where a library yields", () =>
      Effect.gen(function*() {
        const code = "return function*() { yield* open }\n//# sourceURL=file:///app/node_modules/library/index.js"
        const body: () => Generator<typeof open, void> = new Function("open", code)(open)
        let expected = ""
        const where = yield* whereOf(Effect.gen(function*() {
          expected = line(1)
          yield* Effect.gen(body)
          yield* Effect.void
        }))
        assert.strictEqual(where, expected)
      }))

    it.effect("of each of two that have one name and fail alike", () =>
      Effect.gen(function*() {
        const log = AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk"), { name: "log" })
        let first = ""
        const exit = yield* Effect.exit(DropLeak.check(Effect.gen(function*() {
          first = line(1)
          yield* log
          yield* log
        })))
        const leak = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(leak, DropLeak.DropLeak)
        const number = (place: string) => Number(/:(\d+):\d+$/.exec(place)![1]) // it names a line
        const lines = leak.leaks.map((leak) => number(leak.where!))
        assert.deepStrictEqual(lines, [number(`${first}:1`) + 1, number(`${first}:1`)])
      }))

    it.effect("of the acquire whose release failed", () =>
      Effect.gen(function*() {
        let expected = ""
        for (const release of [Effect.die("disk"), Effect.fail("disk")]) {
          const where = yield* whereOf(Effect.gen(function*() {
            const interrupted = Effect.gen(function*() {
              expected = line(1)
              yield* AsyncDrop.acquireRelease(Effect.void, () => release, { name: "log" })
              yield* Effect.interrupt
            })
            // The interrupt is the primary failure, so that the error goes to the reporter as well.
            yield* Effect.exit(AsyncDrop.scoped(interrupted))
          }))
          assert.strictEqual(where, expected)
        }
      }))
  })

  describe("finds nothing where", () => {
    const clean = <A, E>(name: string, program: Effect.Effect<A, E, any>) =>
      // any: checked by the run
      it.effect(name, () =>
        Effect.map(Effect.exit(DropLeak.check(program)), (exit) =>
          assert.isTrue(Exit.isSuccess(exit), messageOf(exit))))

    clean("a resource is in the scope of the program", AsyncDropGuard.make(Effect.void, () => Effect.void))
    clean("a guard was dropped", Effect.flatMap(guard("a"), AsyncDropGuard.drop))
    clean("a guard was unwrapped", Effect.flatMap(guard("a"), AsyncDropGuard.unwrap))
    clean(
      "a guard was mapped and dropped",
      Effect.gen(function*() {
        yield* AsyncDropGuard.drop(yield* AsyncDropGuard.map(yield* guard("a"), (name) => name.length))
      })
    )
    clean(
      "a guard was moved to the scope of the program",
      Effect.gen(function*() {
        yield* AsyncDropGuard.transfer(yield* guard("a"), yield* Effect.scope)
      })
    )
    clean(
      "a failed release is in the program's result",
      Effect.gen(function*() {
        const exit = yield* Effect.exit(AsyncDrop.scoped(
          AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("disk"), { name: "log" })
        ))
        assert.isTrue(Exit.isFailure(exit))
      })
    )
    clean(
      "a failed release went to a reporter of the user's",
      Effect.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk"))).pipe(
        Effect.provideService(DropReporter.DropReporter, () => Effect.void)
      )
    )
    clean(
      "a policy takes the errors",
      Effect.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("disk"))).pipe(
        Effect.provide(DropScope.layerReport(() => Effect.void))
      )
    )
    clean(
      "fibres are supervised: by their parent, a scope, a set",
      Effect.gen(function*() {
        yield* Effect.forkChild(Effect.never)
        yield* Effect.forkScoped(Effect.never)
        const set = yield* FiberSet.make()
        yield* FiberSet.run(set, Effect.never)
        yield* Effect.forkChild(Effect.sleep("1 minute"))
        yield* Effect.yieldNow
      })
    )
    clean(
      "a supervised fibre takes its time to end",
      Effect.forkScoped(
        Effect.onInterrupt(Effect.never, () => Effect.promise(() => new Promise((r) => setTimeout(r, 5)))),
        {
          startImmediately: true
        }
      )
    )
    clean("a detached fibre is about to end", Effect.forkDetach(Effect.yieldNow.pipe(Effect.repeat({ times: 20 }))))
    clean(
      "a detached fibre handles a promise",
      Effect.forkDetach(Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10))))
    )
    clean(
      "the test's clock is used",
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.timeout(Effect.never, "1 minute"))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.await(fiber)
        yield* Effect.ignore(Effect.timeout(TestClock.withLive(Effect.sleep(1)), "1 minute"))
      })
    )
    clean("things run side by side", Effect.forEach([1, 2, 3], () => Effect.yieldNow, { concurrency: "unbounded" }))
    clean("a program does nothing", Effect.void)
  })

  it.effect("keeps the program's failure beside an error that no one saw", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(DropLeak.check(Effect.gen(function*() {
        yield* AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.die("disk"), { name: "log" })
        return yield* Effect.fail("body")
      })))
      assert.deepStrictEqual(leaksOf(exit), ["log: failed unseen"])
      if (Exit.isFailure(exit)) assert.deepStrictEqual(exit.cause.reasons[0], Cause.makeFailReason("body"))
    }))

  it.effect("gives the program's value, services and observer", () =>
    Effect.gen(function*() {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const seen: Array<string> = []
      const program = Effect.gen(function*() {
        yield* Effect.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.void))
        return yield* Name
      })
      const value = yield* DropLeak.check(program).pipe(
        Effect.provideService(Name, "alice"),
        Effect.provideService(DropObserver.DropObserver, (event) => void seen.push(event._tag))
      )
      assert.strictEqual(value, "alice")
      assert.deepStrictEqual(seen, ["Acquired", "Dropping", "Dropped"])
    }))

  it.effect("leaves errors to a reporter that was there before", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      yield* DropLeak.check(AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk"), { name: "log" })).pipe(
        Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => void seen.push(error.resource)))
      )
      assert.deepStrictEqual(seen, ["log"])
    }))

  it.effect("interrupts the program and waits for its end", () =>
    Effect.gen(function*() {
      const latch = Latch.makeUnsafe()
      const log: Array<string> = []
      const program = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(latch.await, Effect.sync(() => log.push("end"))))
      const fiber = yield* Effect.forkChild(DropLeak.check(program), { startImmediately: true })
      const interrupt = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(fiber.pollUnsafe())
      yield* latch.open
      yield* Fiber.join(interrupt)
      assert.deepStrictEqual(log, ["end"])
      assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
    }))

  it.effect("points at the lines of the leaks, and prints as its message", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(DropLeak.check(Effect.gen(function*() {
        yield* guard("db")
        yield* Effect.void
      })))
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      const leak = Cause.squash(exit.cause) as DropLeak.DropLeak // as the tests above show
      assert.strictEqual(leak.stack, `DropLeak: ${leak.message}\n    at ${leak.leaks[0]!.where}`)
      assert.strictEqual(inspect(leak), leak.stack)
    }))

  it.effect("leaves the generators of Effect as they were", () =>
    Effect.gen(function*() {
      const { next } = Utils.SingleShotGen.prototype
      const inside = yield* DropLeak.check(
        Effect.andThen(
          DropLeak.check(Effect.void),
          Effect.sync(() => Utils.SingleShotGen.prototype.next)
        )
      )
      assert.notStrictEqual(inside, next)
      assert.strictEqual(Utils.SingleShotGen.prototype.next, next)
    }))

  it.effect("lists ten of many leaks", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(DropLeak.check(Effect.forEach(Array.from({ length: 12 }), () => guard("a"))))
      const lines = messageOf(exit).split("\n")
      assert.strictEqual(lines[0], "12 things were left behind:")
      assert.strictEqual(lines.at(-1), "  ... and 2 more")
      assert.lengthOf(lines, 22)
    }))
})
