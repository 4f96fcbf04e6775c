import { AsyncDrop, AsyncDropArc, AsyncDropGuard, AsyncDropHashMap, ConcurrentStore, DropStack } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Layer } from "effect"

import { after, hang, lineOf, resource } from "./support/limits.ts"

type AnyEffect = Effect.Effect<any, any, any> // any: of many ways to own a resource only what is told counts
type Plain = Effect.Effect<unknown, unknown>
const plain = (effect: AnyEffect): Plain => effect as Plain // as above
const sleep = Effect.sleep

/** A guard whose release is given, and its limits. */
const guarded = (name: string, release: Effect.Effect<unknown, unknown>, options: AsyncDrop.DropOptions = {}) =>
  AsyncDropGuard.make(Effect.succeed(name), () => release, { ...options, name })

/** Each way to own a resource that hangs, with the limits given. */
const ways: ReadonlyArray<readonly [string, (options: AsyncDrop.DropOptions & { timeout: Duration.Input }) => Plain]> =
  [
    ["scoped", (o) => plain(AsyncDrop.scoped(resource("a", hang, o)))],
    [
      "acquireUseRelease",
      (o) => AsyncDrop.acquireUseRelease(Effect.succeed("a"), () => Effect.void, () => hang, { ...o, name: "a" })
    ],
    ["a guard dropped by its owner", (o) => plain(AsyncDrop.scoped(guarded("a", hang, o)))],
    ["an arc", (o) => plain(AsyncDrop.scoped(Effect.flatMap(guarded("a", hang, o), AsyncDropArc.make)))],
    ["a map", (o) =>
      plain(AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<string, string, unknown>()
        yield* AsyncDropHashMap.insert(map, "key", yield* guarded("a", hang, o))
      })))],
    ["the lookup of a store", (o) =>
      plain(AsyncDrop.scoped(Effect.flatMap(
        ConcurrentStore.make({ lookup: () => resource("a", hang, o) }),
        (store) => ConcurrentStore.use(store, "key", () => Effect.void)
      )))],
    [
      "DropStack.use",
      (o) =>
        plain(
          AsyncDrop.scoped(Effect.flatMap(DropStack.make(), (stack) => DropStack.use(stack, resource("a", hang, o))))
        )
    ],
    ["DropStack.adopt", (o) =>
      plain(AsyncDrop.scoped(
        Effect.flatMap(DropStack.make(), (stack) => DropStack.adopt(stack, "a", () => hang, { ...o, name: "a" }))
      ))],
    ["DropStack.defer", (o) =>
      plain(AsyncDrop.scoped(
        Effect.flatMap(DropStack.make(), (stack) => DropStack.defer(stack, () => hang, { ...o, name: "a" }))
      ))],
    ["DropStack.close", (o) =>
      Effect.flatMap(DropStack.makeUnscoped(), (stack) =>
        plain(Effect.andThen(
          DropStack.defer(stack, () => hang, { ...o, name: "a" }).pipe(AsyncDrop.scoped),
          DropStack.close(stack)
        )))],
    ["fromDisposable", (o) =>
      plain(AsyncDrop.scoped(AsyncDrop.fromDisposable(
        { [Symbol.asyncDispose]: () => new Promise<void>(() => {}) },
        { ...o, name: "a" }
      )))]
  ]

