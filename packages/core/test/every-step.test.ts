import { AsyncDrop, AsyncDropGuard, DropReporter } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Scope } from "effect"
import { everyStep } from "./support/steps.ts"

/** Counts acquires and releases by name; every acquired one must have been released once. */
const ledger = () => {
  const live = new Map<string, number>()
  let acquired = 0
  const opened = (name: string) => {
    acquired++
    live.set(name, (live.get(name) ?? 0) + 1)
    return name
  }
  return {
    opened,
    open: (name: string) => Effect.sync(() => opened(name)),
    close: (name: string) => Effect.sync(() => void live.set(name, (live.get(name) ?? 0) - 1)),
    check: () => {
      for (const [name, count] of live) assert.strictEqual(count, 0, `${name} is off by ${count}`)
      return acquired
    }
  }
}

type Ledger = ReturnType<typeof ledger>

const yielding = <A>(effect: Effect.Effect<A>) => Effect.tap(Effect.andThen(Effect.yieldNow, effect), Effect.yieldNow)

const programs: Record<string, (_: Ledger) => Effect.Effect<unknown, unknown>> = {
  "a bracket with synchronous steps": ({ close, open }) =>
    AsyncDrop.acquireUseRelease(open("a"), () => Effect.sync(() => 1), close),
  "a bracket of a value that is there": ({ close, opened }) =>
    AsyncDrop.acquireUseRelease(
      Effect.succeed("a"),
      (a) => {
        opened(a)
        return Effect.yieldNow
      },
      close
    ),
  "a bracket with steps that suspend": ({ close, open }) =>
    AsyncDrop.acquireUseRelease(yielding(open("a")), () => Effect.yieldNow, (a) => yielding(close(a))),
  // An interruptible acquire answers for what it did so far: only what was handed over counts.
  "a bracket whose acquire can be interrupted": ({ close, opened }) =>
    AsyncDrop.acquireUseRelease(
      Effect.as(Effect.yieldNow, "a"),
      (a) => {
        opened(a)
        return Effect.yieldNow
      },
      (a) => yielding(close(a)),
      { interruptible: true }
    ),
  "two resources in a scope": ({ close, open }) =>
    AsyncDrop.scoped(Effect.gen(function*() {
      yield* AsyncDrop.acquireRelease(open("a"), close)
      yield* Effect.yieldNow
      yield* AsyncDrop.acquireRelease(yielding(open("b")), (b) => yielding(close(b)))
    })),
  "failing releases in a scope": ({ close, open }) =>
    AsyncDrop.scoped(Effect.gen(function*() {
      yield* AsyncDrop.acquireRelease(open("a"), (a) => Effect.andThen(close(a), Effect.fail("a")))
      yield* AsyncDrop.acquireRelease(open("b"), (b) => Effect.andThen(yielding(close(b)), Effect.die("b")))
    })),
  "resources in a plain scope, among plain finalizers": ({ close, open }) =>
    Effect.scoped(Effect.gen(function*() {
      yield* AsyncDrop.acquireRelease(open("a"), close)
      yield* Effect.addFinalizer(() => Effect.yieldNow)
      yield* AsyncDrop.acquireRelease(yielding(open("b")), close)
      yield* Effect.acquireRelease(open("c"), close)
      yield* AsyncDrop.acquireRelease(open("d"), (d) => yielding(close(d)))
    })),
  "all, of which the last fails": ({ close, open }) =>
    AsyncDrop.scoped(AsyncDrop.all([
      AsyncDrop.acquireRelease(yielding(open("a")), close),
      AsyncDrop.acquireRelease(open("b"), (b) => yielding(close(b))),
      Effect.andThen(Effect.yieldNow, Effect.fail("c"))
    ], { concurrency: "unbounded" })),
  "a guard dropped by hand": ({ close, open }) =>
    AsyncDrop.scoped(Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.make(open("a"), (a) => Effect.andThen(yielding(close(a)), Effect.fail("a")))
      yield* AsyncDropGuard.use(guard, () => Effect.yieldNow)
      yield* AsyncDropGuard.drop(guard)
    })),
  "an unscoped guard, dropped in the end": ({ close, open }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        AsyncDropGuard.makeUnscoped(yielding(open("a")), close),
        (guard) =>
          Effect.ensuring(restore(AsyncDropGuard.use(guard, () => Effect.yieldNow)), AsyncDropGuard.drop(guard))
      )
    ),
  "an unscoped guard that is waited for": ({ close, opened }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        restore(AsyncDropGuard.makeUnscoped(Effect.andThen(Effect.yieldNow, Effect.sync(() => opened("a"))), close)),
        AsyncDropGuard.drop
      )
    ),
  "an unscoped guard whose maker is interrupted": ({ close, open }) =>
    Effect.flatMap(AsyncDropGuard.makeUnscoped(yielding(open("a")), close), AsyncDropGuard.drop).pipe(
      Effect.uninterruptible
    ),
  "a guard used, mapped, moved and dropped by two fibres": ({ close, open }) =>
    Effect.gen(function*() {
      const other = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const first = yield* AsyncDropGuard.make(open("a"), (a) => yielding(close(a)))
        const user = yield* Effect.forkChild(AsyncDropGuard.use(first, () => Effect.yieldNow))
        const guard = yield* AsyncDropGuard.map(first, (a) => `${a}!`)
        yield* AsyncDropGuard.transfer(guard, other)
        const dropper = yield* Effect.forkChild(AsyncDropGuard.drop(guard))
        yield* AsyncDropGuard.drop(guard)
        yield* Fiber.joinAll([user, dropper])
      }))
    }).pipe(Effect.scoped),
  "a guard unwrapped while it is used": ({ close, open }) =>
    AsyncDrop.scoped(Effect.gen(function*() {
      const guard = yield* AsyncDropGuard.make(open("a"), close)
      yield* Effect.forkChild(Effect.exit(AsyncDropGuard.use(guard, () => Effect.yieldNow)), { startImmediately: true })
      yield* Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(AsyncDropGuard.unwrap(guard)), (a) => close(a))
      )
    }))
}

