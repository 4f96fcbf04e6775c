import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropWeak,
  DropCycle,
  DropReporter,
  DropScope,
  DropTimeout,
  DropUsageError
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Latch, Option, Scheduler, Scope } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { everyStep } from "./support/steps.ts"

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

/** The first handle of such a resource. */
const share = <DE = never>(log: Array<string>, name: string, then?: Effect.Effect<unknown, DE>) =>
  Effect.flatMap(open(log, name, then), AsyncDropArc.make)

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const reportedTo = (log: Array<string>) =>
  Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => log.push(`reported ${error.resource}`)))

const namesOf = (errors: ReadonlyArray<{ readonly resource: string; readonly cause: Cause.Cause<unknown> }>) =>
  errors.map((error): readonly [string, Cause.Cause<unknown>] => [error.resource, error.cause])

const busy: ReturnType<typeof namesOf> = [["a", Cause.fail("busy")]]

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

const isInterrupted = (exit: Exit.Exit<unknown, unknown>) =>
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

const closedScope = Effect.tap(Scope.make(), (scope) => Scope.close(scope, Exit.void))

const gone = "a handle that was dropped"

describe("AsyncDropArc.make", () => {
  it.effect("lends the value of the guard, and its drop releases it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const arc = yield* share(log, "a")
      assert.strictEqual(yield* AsyncDropArc.get(arc), "a")
      assert.strictEqual(arc.name, "a")
      assert.deepStrictEqual(log, [])
      yield* AsyncDropArc.drop(arc)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("takes the guard over, which is of no use any more", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* open(log, "a")
        yield* AsyncDropArc.make(guard)
        const given = "given away by AsyncDropArc.make"
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.get(guard)), given)
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.use(guard, Effect.succeed)), given)
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.unwrap(guard)), given)
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.drop(guard)), given)
        diesOfUsage(yield* Effect.exit(AsyncDropArc.make(guard)), given)
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("is owned by the scope it was made in, as the newest there", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* open(log, "a")
        yield* open(log, "b")
        yield* AsyncDropArc.make(guard)
      }))
      assert.deepStrictEqual(log, ["drop a", "drop b"])
    }))

  it.effect("waits for the uses of the guard; interrupted, it leaves the guard as it was", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const guard = yield* open(log, "a")
      const used = yield* Latch.make()
      const user = yield* beside(
        AsyncDropGuard.use(guard, () => Effect.andThen(used.await, Effect.sync(() => log.push("used"))))
      )
      yield* Effect.flatMap(beside(AsyncDropArc.make(guard)), Fiber.interrupt)
      assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
      const maker = yield* beside(
        Effect.andThen(AsyncDropArc.make(guard), Effect.sync(() => log.push("made")))
      )
      assert.deepStrictEqual(log, [])
      yield* used.open
      yield* Fiber.joinAll([user, maker])
      assert.deepStrictEqual(log, ["used", "made"])
    }).pipe(AsyncDrop.scoped))

  it.effect("into a closed scope takes nothing and interrupts", () =>
    Effect.gen(function*() {
      const guard = yield* open([], "a")
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropArc.make(guard), yield* closedScope)))
      assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropArc.makeUnscoped", () => {
  it.effect("is owned by nobody until it is dropped", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const arc = yield* AsyncDrop.scoped(Effect.flatMap(open(log, "a"), AsyncDropArc.makeUnscoped))
      assert.deepStrictEqual([AsyncDropArc.strongCount(arc), log], [1, []])
      yield* AsyncDropArc.drop(arc)
      assert.deepStrictEqual([AsyncDropArc.strongCount(arc), log], [0, ["drop a"]])
    }))

  it.live("hands its handle over, or drops it and reports the error, wherever it is interrupted", () =>
    Effect.gen(function*() {
      const ends = { guard: 0, handle: 0, report: 0 }
      yield* everyStep(() => {
        const log: Array<string> = []
        let end: keyof typeof ends | undefined
        const release = Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push("drop a")))
        const program = Effect.uninterruptibleMask((restore) =>
          Effect.gen(function*() {
            const acquire = Effect.sync(() => {
              end = "report"
            })
            const guard = yield* AsyncDropGuard.makeUnscoped(acquire, () => Effect.andThen(release, Effect.fail("a")), {
              name: "a"
            })
            const user = yield* beside(AsyncDropGuard.use(guard, () => Effect.yieldNow))
            const exit = yield* Effect.exit(restore(AsyncDropArc.makeUnscoped(guard)))
            yield* Fiber.await(user)
            const kept = Exit.isSuccess(yield* Effect.exit(AsyncDropGuard.get(guard)))
            if (kept) {
              end = "guard"
              yield* Effect.ignore(AsyncDropGuard.drop(guard))
            } else if (Exit.isSuccess(exit)) {
              end = "handle"
              yield* Effect.ignore(AsyncDropArc.drop(exit.value))
            }
          })
        ).pipe(reportedTo(log))
        return {
          program,
          check: () => {
            if (end === undefined) return
            ends[end]++
            assert.deepStrictEqual(log, end === "report" ? ["drop a", "reported a"] : ["drop a"])
          }
        }
      }, ["between"]) // a fibre that interrupts itself in the step that hands a value over loses it
      assert.isAbove(Math.min(...Object.values(ends)), 0)
    }))
})