describe("a release with a timeout", () => {
  for (const [name, program] of ways) {
    it.effect(`is given up on when it has passed: ${name}`, () =>
      Effect.gen(function*() {
        const { endedAt, errors } = yield* after(5000, program({ timeout: "1 second" }))
        assert.deepStrictEqual({ endedAt, errors }, { endedAt: 1000, errors: ["a abandoned timeout"] })
      }))

    it.effect(`is forced when it has passed, and its error says so: ${name}`, () =>
      Effect.gen(function*() {
        const forced: Array<number> = []
        const force = () => Effect.map(Clock.currentTimeMillis, (now) => forced.push(now))
        const { endedAt, errors } = yield* after(5000, program({ timeout: "1 second", force }))
        assert.deepStrictEqual({ endedAt, errors, forced }, {
          endedAt: 1000,
          errors: ["a force timeout"],
          forced: [1000]
        })
      }))

    it.effect(`is given up on when its force has taken longer than forceTimeout: ${name}`, () =>
      Effect.gen(function*() {
        const options = { timeout: "1 second", force: () => hang, forceTimeout: "2 seconds" } as const
        const { endedAt, errors } = yield* after(5000, program(options))
        assert.deepStrictEqual({ endedAt, errors }, { endedAt: 3000, errors: ["a abandoned forceTimeout"] })
      }))
  }

  it.effect("that is dropped by hand fails with the DropTimeout", () =>
    Effect.gen(function*() {
      const program = Effect.flatMap(guarded("a", hang, { timeout: "1 second" }), AsyncDropGuard.drop)
      const { endedAt, errors } = yield* after(5000, plain(AsyncDrop.scoped(program)))
      assert.deepStrictEqual({ endedAt, errors }, { endedAt: 1000, errors: ["timeout"] })
    }))

  it.effect("is an error among the data of scopedExit", () =>
    Effect.gen(function*() {
      const program = AsyncDrop.scopedExit(resource("a", hang, { timeout: "1 second" }))
      const { exit } = yield* after(5000, program)
      assert.ok(exit !== undefined && Exit.isSuccess(exit))
      const { dropErrors } = exit.value as AsyncDrop.ScopedExit<unknown, unknown, unknown> // as the program says
      assert.deepStrictEqual(dropErrors.map(lineOf), ["a abandoned timeout"])
    }))

  it.effect("in a layer that launch keeps ends it when it is interrupted", () =>
    Effect.gen(function*() {
      const layer = Layer.effectDiscard(resource("a", hang, { timeout: "1 second" }))
      const { beside, endedAt } = yield* after(5000, plain(AsyncDrop.launch(layer)), 500)
      assert.deepStrictEqual({ endedAt, beside }, { endedAt: 1500, beside: ["a abandoned timeout"] })
    }))

  it.effect("that ends within it is as one without, and no timer is left", () =>
    Effect.gen(function*() {
      const program = AsyncDrop.scoped(resource("a", sleep(999), { timeout: 1000 }))
      const { beside, endedAt, exit } = yield* after(5000, plain(program))
      assert.deepStrictEqual({ beside, endedAt, exit }, { beside: [], endedAt: 999, exit: Exit.succeed("a") })
    }))

  it.effect("that fails within it fails with its own error", () =>
    Effect.gen(function*() {
      const program = AsyncDrop.scoped(resource("a", Effect.andThen(sleep(10), Effect.fail("no")), { timeout: 1000 }))
      const { endedAt, errors } = yield* after(5000, plain(program))
      assert.deepStrictEqual({ endedAt, errors }, { endedAt: 10, errors: ["a graceful no"] })
    }))

  it.effect("is interrupted, and its finalizers run before force does", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const release = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("interrupted")))
      const force = () => Effect.sync(() => void log.push("force"))
      yield* after(5000, plain(AsyncDrop.scoped(resource("a", release, { timeout: 1000, force }))))
      assert.deepStrictEqual(log, ["interrupted", "force"])
    }))

  it.effect("lets the releases after it run", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const program = Effect.gen(function*() {
        yield* resource("a", Effect.sync(() => void log.push("a")))
        yield* resource("b", hang, { timeout: 1000 })
        yield* Effect.addFinalizer(() => Effect.sync(() => void log.push("finalizer")))
        yield* resource("c", Effect.sync(() => void log.push("c")))
      })
      yield* after(1000, plain(AsyncDrop.scoped(program)))
      assert.deepStrictEqual(log, ["c", "finalizer", "a"])
    }))
})

describe("a force that is given up on", () => {
  for (const [limits, endsAt] of [[{ forceTimeout: "2 seconds" }, 3_000], [{ forceTimeout: 0 }, 1_000]] as const) {
    it.effect(`is heard of what it fails with as it is interrupted: after ${limits.forceTimeout}`, () =>
      Effect.gen(function*() {
        const force = () => Effect.onInterrupt(Effect.never, () => Effect.fail("3 jobs lost"))
        const options = { timeout: "1 second", force, ...limits } as const
        const { beside, endedAt, errors } = yield* after(9_000, AsyncDrop.scoped(resource("a", hang, options)))
        assert.deepStrictEqual({ endedAt, errors }, { endedAt: endsAt, errors: ["a abandoned forceTimeout"] })
        assert.deepStrictEqual(beside, [`a force late ${endsAt} interrupted 3 jobs lost`])
      }))
  }
})

describe("a late end", () => {
  const late = (end: Effect.Effect<unknown, unknown>) =>
    plain(AsyncDrop.scoped(resource("a", Effect.uninterruptible(Effect.andThen(sleep(3000), end)), { timeout: 1000 })))

  // Effect ends an interrupted fibre with that interrupt, once it can be interrupted again.
  for (
    const [name, end, line] of [
      ["its success", Effect.void, "a graceful late 3000 interrupted"],
      ["its failure", Effect.fail("no"), "a graceful late 3000 no interrupted"],
      ["its defect", Effect.die("boom"), "a graceful late 3000 died boom interrupted"]
    ] as const
  ) {
    it.effect(`is told to the reporter once, with its duration and ${name}`, () =>
      Effect.gen(function*() {
        const { beside, endedAt, errors } = yield* after(9000, late(end))
        assert.deepStrictEqual({ beside, endedAt, errors }, {
          beside: [line],
          endedAt: 1000,
          errors: ["a abandoned timeout"]
        })
      }))
  }

  it.effect("of a force is told too", () =>
    Effect.gen(function*() {
      const force = () => Effect.uninterruptible(Effect.andThen(sleep(4000), Effect.fail("late force")))
      const program = AsyncDrop.scoped(resource("a", hang, { timeout: 1000, force, forceTimeout: 1000 }))
      const { beside, endedAt } = yield* after(9000, plain(program))
      assert.deepStrictEqual({ beside, endedAt }, {
        beside: ["a force late 5000 late force interrupted"],
        endedAt: 2000
      })
    }))

  it.effect("of what was interrupted in time is not told", () =>
    Effect.gen(function*() {
      const { beside } = yield* after(9000, plain(AsyncDrop.scoped(resource("a", Effect.never, { timeout: 1000 }))))
      assert.deepStrictEqual(beside, [])
    }))
})

