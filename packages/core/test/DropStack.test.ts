import {
  AsyncDrop,
  AsyncDropGuard,
  DropCycle,
  DropFailure,
  DropReporter,
  DropStack,
  DropUsageError
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Latch, Option, Scope } from "effect"
import { inspect } from "node:util"
import { everyStep } from "./support/steps.ts"

/** A resource that logs its acquire and its release, and fails this where told to. */
const open = <DE = never>(
  log: Array<string>,
  name: string,
  then: Effect.Effect<unknown, DE> = Effect.void as Effect.Effect<unknown, DE> // DE is never unless `then` is given
) =>
  AsyncDrop.acquireRelease(
    Effect.sync(() => {
      log.push(`open ${name}`)
      return name
    }),
    () => Effect.andThen(Effect.sync(() => log.push(`close ${name}`)), then),
    { name }
  )

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const reportedTo = (log: Array<string>) =>
  Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => log.push(`reported ${error.resource}`)))

const namesOf = (errors: ReadonlyArray<{ readonly resource: string; readonly cause: Cause.Cause<unknown> }>) =>
  errors.map((error): readonly [string, Cause.Cause<unknown>] => [error.resource, error.cause])

const failureOf = (exit: Exit.Exit<unknown, unknown>): DropFailure.DropFailure<unknown> => {
  assert.isTrue(Exit.isFailure(exit))
  return Option.getOrThrow(DropFailure.fromCause((exit as Exit.Failure<unknown, unknown>).cause)) // as just seen
}

const diesOfUsage = (exit: Exit.Exit<unknown, unknown>, state: string) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropUsageError.DropUsageError)
  assert.strictEqual(defect.state, state)
}

const isInterrupted = (exit: Exit.Exit<unknown, unknown>) =>
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

const closedScope = Effect.tap(Scope.make(), (scope) => Scope.close(scope, Exit.void))

/** Each way to put something in, which would log it. */
const puttingIn = (stack: DropStack.DropStack, log: Array<string>): ReadonlyArray<Effect.Effect<unknown>> => [
  DropStack.use(stack, open(log, "used")),
  DropStack.adopt(stack, "adopted", () => Effect.sync(() => log.push("close adopted"))),
  DropStack.defer(stack, () => Effect.sync(() => log.push("deferred"))),
  Effect.scoped(DropStack.move(stack))
]

describe("DropStack.make", () => {
  it.effect("is owned by its scope, in its place among the others", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        yield* open(log, "before")
        const stack = yield* DropStack.make()
        yield* open(log, "after")
        yield* DropStack.use(stack, open(log, "inside"))
        assert.isFalse(stack.disposed)
        log.length = 0
      }))
      assert.deepStrictEqual(log, ["close after", "close inside", "close before"])
    }))

  it.effect("dies of a limit that is none before anything is made", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      for (const maxErrors of [0, -1, NaN]) {
        const exit = yield* Effect.exit(Scope.provide(DropStack.make({ maxErrors }), scope))
        diesOfUsage(exit, `maxErrors is ${maxErrors}`)
        diesOfUsage(yield* Effect.exit(DropStack.makeUnscoped({ maxErrors })), `maxErrors is ${maxErrors}`)
        assert.strictEqual(scope.state._tag, "Empty")
      }
    }))

  it.effect("in a closed scope makes no stack and interrupts", () =>
    Effect.gen(function*() {
      isInterrupted(yield* Effect.exit(Scope.provide(DropStack.make(), yield* closedScope)))
    }))

  it.effect("leaves nothing in a long scope once it was closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      for (let i = 0; i < 3; i++) {
        const stack = yield* Scope.provide(DropStack.make(), scope)
        yield* DropStack.use(stack, open([], "a"))
        yield* DropStack.close(stack)
        assert.strictEqual(scope.state._tag, "Empty")
      }
    }))

  it.effect("unscoped is owned by nobody until it is closed", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stack = yield* AsyncDrop.scoped(
        Effect.tap(DropStack.makeUnscoped(), (stack) => DropStack.use(stack, open(log, "a")))
      )
      assert.deepStrictEqual(log, ["open a"])
      yield* DropStack.close(stack)
      assert.deepStrictEqual(log, ["open a", "close a"])
    }))
})