describe("AsyncDropArc.clone", () => {
  it.effect("shares the value: both are of the same resource, which ends with the second", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = yield* share(log, "a")
      const second = yield* AsyncDropArc.clone(first)
      const other = yield* share(log, "a")
      assert.strictEqual(yield* AsyncDropArc.get(second), "a")
      assert.isTrue(AsyncDropArc.same(first, second))
      assert.isFalse(first.pipe(AsyncDropArc.same(other)))
      yield* AsyncDropArc.drop(first)
      assert.deepStrictEqual(log, [])
      yield* AsyncDropArc.drop(second)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is owned by the current scope", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const outer = yield* share(log, "a")
        yield* AsyncDrop.scoped(Effect.gen(function*() {
          yield* AsyncDropArc.clone(outer)
          assert.strictEqual(AsyncDropArc.strongCount(outer), 2)
        }))
        assert.deepStrictEqual([AsyncDropArc.strongCount(outer), log], [1, []])
        assert.strictEqual(yield* AsyncDropArc.get(outer), "a")
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("keeps the resource beyond the scope of the first", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const outer = yield* Effect.scope
        const clone = yield* AsyncDrop.scoped(
          Effect.flatMap(share(log, "a"), (arc) => Scope.provide(AsyncDropArc.clone(arc), outer))
        )
        assert.strictEqual(yield* AsyncDropArc.get(clone), "a")
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("unscoped is owned by nobody until it is dropped", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const clone = yield* AsyncDrop.scoped(Effect.flatMap(share(log, "a"), AsyncDropArc.cloneUnscoped))
      assert.deepStrictEqual(log, [])
      yield* AsyncDropArc.drop(clone)
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.live("unscoped and restored counts if and only if its handle arrives, wherever it is interrupted", () =>
    everyStep(() => {
      let counts: ReadonlyArray<number> = []
      const program = Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const guard = yield* AsyncDropGuard.makeUnscoped(Effect.succeed("a"), () => Effect.void)
          const arc = yield* AsyncDropArc.makeUnscoped(guard)
          const exit = yield* Effect.exit(restore(AsyncDropArc.cloneUnscoped(arc)))
          counts = [AsyncDropArc.strongCount(arc), Exit.isSuccess(exit) ? 2 : 1]
        })
      )
      return { program, check: () => assert.strictEqual(counts[0], counts[1]) }
    }, ["between"])) // as above

  it.effect("into a closed scope counts nothing and interrupts", () =>
    Effect.gen(function*() {
      const arc = yield* share([], "a")
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropArc.clone(arc), yield* closedScope)))
      assert.strictEqual(AsyncDropArc.strongCount(arc), 1)
    }).pipe(AsyncDrop.scoped))

  it.effect("leaves nothing in a long scope once it was dropped", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const arc = yield* share([], "a")
      for (let i = 0; i < 3; i++) {
        yield* Effect.flatMap(Scope.provide(AsyncDropArc.clone(arc), scope), AsyncDropArc.drop)
        assert.strictEqual(scope.state._tag, "Empty")
      }
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropArc.drop", () => {
  it.effect("runs the release when the last of three leaves, and not before", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = yield* share(log, "a")
      const second = yield* AsyncDropArc.clone(first)
      const third = yield* AsyncDropArc.clone(second)
      yield* AsyncDropArc.drop(first)
      yield* AsyncDropArc.drop(second)
      assert.deepStrictEqual(log, [])
      yield* AsyncDropArc.drop(third)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("counts a handle once, however often it is dropped", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = yield* share(log, "a")
      const second = yield* AsyncDropArc.clone(first)
      assert.deepStrictEqual([first, second].map(AsyncDropArc.strongCount), [2, 2])
      yield* AsyncDropArc.drop(first)
      yield* AsyncDropArc.drop(first)
      assert.deepStrictEqual([AsyncDropArc.strongCount(second), log], [1, []])
      yield* AsyncDropArc.drop(second)
      yield* AsyncDropArc.drop(second)
      yield* AsyncDropArc.drop(first)
      assert.deepStrictEqual([AsyncDropArc.strongCount(second), log], [0, ["drop a"]])
    }).pipe(AsyncDrop.scoped))

  it.effect("counts a handle once when it is dropped twice at the same time", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = yield* share(log, "a")
      const second = yield* AsyncDropArc.clone(first)
      yield* Effect.all([AsyncDropArc.drop(first), AsyncDropArc.drop(first)], { concurrency: "unbounded" })
      assert.deepStrictEqual([AsyncDropArc.strongCount(second), log], [1, []])
      yield* AsyncDropArc.drop(second)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("of the last one returns after the release has ended, with its error; of the others at once", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const first = yield* share(log, "a", Effect.andThen(go.await, Effect.fail("busy")))
      const handles = [first, yield* AsyncDropArc.clone(first), yield* AsyncDropArc.clone(first)]
      const fibers = yield* Effect.forEach(handles, (arc) => beside(AsyncDropArc.drop(arc)))
      assert.deepStrictEqual(fibers.map((fiber) => fiber.pollUnsafe()), [Exit.void, Exit.void, undefined])
      assert.deepStrictEqual(log, ["drop a"])
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.awaitAll(fibers), [Exit.void, Exit.void, Exit.fail("busy")])
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.live("by several together is the release of exactly one, who gets its error, at whichever step they yield", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops <= 16; ops++) {
        const log: Array<string> = []
        const release = Effect.andThen(Effect.yieldNow, Effect.fail("busy"))
        yield* AsyncDrop.scoped(Effect.gen(function*() {
          const first = yield* share(log, "a", release)
          const handles = [first, yield* AsyncDropArc.clone(first), yield* AsyncDropArc.clone(first)]
          const exits = yield* Effect.forEach(handles, (arc) => Effect.exit(AsyncDropArc.drop(arc)), {
            concurrency: "unbounded"
          }).pipe(Effect.provideService(Scheduler.MaxOpsBeforeYield, ops))
          assert.sameDeepMembers(exits, [Exit.void, Exit.void, Exit.fail("busy")])
        }))
        assert.deepStrictEqual(log, ["drop a"])
      }
    }))

  it.effect("of the last handle again joins the release it runs; of an earlier one it does not wait", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const first = yield* share(log, "a", Effect.andThen(go.await, Effect.fail("busy")))
      const last = yield* AsyncDropArc.clone(first)
      yield* AsyncDropArc.drop(first)
      const droppers = yield* Effect.forEach([last, last], (arc) => beside(AsyncDropArc.drop(arc)))
      yield* AsyncDropArc.drop(first)
      assert.deepStrictEqual(droppers.map((fiber) => fiber.pollUnsafe()), [undefined, undefined])
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.awaitAll(droppers), [Exit.fail("busy"), Exit.fail("busy")])
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropArc.drop(last)), Exit.fail("busy"))
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropArc.drop(first)), Exit.void)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("by hand is waited for by the scope that owned the last handle, which does not repeat its error", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const scope = yield* Scope.make()
      const arc = yield* Scope.provide(share(log, "a", Effect.andThen(go.await, Effect.fail("busy"))), scope)
      const dropper = yield* beside(AsyncDropArc.drop(arc))
      const closer = yield* beside(Scope.close(scope, Exit.void))
      assert.strictEqual(closer.pollUnsafe(), undefined)
      yield* go.open
      assert.deepStrictEqual(yield* Fiber.await(dropper), Exit.fail("busy"))
      assert.deepStrictEqual(yield* Fiber.await(closer), Exit.void)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(reportedTo([]), Effect.provide(DropScope.layerOrDie)))

  it.effect("runs the release with the exit of the scope that lets the last handle go", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const arc = Effect.flatMap(
        AsyncDropGuard.make(Effect.void, (_, exit) => Effect.sync(() => exits.push(exit))),
        AsyncDropArc.make
      )
      yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(arc, Effect.fail("body"))))
      yield* AsyncDrop.scoped(Effect.flatMap(arc, AsyncDropArc.drop))
      assert.deepStrictEqual(exits, [Exit.fail("body"), Exit.void])
    }))
})