describe("force", () => {
  const forced = (force: () => Effect.Effect<unknown, unknown>) =>
    after(9000, plain(AsyncDrop.scoped(resource("a", Effect.never, { timeout: 1000, force }))))

  it.effect("that fails gives the resource up, and its error goes to the reporter", () =>
    Effect.gen(function*() {
      const { beside, errors } = yield* forced(() => Effect.fail("no"))
      assert.deepStrictEqual({ beside, errors }, { beside: ["a force no"], errors: ["a abandoned timeout"] })
    }))

  it.effect("that dies does too", () =>
    Effect.gen(function*() {
      const { beside, errors } = yield* forced(() => Effect.die("boom"))
      assert.deepStrictEqual({ beside, errors }, { beside: ["a force died boom"], errors: ["a abandoned timeout"] })
    }))

  it.effect("that throws does too", () =>
    Effect.gen(function*() {
      const { beside, errors } = yield* forced(() => {
        throw new Error("thrown")
      })
      assert.deepStrictEqual({ beside, errors }, { beside: ["a force died thrown"], errors: ["a abandoned timeout"] })
    }))

  it.effect("has a second by default", () =>
    Effect.gen(function*() {
      const { endedAt, errors } = yield* forced(() => Effect.never)
      assert.deepStrictEqual({ endedAt, errors }, { endedAt: 2000, errors: ["a abandoned forceTimeout"] })
    }))

  it.effect("may acquire and drop", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const inner = resource("inner", Effect.andThen(sleep(100), Effect.sync(() => log.push("inner"))))
      const { beside, endedAt, errors } = yield* forced(() => plain(AsyncDrop.scoped(inner)))
      assert.deepStrictEqual({ beside, endedAt, errors, log }, {
        beside: [],
        endedAt: 1100,
        errors: ["a force timeout"],
        log: ["inner"]
      })
    }))

  it.effect("is given the value and the exit", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const program = AsyncDrop.scoped(Effect.andThen(
        AsyncDrop.acquireRelease(Effect.succeed("value"), () => Effect.never, {
          timeout: 1000,
          force: (value: string, exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => void seen.push(value, exit))
        }),
        Effect.fail("body")
      ))
      yield* after(1000, program)
      assert.deepStrictEqual(seen, ["value", Exit.fail("body")])
    }))

  it.effect("is not run where the release ends in time", () =>
    Effect.gen(function*() {
      const force = () => Effect.die("never asked for")
      const { errors } = yield* after(9000, plain(AsyncDrop.scoped(resource("a", sleep(1), { timeout: 1000, force }))))
      assert.deepStrictEqual(errors, [])
    }))
})

describe("a use that outlasts a limit", () => {
  const outlasted = (options: AsyncDrop.DropOptions, scope: AsyncDrop.ScopeOptions) =>
    Effect.gen(function*() {
      const released: Array<number> = []
      const program = AsyncDrop.scoped(
        Effect.gen(function*() {
          const guard = yield* guarded(
            "a",
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              released.push(now)
              return Effect.andThen(sleep(500), Effect.fail("no"))
            }),
            options
          )
          for (const seconds of [20, 30]) {
            yield* Effect.forkDetach(AsyncDropGuard.use(guard, () => sleep(seconds * 1000)), { startImmediately: true })
          }
        }),
        scope
      )
      return { released, ...(yield* after(60_000, plain(program))) }
    })

  it.effect("is not waited for; the last to leave releases the resource, late, and the reporter hears of it", () =>
    Effect.gen(function*() {
      const { beside, endedAt, errors, released } = yield* outlasted({ timeout: 1000 }, {})
      assert.deepStrictEqual({ endedAt, errors, released }, {
        endedAt: 1000,
        errors: ["a abandoned timeout"],
        released: [30_000]
      })
      assert.strictEqual(beside.length, 1)
      assert.match(beside[0] ?? "", /^a graceful late \d+ no$/)
    }))

  it.effect("is waited for up to the end of a budget", () =>
    Effect.gen(function*() {
      const { endedAt, errors, released } = yield* outlasted({}, { budget: "10 seconds" })
      assert.ok(endedAt !== undefined && endedAt <= 10_000)
      assert.deepStrictEqual({ errors, released }, { errors: ["a abandoned budget"], released: [30_000] })
    }))

  it.effect("leaves the release what is left of its timeout", () =>
    Effect.gen(function*() {
      const program = AsyncDrop.scoped(Effect.gen(function*() {
        const guard = yield* guarded("a", hang, { timeout: 1000 })
        yield* Effect.forkDetach(AsyncDropGuard.use(guard, () => sleep(600)), { startImmediately: true })
      }))
      const { endedAt, errors } = yield* after(5000, plain(program))
      assert.deepStrictEqual({ endedAt, errors }, { endedAt: 1000, errors: ["a abandoned timeout"] })
    }))
})