class Tenant extends Context.Service<Tenant, string>()("Tenant") {}

describe("DropStack.use", () => {
  it.effect("acquires into the stack, which gives everything back last in, first out", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stack = yield* DropStack.make()
      assert.strictEqual(yield* DropStack.use(stack, open(log, "a")), "a")
      assert.strictEqual(yield* stack.pipe(DropStack.adopt("b", (b) => Effect.sync(() => log.push(`close ${b}`)))), "b")
      yield* stack.pipe(DropStack.defer(() => Effect.sync(() => log.push("deferred"))))
      assert.strictEqual(yield* stack.pipe(DropStack.use(open(log, "c"))), "c")
      log.length = 0
      yield* DropStack.close(stack)
      assert.deepStrictEqual(log, ["close c", "deferred", "close b", "close a"])
      assert.isTrue(stack.disposed)
    }).pipe(AsyncDrop.scoped))

  it.effect("takes anything that wants a Scope: plain finalizers, guards, foreign disposables", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stack = yield* DropStack.make()
      yield* DropStack.use(stack, Effect.acquireRelease(Effect.void, () => Effect.sync(() => log.push("plain"))))
      yield* DropStack.use(stack, open(log, "ours"))
      yield* DropStack.use(stack, AsyncDrop.fromDisposable({ [Symbol.dispose]: () => void log.push("foreign") }))
      const guard = yield* DropStack.use(
        stack,
        AsyncDropGuard.make(Effect.void, () => Effect.sync(() => log.push("guard")))
      )
      yield* DropStack.use(stack, Effect.addFinalizer(() => Effect.sync(() => log.push("finalizer"))))
      assert.isFalse(AsyncDropGuard.isDropped(guard))
      yield* DropStack.close(stack)
      assert.deepStrictEqual(log, ["open ours", "finalizer", "guard", "foreign", "close ours", "plain"])
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps the order with what others put into its scope", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stack = yield* DropStack.make()
      yield* DropStack.use(stack, open([], "a"))
      yield* Scope.provide(
        Effect.acquireRelease(Effect.void, (_, exit) => Effect.sync(() => log.push(`plain ${exit._tag}`))),
        stack.scope
      )
      yield* Scope.provide(open(log, "ours"), stack.scope)
      yield* DropStack.defer(stack, () => Effect.sync(() => log.push("deferred")))
      yield* DropStack.close(stack, Exit.fail("body"))
      assert.deepStrictEqual(log, ["open ours", "deferred", "close ours", "plain Failure"])
    }).pipe(AsyncDrop.scoped))

  it.effect("that fails leaves in the stack what it acquired before", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stack = yield* DropStack.make()
      const exit = yield* Effect.exit(DropStack.use(stack, Effect.andThen(open(log, "a"), Effect.fail("b"))))
      assert.deepStrictEqual(exit, Exit.fail("b"))
      assert.deepStrictEqual(log, ["open a"])
      yield* DropStack.close(stack)
      assert.deepStrictEqual(log, ["open a", "close a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("releases with the services of the place it is called from", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stack = yield* Effect.provideService(DropStack.make(), Tenant, "stack")
      const logTenant = Effect.flatMap(Tenant, (tenant) => Effect.sync(() => log.push(tenant)))
      yield* DropStack.use(stack, AsyncDrop.acquireRelease(Effect.void, () => logTenant)).pipe(
        Effect.provideService(Tenant, "use")
      )
      yield* Effect.provideService(DropStack.defer(stack, () => logTenant), Tenant, "defer")
      yield* Effect.provideService(DropStack.close(stack), Tenant, "close")
      assert.deepStrictEqual(log, ["defer", "use"])
    }).pipe(AsyncDrop.scoped))

  it.effect("and all that puts something in interrupts while the stack closes and once it is closed", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const stack = yield* DropStack.make()
      yield* DropStack.defer(stack, () => go.await)
      const closer = yield* beside(DropStack.close(stack))
      assert.isTrue(stack.disposed)
      for (const put of puttingIn(stack, log)) isInterrupted(yield* Effect.exit(put))
      yield* go.open
      yield* Fiber.join(closer)
      for (const put of puttingIn(stack, log)) isInterrupted(yield* Effect.exit(put))
      assert.deepStrictEqual(log, [])
    }).pipe(AsyncDrop.scoped))

  it.effect("under way when the stack closes releases what it acquires, and interrupts", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const stack = yield* DropStack.make()
        const user = yield* beside(DropStack.use(
          stack,
          AsyncDrop.acquireRelease(
            Effect.andThen(go.await, Effect.sync(() => log.push("open"))),
            (_, exit) => Effect.andThen(Effect.sync(() => log.push(`close ${exit._tag}`)), Effect.fail("busy")),
            { name: "a" }
          )
        ))
        yield* DropStack.close(stack, Exit.fail("body"))
        assert.deepStrictEqual(log, [])
        yield* go.open
        isInterrupted(yield* Fiber.await(user))
      }))
      assert.deepStrictEqual(log, ["open", "close Failure"])
      assert.deepStrictEqual(outer.exit, Exit.void)
      assert.deepStrictEqual(namesOf(outer.dropErrors), [["a", Cause.fail("busy")]])
    }))

  it.live("interrupted at any step releases what it opened, once", () =>
    everyStep(() => {
      const log: Array<string> = []
      const program = Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const stack = yield* DropStack.makeUnscoped()
          const filling = Effect.gen(function*() {
            yield* DropStack.use(stack, Effect.andThen(Effect.yieldNow, open(log, "a", Effect.yieldNow)))
            yield* DropStack.use(stack, open(log, "b"))
            yield* DropStack.use(yield* DropStack.move(stack), open(log, "c", Effect.yieldNow))
          })
          yield* Effect.exit(AsyncDrop.scoped(restore(filling)))
          yield* DropStack.close(stack)
        })
      )
      return {
        program,
        check: () => {
          const opened = log.filter((line) => line.startsWith("open")).map((line) => line.slice("open ".length))
          const closed = log.filter((line) => line.startsWith("close")).map((line) => line.slice("close ".length))
          assert.deepStrictEqual(closed, opened.reverse())
        }
      }
    }))
})