describe("AsyncDropArc errors", () => {
  it.effect("go to the DropScope of the scope where the last handle lived", () =>
    Effect.gen(function*() {
      const inner = (arc: AsyncDropArc.AsyncDropArc<string, string>, dropsOuter: boolean) =>
        AsyncDrop.scopedExit(Effect.gen(function*() {
          yield* AsyncDropArc.clone(arc)
          if (dropsOuter) yield* AsyncDropArc.drop(arc)
        }))
      const run = (dropsOuter: boolean) =>
        AsyncDrop.scopedExit(Effect.gen(function*() {
          const arc = yield* share([], "a", Effect.fail("busy"))
          return namesOf((yield* inner(arc, dropsOuter)).dropErrors)
        }))
      const lastInside = yield* run(true)
      assert.deepStrictEqual(lastInside.exit, Exit.succeed(busy))
      assert.deepStrictEqual(namesOf(lastInside.dropErrors), [])
      const lastOutside = yield* run(false)
      assert.deepStrictEqual(lastOutside.exit, Exit.succeed([]))
      assert.deepStrictEqual(namesOf(lastOutside.dropErrors), busy)
    }))

  it.effect("of an interrupted dropper of the last handle go to the owner of that handle", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const first = yield* share(log, "a", Effect.andThen(go.await, Effect.fail("busy")))
        const inner = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          const last = yield* AsyncDropArc.clone(first)
          yield* AsyncDropArc.drop(first)
          const dropper = yield* beside(AsyncDropArc.drop(last))
          const interrupter = yield* beside(Fiber.interrupt(dropper))
          assert.strictEqual(interrupter.pollUnsafe(), undefined)
          yield* go.open
          yield* Fiber.join(interrupter)
          isInterrupted(yield* Fiber.await(dropper))
        }))
        return namesOf(inner.dropErrors)
      }))
      assert.deepStrictEqual(outer.exit, Exit.succeed(busy))
      assert.deepStrictEqual(outer.dropErrors, [])
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("of an interrupted dropper of a last handle that nothing owns go to the reporter", () =>
    Effect.gen(function*() {
      for (const unowned of [AsyncDropArc.cloneUnscoped, undefined]) {
        const log: Array<string> = []
        const go = yield* Latch.make()
        const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          const guard = yield* open([], "a", Effect.andThen(go.await, Effect.fail("busy")))
          const first = yield* unowned === undefined ? AsyncDropArc.makeUnscoped(guard) : AsyncDropArc.make(guard)
          const last = unowned === undefined ? first : yield* unowned(first)
          if (last !== first) yield* AsyncDropArc.drop(first)
          const dropper = yield* beside(AsyncDropArc.drop(last))
          const interrupter = yield* beside(Fiber.interrupt(dropper))
          yield* go.open
          yield* Fiber.join(interrupter)
        })).pipe(reportedTo(log))
        assert.deepStrictEqual([dropErrors, log], [[], ["reported a"]])
      }
    }))
})