// A fibre that interrupts itself in the very step that hands a value over loses the value, whatever the
// operator: the runtime drops what that step came to.
const handsOver = new Set(["a guard unwrapped while it is used", "an unscoped guard that is waited for"])

describe("interrupted after every number of steps", () => {
  for (const [name, program] of Object.entries(programs)) {
    it.live(`${name}: every acquire has one release`, () =>
      Effect.gen(function*() {
        let acquired = 0
        const runs = yield* everyStep(() => {
          const books = ledger()
          return {
            program: Effect.provideService(program(books), DropReporter.DropReporter, () => Effect.void),
            check: () => {
              acquired += books.check()
            }
          }
        }, handsOver.has(name) ? ["between"] : ["between", "within"])
        assert.isAbove(runs, 50)
        assert.isAbove(acquired, runs / 4)
      }), 60_000)
  }
})

const Mark = Context.Reference<number>("every-step/Mark", { defaultValue: () => 0 })

const lost = new Error("a finalizer sees the context of what was inside")

/** Dies where a finalizer around `self` sees another context than `self` was started in. */
const inItsContext = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const context = fiber.context
    return Effect.onExit(
      Effect.andThen(Effect.void, Effect.andThen(Effect.void, self)),
      () => fiber.context === context ? Effect.void : Effect.die(lost)
    )
  })

const marked = (mark: number) =>
  Effect.provideService(AsyncDrop.acquireRelease(Effect.yieldNow, () => Effect.yieldNow), Mark, mark)

const guarded = AsyncDropGuard.make(Effect.yieldNow, () => Effect.yieldNow)

const several = Effect.all([marked(1), guarded, marked(2)])

const closedByHand = (strategy: "sequential" | "parallel", resources: Effect.Effect<unknown, never, Scope.Scope>) =>
  Effect.flatMap(Scope.make(strategy), (scope) =>
    Effect.andThen(
      Effect.provideService(resources, Scope.Scope, scope),
      inItsContext(Scope.close(scope, Exit.void))
    ))

/** Each runs something inside in another context. */
const insides: Record<string, Effect.Effect<unknown, unknown>> = {
  "a scope": inItsContext(AsyncDrop.scoped(Effect.yieldNow)),
  "a scope in an uninterruptible region": inItsContext(Effect.uninterruptible(AsyncDrop.scoped(Effect.yieldNow))),
  "a scope with one resource": inItsContext(AsyncDrop.scoped(marked(1))),
  "a scope with several resources": inItsContext(AsyncDrop.scoped(several)),
  "a plain scope with one resource": inItsContext(Effect.scoped(marked(1))),
  "a plain scope with several resources": inItsContext(Effect.scoped(several)),
  "a scope of one resource that is closed by hand": closedByHand("sequential", marked(1)),
  "a scope of several resources that is closed by hand": closedByHand("sequential", several),
  "a parallel scope that is closed by hand": closedByHand("parallel", several),
  "a use": Effect.scoped(
    Effect.flatMap(guarded, (guard) => inItsContext(AsyncDropGuard.use(guard, () => Effect.yieldNow)))
  ),
  "a drop": Effect.scoped(Effect.flatMap(guarded, (guard) => inItsContext(AsyncDropGuard.drop(guard))))
}

describe("interrupted after every number of steps, a finalizer sees its own context", () => {
  for (const [name, program] of Object.entries(insides)) {
    it.live(`around ${name}`, () =>
      everyStep(() => ({
        program,
        check: (exit) =>
          assert.notInclude(Exit.isFailure(exit) ? exit.cause.reasons.map(({ _tag }) => _tag) : [], "Die")
      })), 60_000)
  }
})