describe("DropStack.adopt", () => {
  it.effect("releases the value with its release, which gets the exit of the close", () =>
    Effect.gen(function*() {
      const calls: Array<readonly [unknown, Exit.Exit<unknown, unknown>]> = []
      const stack = yield* DropStack.make()
      yield* DropStack.adopt(stack, "a", (a, exit) => Effect.sync(() => calls.push([a, exit])))
      yield* DropStack.defer(stack, (exit) => Effect.sync(() => calls.push(["deferred", exit])))
      yield* DropStack.close(stack, Exit.fail("body"))
      assert.deepStrictEqual(calls, [["deferred", Exit.fail("body")], ["a", Exit.fail("body")]])
    }).pipe(AsyncDrop.scoped))
})

describe("DropStack.move", () => {
  it.effect("gives everything to a new stack of the current scope, and leaves an empty one", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const caller = yield* Effect.scope
        const moved = yield* AsyncDrop.scoped(Effect.gen(function*() {
          const stack = yield* DropStack.make()
          yield* DropStack.use(stack, open(log, "a"))
          yield* DropStack.use(stack, open(log, "b"))
          const moved = yield* Scope.provide(DropStack.move(stack), caller)
          assert.deepStrictEqual([stack.disposed, moved.disposed], [true, false])
          return moved
        }))
        assert.deepStrictEqual(log.splice(0), ["open a", "open b"])
        yield* DropStack.use(moved, open(log, "c"))
      }))
      assert.deepStrictEqual(log, ["open c", "close c", "close b", "close a"])
    }))

  it.effect("keeps the name and the cap on errors", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const stack = yield* Effect.flatMap(DropStack.make({ name: "parts", maxErrors: 1 }), DropStack.move)
        assert.strictEqual(stack.name, "parts")
        yield* DropStack.use(stack, open([], "a", Effect.fail("a")))
        yield* DropStack.use(stack, open([], "b", Effect.fail("b")))
        const failure = failureOf(yield* Effect.exit(DropStack.close(stack)))
        assert.deepStrictEqual(namesOf(failure.errors), [["b", Cause.fail("b")]])
        assert.strictEqual(failure.dropped, 1)
      })).pipe(reportedTo(log))
      assert.deepStrictEqual(log, ["reported a"])
    }))

  it.effect("makes close of the old one do nothing, and any other use of it a usage error", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stack = yield* DropStack.make()
      yield* DropStack.use(stack, open(log, "a"))
      const moved = yield* DropStack.move(stack)
      log.length = 0
      yield* DropStack.close(stack, Exit.fail("body"))
      yield* Effect.promise(() => stack[Symbol.asyncDispose]())
      for (const put of puttingIn(stack, log)) diesOfUsage(yield* Effect.exit(put), "given away by DropStack.move")
      isInterrupted(yield* Effect.exit(Scope.provide(open(log, "b"), stack.scope)))
      assert.deepStrictEqual(log, [])
      assert.isFalse(moved.disposed)
      yield* DropStack.close(moved)
      assert.deepStrictEqual(log, ["close a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("into a closed scope moves nothing and interrupts", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const stack = yield* DropStack.make()
      yield* DropStack.use(stack, open(log, "a"))
      isInterrupted(yield* Effect.exit(Scope.provide(DropStack.move(stack), yield* closedScope)))
      assert.isFalse(stack.disposed)
      yield* DropStack.close(stack)
      assert.deepStrictEqual(log, ["open a", "close a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("is seen by a use that was under way: its resource goes to the new stack", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const stack = yield* DropStack.make()
      const user = yield* beside(DropStack.use(stack, Effect.andThen(go.await, open(log, "a", Effect.fail("busy")))))
      const moved = yield* DropStack.move(stack)
      yield* go.open
      assert.strictEqual(yield* Fiber.join(user), "a")
      const failure = failureOf(yield* Effect.exit(DropStack.close(moved)))
      assert.deepStrictEqual(namesOf(failure.errors), [["a", Cause.fail("busy")]])
      assert.deepStrictEqual(log, ["open a", "close a"])
    }).pipe(AsyncDrop.scoped))
})