describe("AsyncDropArc.unwrap", () => {
  it.effect("of the only handle gives the guard, undropped", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const arc = yield* share(log, "a")
      const guard = Option.getOrThrow(yield* AsyncDropArc.unwrap(arc))
      assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
      assert.strictEqual(guard.name, "a")
      assert.deepStrictEqual([AsyncDropArc.strongCount(arc), log], [0, []])
      diesOfUsage(yield* Effect.exit(AsyncDropArc.get(arc)), "given away by AsyncDropArc.unwrap")
      diesOfUsage(yield* Effect.exit(AsyncDropArc.drop(arc)), "given away by AsyncDropArc.unwrap")
      yield* AsyncDropGuard.drop(guard)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("of one of two handles gives that handle up and says none", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = yield* share(log, "a")
      const second = yield* AsyncDropArc.clone(first)
      assert.deepStrictEqual(yield* AsyncDropArc.unwrap(first), Option.none())
      assert.strictEqual(AsyncDropArc.strongCount(second), 1)
      diesOfUsage(yield* Effect.exit(AsyncDropArc.get(first)), gone)
      diesOfUsage(yield* Effect.exit(AsyncDropArc.unwrap(first)), gone)
      assert.strictEqual(yield* AsyncDropArc.get(second), "a")
      yield* AsyncDropArc.drop(second)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.live("by all holders together gives the guard to exactly one, at whichever step they yield", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops <= 16; ops++) {
        const log: Array<string> = []
        yield* AsyncDrop.scoped(Effect.gen(function*() {
          const first = yield* share(log, "a")
          const handles = [first, yield* AsyncDropArc.clone(first), yield* AsyncDropArc.clone(first)]
          const used = yield* beside(AsyncDropArc.use(first, () => Effect.yieldNow))
          const guards = yield* Effect.forEach(handles, AsyncDropArc.unwrap, { concurrency: "unbounded" }).pipe(
            Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
          )
          assert.strictEqual(guards.filter(Option.isSome).length, 1)
          assert.deepStrictEqual(log, [])
          yield* Fiber.join(used)
        }))
        assert.deepStrictEqual(log, ["drop a"])
      }
    }))

  it.live("of a handle that is cloned and dropped meanwhile does not take the resource from the clone", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops <= 24; ops++) {
        const log: Array<string> = []
        yield* AsyncDrop.scoped(Effect.gen(function*() {
          const arc = yield* share(log, "a")
          const unwrapper = yield* beside(
            Effect.provideService(AsyncDropArc.unwrap(arc), Scheduler.MaxOpsBeforeYield, ops)
          )
          const cloned = yield* Effect.exit(AsyncDropArc.clone(arc))
          yield* Effect.exit(AsyncDropArc.drop(arc))
          const unwrapped = yield* Fiber.await(unwrapper)
          if (Exit.isFailure(cloned)) {
            assert.isTrue(Exit.isSuccess(unwrapped) && Option.isSome(unwrapped.value))
          } else {
            assert.isFalse(Exit.isSuccess(unwrapped) && Option.isSome(unwrapped.value))
            assert.strictEqual(AsyncDropArc.strongCount(arc), 1)
            assert.strictEqual(yield* AsyncDropArc.get(cloned.value), "a")
          }
          assert.deepStrictEqual(log, [])
        }))
        assert.deepStrictEqual(log, ["drop a"])
      }
    }))

  it.effect("gives a guard that the current scope owns, whose errors go there", () =>
    Effect.gen(function*() {
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const arc = yield* share([], "a", Effect.fail("busy"))
        const inner = yield* AsyncDrop.scopedExit(AsyncDropArc.unwrap(arc))
        return namesOf(inner.dropErrors)
      }))
      assert.deepStrictEqual(outer.exit, Exit.succeed(busy))
      assert.deepStrictEqual(outer.dropErrors, [])
    }))

  it.effect("waits for the uses begun; interrupted, it leaves the handle as it was", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const arc = yield* share(log, "a")
      const weak = AsyncDropArc.downgrade(arc)
      const used = yield* Latch.make()
      const user = yield* beside(
        AsyncDropArc.use(arc, () => Effect.andThen(used.await, Effect.sync(() => log.push("used"))))
      )
      const first = yield* beside(AsyncDropArc.unwrap(arc))
      assert.deepStrictEqual(yield* AsyncDropWeak.upgrade(weak), Option.none())
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* AsyncDropArc.get(arc), "a")
      assert.strictEqual(AsyncDropArc.strongCount(arc), 1)
      const second = yield* beside(Effect.tap(AsyncDropArc.unwrap(arc), () => Effect.sync(() => log.push("unwrapped"))))
      assert.deepStrictEqual(log, [])
      yield* used.open
      assert.isTrue(Option.isSome(yield* Fiber.join(second)))
      yield* Fiber.join(user)
      assert.deepStrictEqual(log, ["used", "unwrapped"])
    }).pipe(AsyncDrop.scoped))

  it.effect("inside the own use of the only handle is a cycle", () =>
    Effect.gen(function*() {
      const arc = yield* share([], "a")
      diesOfCycle(yield* AsyncDropArc.use(arc, () => Effect.exit(AsyncDropArc.unwrap(arc))), ["a", "a"])
      assert.strictEqual(yield* AsyncDropArc.get(arc), "a")
    }).pipe(AsyncDrop.scoped))

  it.effect("into a closed scope unwraps nothing, gives no handle up and interrupts", () =>
    Effect.gen(function*() {
      const closed = yield* closedScope
      const first = yield* share([], "a")
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropArc.unwrap(first), closed)))
      const second = yield* AsyncDropArc.clone(first)
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropArc.unwrap(second), closed)))
      assert.strictEqual(AsyncDropArc.strongCount(first), 2)
      assert.deepStrictEqual(yield* Effect.forEach([first, second], AsyncDropArc.get), ["a", "a"])
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropArc.use", () => {
  it.effect("lends the value, and gives what its body gives", () =>
    Effect.gen(function*() {
      const arc = yield* share([], "a")
      assert.strictEqual(yield* AsyncDropArc.use(arc, (a) => Effect.succeed(`${a}!`)), "a!")
      const thrown = arc.pipe(AsyncDropArc.use((): Effect.Effect<void, string> => {
        throw "boom"
      }))
      assert.deepStrictEqual(yield* Effect.exit(thrown), Exit.die("boom"))
      assert.deepStrictEqual(yield* Effect.exit(AsyncDropArc.use(arc, () => Effect.fail("no"))), Exit.fail("no"))
      yield* AsyncDropArc.drop(arc)
    }).pipe(AsyncDrop.scoped))

  it.effect("of a dropped handle is a usage error while others still hold, and so is everything else of it", () =>
    Effect.gen(function*() {
      const dropped = yield* share([], "a")
      const held = yield* AsyncDropArc.clone(dropped)
      yield* AsyncDropArc.drop(dropped)
      diesOfUsage(yield* Effect.exit(AsyncDropArc.use(dropped, Effect.succeed)), gone)
      diesOfUsage(yield* Effect.exit(AsyncDropArc.get(dropped)), gone)
      diesOfUsage(yield* Effect.exit(AsyncDropArc.clone(dropped)), gone)
      diesOfUsage(yield* Effect.exit(AsyncDropArc.cloneUnscoped(dropped)), gone)
      diesOfUsage(yield* Effect.exit(AsyncDropArc.unwrap(dropped)), gone)
      assert.strictEqual(yield* AsyncDropArc.use(held, Effect.succeed), "a")
      assert.strictEqual(AsyncDropArc.strongCount(held), 1)
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps the resource alive through whichever handle it was begun, also one that was dropped since", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = yield* share(log, "a")
      const second = yield* AsyncDropArc.clone(first)
      const used = [yield* Latch.make(), yield* Latch.make()] as const
      const use = (arc: typeof first, i: 0 | 1) =>
        beside(AsyncDropArc.use(arc, () => Effect.andThen(used[i].await, Effect.sync(() => log.push(`used ${i}`)))))
      const users = [yield* use(first, 0), yield* use(second, 1)]
      yield* AsyncDropArc.drop(first)
      const dropper = yield* beside(AsyncDropArc.drop(second))
      assert.deepStrictEqual(log, [])
      yield* used[1].open
      yield* Fiber.await(users[1]!)
      assert.strictEqual(dropper.pollUnsafe(), undefined)
      yield* used[0].open
      yield* Fiber.join(dropper)
      yield* Fiber.joinAll(users)
      assert.deepStrictEqual(log, ["used 1", "used 0", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is waited for by the scope that owns the last handle", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const used = yield* Latch.make()
      const scope = yield* Scope.make()
      const arc = yield* Scope.provide(share(log, "a"), scope)
      yield* beside(AsyncDropArc.use(arc, () => Effect.andThen(used.await, Effect.sync(() => log.push("used")))))
      const closer = yield* beside(Scope.close(scope, Exit.void))
      assert.deepStrictEqual(log, [])
      yield* used.open
      yield* Fiber.join(closer)
      assert.deepStrictEqual(log, ["used", "drop a"])
    }))

  it.effect("inside which the last handle is dropped is a cycle; a drop of any other is fine", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = yield* share(log, "a")
      const second = yield* AsyncDropArc.clone(first)
      yield* AsyncDropArc.use(second, () => AsyncDropArc.drop(first))
      assert.strictEqual(AsyncDropArc.strongCount(second), 1)
      diesOfCycle(yield* AsyncDropArc.use(second, () => Effect.exit(AsyncDropArc.drop(second))), ["a", "a"])
      assert.deepStrictEqual([AsyncDropArc.strongCount(second), log], [1, []])
      yield* AsyncDropArc.drop(second)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("whose own handle was dropped inside it keeps the resource until it ends", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const first = yield* share(log, "a")
      const second = yield* AsyncDropArc.clone(first)
      yield* AsyncDropArc.use(first, () =>
        Effect.gen(function*() {
          yield* AsyncDropArc.drop(first)
          diesOfCycle(yield* Effect.exit(AsyncDropArc.drop(second)), ["a", "a"])
          yield* Effect.sync(() => log.push("used"))
        }))
      yield* AsyncDropArc.drop(second)
      assert.deepStrictEqual(log, ["used", "drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("and a drop of the last handle inside its own release are a usage error and a cycle", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const arc: AsyncDropArc.AsyncDropArc<void> = yield* Effect.flatMap(
          AsyncDropGuard.make(Effect.void, () =>
            Effect.gen(function*() {
              exits.push(yield* Effect.exit(AsyncDropArc.use(arc, () => Effect.void)))
              exits.push(yield* Effect.exit(AsyncDropArc.drop(arc)))
            }), { name: "a" }),
          AsyncDropArc.make
        )
      }))
      diesOfUsage(exits[0]!, gone)
      diesOfCycle(exits[1]!, ["a", "a"])
    }))
})