describe("DropStack.close", () => {
  it.effect("is joined by every closer, who gets the same outcome after the last release", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const stack = yield* DropStack.make()
        yield* DropStack.use(stack, open(log, "a", Effect.andThen(go.await, Effect.fail("a"))))
        yield* DropStack.use(stack, open(log, "b", Effect.fail("b")))
        const closers = yield* Effect.forEach([1, 2], () => beside(DropStack.close(stack)))
        assert.deepStrictEqual(closers.map((fiber) => fiber.pollUnsafe()), [undefined, undefined])
        yield* go.open
        const [first, second] = yield* Fiber.awaitAll(closers)
        assert.deepStrictEqual(first, Exit.fail(failureOf(first!)) as typeof first)
        assert.deepStrictEqual(namesOf(failureOf(first!).errors), [["b", Cause.fail("b")], ["a", Cause.fail("a")]])
        assert.strictEqual(failureOf(second!), failureOf(first!))
        assert.strictEqual(failureOf(yield* Effect.exit(DropStack.close(stack))), failureOf(first!))
      }))
      assert.deepStrictEqual(dropErrors, [])
      assert.deepStrictEqual(log, ["open a", "open b", "close b", "close a"])
    }))

  it.effect("is joined by the owner, which waits before it releases what came earlier", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      let closer: Fiber.Fiber<void, unknown> | undefined
      const owner = yield* beside(AsyncDrop.scopedExit(Effect.gen(function*() {
        yield* open(log, "parent")
        const stack = yield* DropStack.make()
        yield* DropStack.use(stack, open(log, "child", Effect.andThen(go.await, Effect.fail("busy"))))
        closer = yield* Effect.forkDetach(DropStack.close(stack), { startImmediately: true })
      })))
      assert.deepStrictEqual(log, ["open parent", "open child", "close child"])
      yield* go.open
      const { dropErrors } = yield* Fiber.join(owner)
      assert.deepStrictEqual(namesOf(failureOf(yield* Fiber.await(closer!)).errors), [["child", Cause.fail("busy")]])
      assert.deepStrictEqual(dropErrors, [])
      assert.deepStrictEqual(log, ["open parent", "open child", "close child", "close parent"])
    }))

  it.effect("of a stack in a stack ends before what the outer one got earlier is released", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const outer = yield* DropStack.make()
      yield* DropStack.use(outer, open(log, "outer"))
      const inner = yield* DropStack.use(outer, DropStack.make())
      yield* DropStack.use(inner, open(log, "inner", go.await))
      log.length = 0
      const innerCloser = yield* beside(DropStack.close(inner))
      const outerCloser = yield* beside(DropStack.close(outer))
      assert.deepStrictEqual(log, ["close inner"])
      yield* go.open
      yield* Fiber.joinAll([innerCloser, outerCloser])
      assert.deepStrictEqual(log, ["close inner", "close outer"])
    }).pipe(AsyncDrop.scoped))

  it.effect("of the outer of two stacks owns the inner one: what was put in through both is its own to fail with", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const outer = yield* DropStack.make()
        yield* DropStack.use(outer, open(log, "a", Effect.fail("a")))
        const inner = yield* DropStack.use(outer, DropStack.make())
        yield* DropStack.use(outer, DropStack.use(inner, open(log, "b", Effect.fail("b"))))
        yield* DropStack.use(inner, open(log, "c", Effect.die("c")))
        const failure = failureOf(yield* Effect.exit(DropStack.close(outer)))
        assert.isTrue(inner.disposed)
        return namesOf(failure.errors)
      }))
      assert.deepStrictEqual(exit, Exit.succeed([["b", Cause.fail("b")], ["a", Cause.fail("a")]]))
      assert.deepStrictEqual(namesOf(dropErrors), [["c", Cause.die("c")]])
      assert.deepStrictEqual(log, ["open a", "open b", "open c", "close c", "close b", "close a"])
    }))

  it.effect("by hand fails with one DropFailure of all errors, wherever the resources were put in", () =>
    Effect.gen(function*() {
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const stack = yield* DropStack.make()
        yield* DropStack.use(stack, open([], "a", Effect.fail("a")))
        const inner = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          yield* DropStack.use(stack, open([], "b", Effect.die("b")))
          yield* DropStack.use(stack, Effect.addFinalizer(() => Effect.die("plain")))
          const exit = yield* Effect.exit(DropStack.close(stack, Exit.fail("body")))
          const failure = failureOf(exit)
          assert.deepStrictEqual(exit, Exit.fail(failure))
          assert.deepStrictEqual(namesOf(failure.errors).slice(0, 2), [["b", Cause.die("b")], ["a", Cause.fail("a")]])
          assert.deepStrictEqual(failure.errors[2]?.cause, Cause.die("plain"))
          assert.deepStrictEqual([failure.errors.length, failure.dropped], [3, 0])
          assert.deepStrictEqual(failure.exit, Exit.fail("body"))
        }))
        assert.deepStrictEqual([inner.exit, inner.dropErrors], [Exit.void, []])
      }))
      assert.deepStrictEqual([outer.exit, outer.dropErrors], [Exit.void, []])
    }))

  it.effect("by hand leaves the errors of what others put into its scope to their own DropScope", () =>
    Effect.gen(function*() {
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const stack = yield* DropStack.make()
        yield* DropStack.use(stack, open([], "ours", Effect.fail("ours")))
        yield* Scope.provide(open([], "theirs", Effect.fail("theirs")), stack.scope)
        return namesOf(failureOf(yield* Effect.exit(DropStack.close(stack))).errors)
      }))
      assert.deepStrictEqual(exit, Exit.succeed([["ours", Cause.fail("ours")]]))
      assert.deepStrictEqual(namesOf(dropErrors), [["theirs", Cause.fail("theirs")]])
    }))

  it.effect("by hand of defects alone dies of the DropFailure", () =>
    Effect.gen(function*() {
      const stack = yield* DropStack.make()
      yield* DropStack.defer(stack, () => Effect.die("boom"))
      const exit = yield* Effect.exit(DropStack.close(stack))
      assert.deepStrictEqual(exit, Exit.die(failureOf(exit)))
    }).pipe(AsyncDrop.scoped))

  it.effect("by its owner gives each error to the DropScope where that resource was put in", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const owner = yield* Scope.make()
        const stack = yield* Scope.provide(DropStack.make(), owner)
        yield* DropStack.use(stack, open(log, "a", Effect.fail("a")))
        const inner = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          yield* DropStack.use(stack, open(log, "b", Effect.fail("b")))
          yield* DropStack.adopt(stack, "c", () => Effect.die("c"))
          yield* Scope.close(owner, Exit.void)
        }))
        return inner.dropErrors.map((error) => error.cause)
      }))
      assert.deepStrictEqual(outer.exit, Exit.succeed([Cause.die("c"), Cause.fail("b")]))
      assert.deepStrictEqual(namesOf(outer.dropErrors), [["a", Cause.fail("a")]])
      assert.deepStrictEqual(log, ["open a", "open b", "close b", "close a"])
    }))

  it.effect("by its owner gives an error whose DropScope is closed by then to the reporter", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const stack = yield* DropStack.make()
        yield* AsyncDrop.scopedExit(DropStack.use(stack, open([], "a", Effect.fail("a"))))
      })).pipe(reportedTo(log))
      assert.deepStrictEqual([outer.dropErrors, log], [[], ["reported a"]])
    }))

  it.effect("interrupted ends after every release, and each error goes to where its resource was put in", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const stack = yield* DropStack.make()
        yield* DropStack.use(stack, open(log, "a", Effect.fail("a")))
        const inner = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          yield* DropStack.use(stack, open(log, "b", Effect.andThen(go.await, Effect.fail("b"))))
          const closer = yield* beside(DropStack.close(stack))
          const interrupter = yield* beside(Fiber.interrupt(closer))
          assert.strictEqual(interrupter.pollUnsafe(), undefined)
          yield* go.open
          yield* Fiber.join(interrupter)
          isInterrupted(yield* Fiber.await(closer))
          assert.deepStrictEqual(log, ["open a", "open b", "close b", "close a"])
        }))
        return namesOf(inner.dropErrors)
      }))
      assert.deepStrictEqual(outer.exit, Exit.succeed([["b", Cause.fail("b")]]))
      assert.deepStrictEqual(namesOf(outer.dropErrors), [["a", Cause.fail("a")]])
    }))

  it.effect("gives a void success as the exit unless told another; its owner gives its own", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const made = Effect.tap(
        DropStack.make(),
        (stack) => DropStack.defer(stack, (exit) => Effect.sync(() => exits.push(exit)))
      )
      yield* AsyncDrop.scoped(Effect.flatMap(made, (stack) => DropStack.close(stack)))
      yield* AsyncDrop.scoped(Effect.flatMap(made, (stack) => DropStack.close(stack, Exit.die("boom"))))
      yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(made, Effect.fail("body"))))
      assert.deepStrictEqual(exits, [Exit.void, Exit.die("boom"), Exit.fail("body")])
    }))

  it.effect("from inside a release of its own is a cycle", () =>
    Effect.gen(function*() {
      let inside: Exit.Exit<unknown, unknown> = Exit.void
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const stack = yield* DropStack.make({ name: "parts" })
        yield* DropStack.defer(stack, () =>
          Effect.map(Effect.exit(DropStack.close(stack)), (exit) => {
            inside = exit
          }))
        yield* DropStack.close(stack)
      }))
      const defect = Exit.isFailure(inside) ? Cause.squash(inside.cause) : undefined
      assert.instanceOf(defect, DropCycle.DropCycle)
      assert.deepStrictEqual(defect.chain, ["parts", "parts"])
    }))

  it.effect("waits for the uses of the guards in it", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const used = yield* Latch.make()
      const stack = yield* DropStack.make()
      const guard = yield* DropStack.use(
        stack,
        AsyncDropGuard.make(Effect.void, () => Effect.sync(() => log.push("drop")))
      )
      yield* beside(AsyncDropGuard.use(guard, () => Effect.andThen(used.await, Effect.sync(() => log.push("used")))))
      const closer = yield* beside(DropStack.close(stack))
      assert.deepStrictEqual(log, [])
      yield* used.open
      yield* Fiber.join(closer)
      assert.deepStrictEqual(log, ["used", "drop"])
    }).pipe(AsyncDrop.scoped))
})