describe("AsyncDropWeak.upgrade", () => {
  it.effect("gives a counted handle that the current scope owns", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const arc = yield* share(log, "a")
      const weak = AsyncDropArc.downgrade(arc)
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const strong = Option.getOrThrow(yield* AsyncDropWeak.upgrade(weak))
        assert.isTrue(AsyncDropArc.same(arc, strong))
        assert.strictEqual(AsyncDropArc.strongCount(arc), 2)
        assert.strictEqual(yield* AsyncDropArc.get(strong), "a")
        yield* AsyncDropArc.drop(arc)
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("does not keep the resource, nor count as a handle", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const arc = yield* share(log, "a")
      assert.strictEqual(AsyncDropArc.weakCount(arc), 0)
      AsyncDropArc.downgrade(arc)
      AsyncDropArc.downgrade(arc)
      assert.deepStrictEqual([AsyncDropArc.strongCount(arc), AsyncDropArc.weakCount(arc)], [1, 2])
      yield* AsyncDropArc.drop(arc)
      assert.deepStrictEqual(log, ["drop a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("never brings a value back: not while its drop waits for a use, not during its release, not later", () =>
    Effect.gen(function*() {
      const used = yield* Latch.make()
      const releasing = yield* Latch.make()
      const go = yield* Latch.make()
      const arc = yield* share([], "a", Effect.andThen(releasing.open, go.await))
      const weak = AsyncDropArc.downgrade(arc)
      yield* beside(AsyncDropArc.use(arc, () => used.await))
      const dropper = yield* beside(AsyncDropArc.drop(arc))
      assert.deepStrictEqual(yield* AsyncDropWeak.upgrade(weak), Option.none())
      yield* used.open
      yield* releasing.await
      assert.deepStrictEqual(yield* AsyncDropWeak.upgrade(weak), Option.none())
      assert.strictEqual(AsyncDropArc.strongCount(arc), 0)
      yield* go.open
      yield* Fiber.join(dropper)
      assert.deepStrictEqual(yield* AsyncDropWeak.upgrade(weak), Option.none())
      assert.strictEqual(AsyncDropArc.strongCount(arc), 0)
    }).pipe(AsyncDrop.scoped))

  it.effect("gives none during the release that a closing scope runs", () =>
    Effect.gen(function*() {
      const releasing = yield* Latch.make()
      const go = yield* Latch.make()
      const scope = yield* Scope.make()
      const arc = yield* Scope.provide(share([], "a", Effect.andThen(releasing.open, go.await)), scope)
      const weak = AsyncDropArc.downgrade(arc)
      const closer = yield* beside(Scope.close(scope, Exit.void))
      yield* releasing.await
      assert.deepStrictEqual(yield* AsyncDropWeak.upgrade(weak), Option.none())
      yield* go.open
      yield* Fiber.join(closer)
    }).pipe(AsyncDrop.scoped))

  it.effect("gives none once the resource was unwrapped, though it lives on", () =>
    Effect.gen(function*() {
      const arc = yield* share([], "a")
      const weak = AsyncDropArc.downgrade(arc)
      const guard = Option.getOrThrow(yield* AsyncDropArc.unwrap(arc))
      assert.deepStrictEqual(yield* AsyncDropWeak.upgrade(weak), Option.none())
      assert.isFalse(AsyncDropGuard.isDropped(guard))
    }).pipe(AsyncDrop.scoped))

  it.effect("finds the resource from a handle that was dropped, as long as others hold it", () =>
    Effect.gen(function*() {
      const dropped = yield* share([], "a")
      const held = yield* AsyncDropArc.clone(dropped)
      yield* AsyncDropArc.drop(dropped)
      const weak = AsyncDropArc.downgrade(dropped)
      assert.isTrue(Option.isSome(yield* Effect.scoped(AsyncDropWeak.upgrade(weak))))
      yield* AsyncDropArc.drop(held)
      assert.deepStrictEqual(yield* AsyncDropWeak.upgrade(weak), Option.none())
    }).pipe(AsyncDrop.scoped))

  it.effect("into a closed scope counts nothing and interrupts", () =>
    Effect.gen(function*() {
      const arc = yield* share([], "a")
      const weak = AsyncDropArc.downgrade(arc)
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropWeak.upgrade(weak), yield* closedScope)))
      assert.strictEqual(AsyncDropArc.strongCount(arc), 1)
    }).pipe(AsyncDrop.scoped))

  it.live("beside the last drop, by hand or by a scope, is a handle of a live resource or none, at any step", () =>
    Effect.gen(function*() {
      for (let ops = 3; ops <= 16; ops++) {
        for (const strategy of [undefined, "sequential", "parallel"] as const) {
          const log: Array<string> = []
          yield* AsyncDrop.scoped(Effect.gen(function*() {
            const scope = yield* Scope.make(strategy)
            const arc = yield* Scope.provide(share(log, "a", Effect.yieldNow), scope)
            const weak = AsyncDropArc.downgrade(arc)
            const upgraded = Effect.scoped(Effect.gen(function*() {
              const strong = yield* AsyncDropWeak.upgrade(weak)
              if (Option.isNone(strong)) return
              assert.deepStrictEqual(log, [])
              yield* AsyncDropArc.use(strong.value, () => Effect.yieldNow)
              assert.deepStrictEqual(log, [])
            }))
            const end = strategy === undefined ? AsyncDropArc.drop(arc) : Scope.close(scope, Exit.void)
            yield* Effect.all([upgraded, end, upgraded, upgraded], { concurrency: "unbounded" }).pipe(
              Effect.provideService(Scheduler.MaxOpsBeforeYield, ops)
            )
            assert.deepStrictEqual(log, ["drop a"])
          }))
          assert.deepStrictEqual(log, ["drop a"])
        }
      }
    }))
})

class Tenant extends Context.Service<Tenant, string>()("Tenant") {}

const dbLog: Array<string> = []
class Db extends AsyncDropArc.Service<Db>()("test/Db", {
  acquire: Effect.map(Tenant, (tenant) => ({ query: (sql: string) => `${tenant}: ${sql}` })),
  release: () => Effect.andThen(Effect.sync(() => dbLog.push("drop db")), Effect.fail("connection lost")),
  name: "db"
}) {}

const asTenant = Effect.provideService(Tenant, "acme")

describe("AsyncDropArc.Service", () => {
  it.effect("is a shared resource that its layer owns; its error asks the layer for a DropScope", () =>
    Effect.gen(function*() {
      dbLog.length = 0
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(Effect.provide(
        Effect.gen(function*() {
          const db = yield* Db
          assert.isTrue(AsyncDropArc.isAsyncDropArc(db))
          const { query } = yield* Db.get
          assert.deepStrictEqual(dbLog, [])
          return [query("a"), yield* Db.use(({ query }) => Effect.succeed(query("b"))), yield* Db.strongCount]
        }),
        Db.layer
      )).pipe(asTenant)
      assert.deepStrictEqual(exit, Exit.succeed(["acme: a", "acme: b", 1]))
      assert.deepStrictEqual(namesOf(dropErrors), [["db", Cause.fail("connection lost")]])
      assert.deepStrictEqual(dbLog, ["drop db"])
    }))

  it.effect("gives handles that outlive its layer, and weak ones that do not", () =>
    Effect.gen(function*() {
      dbLog.length = 0
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const inner = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          const outside = yield* Effect.scope
          const handles = yield* Effect.provide(
            Effect.gen(function*() {
              const weak = yield* Db.downgrade
              const strong = yield* Scope.provide(Db.clone, outside)
              assert.strictEqual(yield* Db.strongCount, 2)
              return { strong, weak }
            }),
            Db.layer
          )
          assert.strictEqual((yield* AsyncDropArc.get(handles.strong)).query("a"), "acme: a")
          assert.deepStrictEqual(dbLog, [])
          return handles
        }))
        assert.deepStrictEqual(inner.dropErrors.length, 1)
        const { strong, weak } = yield* inner.exit
        diesOfUsage(yield* Effect.exit(AsyncDropArc.get(strong)), gone)
        return yield* AsyncDropWeak.upgrade(weak)
      })).pipe(asTenant)
      assert.deepStrictEqual(outer.exit, Exit.succeed(Option.none()))
      assert.deepStrictEqual(dbLog, ["drop db"])
    }))
})