/** A stack for plain code, with resources that fail to close with these errors. */
const failing = (...errors: ReadonlyArray<unknown>) =>
  Effect.runPromise(
    Effect.tap(DropStack.makeUnscoped(), (stack) =>
      Effect.forEach(errors, (error) => DropStack.defer(stack, () => Effect.die(error))))
  )

const thrownBy = (disposable: AsyncDisposable): Promise<unknown> =>
  Promise.resolve(disposable[Symbol.asyncDispose]()).then(() => undefined, (error) => error)

describe("DropStack at the edge of Effect", () => {
  it.live("is closed by `await using`, newest first", () =>
    Effect.promise(async () => {
      const log: Array<string> = []
      {
        await using stack = await Effect.runPromise(DropStack.makeUnscoped())
        const a = DropStack.use(stack, open(log, "a", Effect.yieldNow))
        log.push(await Effect.runPromise(a))
        await Effect.runPromise(DropStack.use(stack, open(log, "b")))
      }
      assert.deepStrictEqual(log, ["open a", "a", "open b", "close b", "close a"])
    }))

  it.live("throws one error as it is", () =>
    Effect.promise(async () => {
      const boom = new Error("boom")
      assert.strictEqual(await thrownBy(await failing(boom)), boom)
    }))

  it.live("throws several errors as SuppressedErrors: the later one, which suppresses the earlier", () =>
    Effect.promise(async () => {
      const [a, b, c] = [new Error("a"), new Error("b"), new Error("c")]
      const thrown = await thrownBy(await failing(a, b, c))
      // By name: an old Node has no such class, and gets one that looks like it.
      assert.include(thrown, { name: "SuppressedError", error: a })
      const { suppressed } = thrown as SuppressedError
      assert.include(suppressed, { name: "SuppressedError", error: b, suppressed: c })
    }))

  // An old Node has no stack of its own to compare with.
  it.live.skipIf(!("AsyncDisposableStack" in globalThis))(
    "throws what the language's own stack throws",
    () =>
      Effect.promise(async () => {
        const errors = [new Error("a"), new Error("b"), new Error("c"), new Error("d")]
        const theirs = new AsyncDisposableStack()
        for (const error of errors) {
          theirs.defer(() => {
            throw error
          })
        }
        const chain = (thrown: unknown): ReadonlyArray<unknown> =>
          thrown instanceof SuppressedError ? [thrown.error, ...chain(thrown.suppressed)] : [thrown]
        const ours = chain(await thrownBy(await failing(...errors)))
        assert.deepStrictEqual(ours, chain(await thrownBy(theirs)))
        assert.deepStrictEqual(ours, errors)
      })
  )

  it.live("is closed once, and throws the same again", () =>
    Effect.promise(async () => {
      const boom = new Error("boom")
      const stack = await failing(boom)
      assert.strictEqual(await thrownBy(stack), boom)
      assert.strictEqual(await thrownBy(stack), boom)
    }))

  it.effect("prints its name and state, never what is inside", () =>
    Effect.gen(function*() {
      const stack = yield* DropStack.make({ name: "parts" })
      yield* DropStack.adopt(stack, { password: "secret" }, () => Effect.void)
      assert.isTrue(DropStack.isDropStack(stack))
      assert.isFalse(DropStack.isDropStack(stack.scope))
      for (const text of [inspect(stack, { depth: 9 }), String(stack), JSON.stringify(stack)]) {
        assert.include(text, "parts")
        assert.include(text, "live")
        assert.notInclude(text, "secret")
      }
    }).pipe(AsyncDrop.scoped))
})