class Stuck extends AsyncDropArc.Service<Stuck>()("test/Stuck", {
  acquire: Effect.succeed("db"),
  release: () => Effect.never,
  timeout: "20 millis",
  name: "stuck"
}) {}

describe("AsyncDropArc.Service with a timeout", () => {
  it.effect("gives its resource up when that has passed; its layer asks for the place of the DropTimeout", () =>
    Effect.gen(function*() {
      const program = AsyncDrop.scopedExit(Effect.provide(Stuck.get, Stuck.layer))
      const fiber = yield* beside(program)
      yield* TestClock.adjust("20 millis")
      const { dropErrors, exit } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(exit, Exit.succeed("db"))
      const [error] = dropErrors
      assert.deepStrictEqual([error?.resource, error?.phase], ["stuck", "abandoned"])
      assert.instanceOf(Cause.squash(error!.cause), DropTimeout.DropTimeout)
    }))

  it.effect("refuses a bad one where the layer is built", () =>
    Effect.gen(function*() {
      class Bad extends AsyncDropArc.Service<Bad>()("test/Bad", {
        acquire: Effect.die("acquired"),
        release: () => Effect.void,
        timeout: -1,
        name: "bad"
      }) {}
      diesOfUsage(
        yield* Effect.exit(AsyncDrop.scoped(Effect.provide(Bad.strongCount, Bad.layer))),
        "timeout is -1"
      )
    }))
})

describe("AsyncDropArc at the edge of Effect", () => {
  it.live("is awaited by `await using`, which throws the error of the last", () =>
    Effect.promise(async () => {
      const first = await Effect.runPromise(Effect.flatMap(
        AsyncDropGuard.makeUnscoped(Effect.succeed("a"), () => Effect.fail(new Error("busy"))),
        AsyncDropArc.makeUnscoped
      ))
      const last = await Effect.runPromise(AsyncDropArc.cloneUnscoped(first))
      {
        await using arc = first
        assert.strictEqual(await Effect.runPromise(AsyncDropArc.get(arc)), "a")
      }
      const thrown = await last[Symbol.asyncDispose]().then(() => undefined, (error) => error)
      assert.strictEqual(thrown.message, "busy")
    }))

  it.effect("prints its name and state, never the value inside", () =>
    Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.make(Effect.succeed({ password: "secret" }), () => Effect.void, {
        name: "db"
      })
      const arc = yield* AsyncDropArc.make(guard)
      const weak = AsyncDropArc.downgrade(arc)
      assert.isTrue(AsyncDropArc.isAsyncDropArc(arc) && AsyncDropWeak.isAsyncDropWeak(weak))
      assert.isFalse(AsyncDropArc.isAsyncDropArc(weak) || AsyncDropWeak.isAsyncDropWeak(arc))
      for (const value of [arc, weak]) {
        for (const text of [inspect(value, { depth: 9 }), String(value), JSON.stringify(value)]) {
          assert.include(text, "db")
          assert.notInclude(text, "secret")
        }
      }
      assert.include(String(arc), "live")
    }).pipe(AsyncDrop.scoped))
})
