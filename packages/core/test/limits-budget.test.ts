import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropHashMap,
  ConcurrentStore,
  DropContext,
  DropStack
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Layer, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { after, hang, resource, usageOf } from "./support/limits.ts"

type AnyEffect = Effect.Effect<any, any, any> // any: of many ways to own a resource only what is told counts
type Plain = Effect.Effect<unknown, unknown>
const plain = (effect: AnyEffect): Plain => effect as Plain // as above
const scoped = (effect: AnyEffect, options?: AsyncDrop.ScopeOptions) => plain(AsyncDrop.scoped(effect, options))
const sleep = Effect.sleep
const log = () => {
  const lines: Array<string> = []
  const say = (line: string) => Effect.map(Clock.currentTimeMillis, (now) => void lines.push(`${now} ${line}`))
  return { lines, say }
}
const guarded = (name: string, release: Effect.Effect<unknown, unknown>, options: AsyncDrop.DropOptions = {}) =>
  AsyncDropGuard.make(Effect.succeed(name), () => release, { ...options, name })

describe("a budget", () => {
  it.effect("forces what is left after nine tenths, all together, and gives it up at its end", () =>
    Effect.gen(function*() {
      const { lines, say } = log()
      const program = Effect.gen(function*() {
        yield* resource("never begun in order", say("never begun in order"))
        yield* resource("with force", say("graceful"), { force: () => say("forced") })
        yield* resource("fails", Effect.andThen(say("fails"), Effect.fail("no")))
        yield* resource("slow", Effect.andThen(sleep(500), say("slow")))
        yield* resource("hangs", hang)
      })
      const { beside, endedAt, errors } = yield* after(20_000, scoped(program, { budget: "10 seconds" }))
      assert.strictEqual(endedAt, 10_000)
      assert.deepStrictEqual(beside, [])
      assert.deepStrictEqual([...lines].sort(), [
        "9000 fails",
        "9000 forced",
        "9000 never begun in order",
        "9500 slow"
      ])
      assert.deepStrictEqual([...errors].sort(), [
        "fails graceful no",
        "hangs abandoned budget",
        "with force force budget"
      ])
    }))

  it.effect("is not spent where everything ends earlier", () =>
    Effect.gen(function*() {
      const { endedAt, errors } = yield* after(20_000, scoped(resource("a", sleep(100)), { budget: "10 seconds" }))
      assert.deepStrictEqual({ endedAt, errors }, { endedAt: 100, errors: [] })
    }))

  it.effect("does not cut the time of the body", () =>
    Effect.gen(function*() {
      const program = Effect.andThen(resource("a", sleep(500)), sleep(60_000))
      const { endedAt, errors } = yield* after(90_000, scoped(program, { budget: "1 second" }))
      assert.deepStrictEqual({ endedAt, errors }, { endedAt: 60_500, errors: [] })
    }))

  const owners: ReadonlyArray<readonly [string, AnyEffect]> = [
    ["a resource", resource("a", hang)],
    ["a guard", guarded("a", hang)],
    ["an arc", Effect.flatMap(guarded("a", hang), AsyncDropArc.make)],
    [
      "a map",
      Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<string, string, unknown>()
        yield* AsyncDropHashMap.insert(map, "key", yield* guarded("a", hang))
      })
    ],
    [
      "a store",
      Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({
          lookup: (_: string) => resource("a", hang),
          idleTimeToLive: Infinity
        })
        yield* ConcurrentStore.use(store, "key", () => Effect.void)
      })
    ],
    ["a stack", Effect.flatMap(DropStack.make(), (stack) => DropStack.use(stack, resource("a", hang)))],
    [
      "a stack in a stack",
      Effect.flatMap(
        DropStack.make(),
        (outer) =>
          DropStack.use(outer, Effect.flatMap(DropStack.make(), (inner) => DropStack.use(inner, resource("a", hang))))
      )
    ],
    ["a layer", Layer.build(Layer.effectDiscard(resource("a", hang)))],
    ["a scoped program inside a release", resource("outer", plain(AsyncDrop.scoped(resource("a", hang))))]
  ]
  for (const [name, owner] of owners) {
    for (const concurrency of [1, "unbounded"] as const) {
      it.effect(`holds for ${name}, concurrency ${concurrency}, and everything beside it is released`, () =>
        Effect.gen(function*() {
          const { lines, say } = log()
          const program = Effect.gen(function*() {
            yield* resource("before", say("before"))
            yield* owner
            yield* resource("after", say("after"))
          })
          const { endedAt, errors } = yield* after(90_000, scoped(program, { budget: "10 seconds", concurrency }))
          assert.ok(endedAt !== undefined && endedAt <= 10_000, `ended at ${endedAt}`)
          assert.deepStrictEqual(lines.map((line) => line.replace(/^\d+ /, "")).sort(), ["after", "before"])
          assert.ok(errors.some((error) => error.endsWith(" abandoned budget")), errors.join("\n"))
        }))
    }
  }

  it.effect("holds for a plain finalizer", () =>
    Effect.gen(function*() {
      const { lines, say } = log()
      const program = Effect.gen(function*() {
        yield* resource("a", say("a"))
        yield* Effect.addFinalizer(() => Effect.never)
      })
      const { endedAt, errors } = yield* after(20_000, scoped(program, { budget: "10 seconds" }))
      assert.deepStrictEqual({ endedAt, errors, lines }, {
        endedAt: 10_000,
        errors: ["a plain finalizer abandoned budget"],
        lines: ["9000 a"]
      })
    }))

  it.effect("of a child is no more than what is left of its parent's", () =>
    Effect.gen(function*() {
      const inner = scoped(resource("inner", hang), { budget: "1 hour" })
      const program = Effect.gen(function*() {
        yield* resource("outer", inner)
        yield* resource("slow", sleep(5000))
      })
      const { endedAt, errors } = yield* after(20_000, scoped(program, { budget: "10 seconds" }))
      assert.strictEqual(endedAt, 10_000)
      assert.ok(errors.includes("inner abandoned budget"), errors.join("\n"))
    }))

  it.effect("of a child that is smaller ends the child alone", () =>
    Effect.gen(function*() {
      const program = resource("outer", scoped(resource("inner", hang), { budget: "1 second" }))
      const { endedAt, errors } = yield* after(20_000, scoped(program, { budget: "10 seconds" }))
      assert.strictEqual(endedAt, 1000)
      assert.strictEqual(errors.length, 1)
      assert.match(errors[0] ?? "", /^outer graceful/)
    }))

  it.effect("that cuts short what was dropped by hand in a release goes to its scope; the hand hears a defect", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const program = Effect.gen(function*() {
        const guard = yield* guarded("a", hang)
        const drop = Effect.map(Effect.exit(AsyncDropGuard.drop(guard)), (exit) => {
          if (exit._tag === "Failure") heard.push(...exit.cause.reasons.map((reason) => reason._tag))
        })
        yield* resource("hand", Effect.uninterruptible(drop))
      })
      const { endedAt, errors } = yield* after(20_000, scoped(program, { budget: "10 seconds" }))
      assert.strictEqual(endedAt, 10_000)
      assert.deepStrictEqual(heard, ["Die"])
      assert.ok(errors.includes("a abandoned budget"), errors.join("\n"))
    }))

  it.effect("holds where the closer is interrupted before, and while it closes", () =>
    Effect.gen(function*() {
      for (const at of [100, 5500, 9500]) {
        const program = Effect.andThen(resource("a", hang), sleep(200))
        const { beside, endedAt, exit } = yield* after(20_000, scoped(program, { budget: "10 seconds" }), at)
        assert.strictEqual(endedAt, Math.min(at, 200) + 10_000)
        assert.ok(exit !== undefined && Exit.hasInterrupts(exit))
        assert.deepStrictEqual(beside, ["a abandoned budget"])
      }
    }))
})

describe("a stack with a budget", () => {
  it.effect("that a second one closes has the first one's", () =>
    Effect.gen(function*() {
      const ends: Array<number> = []
      const program = Effect.gen(function*() {
        const stack = yield* DropStack.make({ budget: "10 seconds" })
        yield* DropStack.defer(stack, () => hang, { name: "a" })
        const close = Effect.exit(DropStack.close(stack)).pipe(
          Effect.flatMap(() => Clock.currentTimeMillis),
          Effect.map((now) => void ends.push(now))
        )
        yield* Effect.all([close, Effect.andThen(sleep(4000), close)], { concurrency: 2 })
      })
      yield* after(20_000, scoped(program))
      assert.deepStrictEqual(ends, [10_000, 10_000])
    }))
})

describe("a limit", () => {
  it.effect("of zero is enough for what ends at once, and for nothing else", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        yield* resource("at once", Effect.void, { timeout: 0 })
        yield* resource("later", Effect.never, { timeout: 0 })
      })
      const one = yield* after(0, scoped(program))
      assert.deepStrictEqual([one.endedAt, one.errors], [0, ["later abandoned timeout"]])
      const both = Effect.andThen(resource("at once", Effect.void), resource("later", Effect.never))
      const budget = yield* after(0, scoped(both, { budget: 0 }))
      assert.deepStrictEqual([budget.endedAt, budget.errors], [0, ["later abandoned budget"]])
    }))

  for (const [name, long] of [["infinite", Infinity], ["of more than 2^31 ms", 2 ** 31 + 1000]] as const) {
    it.effect(`that is ${name} is none, or that long`, () =>
      Effect.gen(function*() {
        const program = resource("a", sleep(2 ** 31), { timeout: long, force: () => Effect.die("too early") })
        const { endedAt, errors } = yield* after(2 ** 31 + 5000, scoped(program, { budget: long * 2 }))
        assert.deepStrictEqual({ endedAt, errors }, { endedAt: 2 ** 31, errors: [] })
      }))
  }
})

describe("a wrong limit", () => {
  const acquired: Array<string> = []
  const acquire = Effect.sync(() => void acquired.push("acquired"))
  const release = () => Effect.void
  type Any = any // any: wrong on purpose
  const resources: ReadonlyArray<readonly [string, (options: Any) => AnyEffect]> = [
    ["acquireRelease", (o) => AsyncDrop.scoped(AsyncDrop.acquireRelease(acquire, release, o))],
    ["acquireUseRelease", (o) => AsyncDrop.acquireUseRelease(acquire, () => acquire, release, o)],
    [
      "acquire",
      (o) => AsyncDrop.scoped(AsyncDrop.acquire(Effect.as(acquire, { [AsyncDrop.asyncDrop]: release }), o))
    ],
    ["AsyncDropGuard.make", (o) => AsyncDrop.scoped(AsyncDropGuard.make(acquire, release, o))],
    ["AsyncDropGuard.makeUnscoped", (o) => AsyncDropGuard.makeUnscoped(acquire, release, o)],
    [
      "AsyncDropGuard.fromAsyncDrop",
      (o) => AsyncDrop.scoped(AsyncDropGuard.fromAsyncDrop(Effect.as(acquire, { [AsyncDrop.asyncDrop]: release }), o))
    ],
    [
      "DropStack.adopt",
      (o) => AsyncDrop.scoped(Effect.flatMap(DropStack.make(), (s) => DropStack.adopt(s, 1, release, o)))
    ],
    [
      "DropStack.defer",
      (o) => AsyncDrop.scoped(Effect.flatMap(DropStack.make(), (s) => DropStack.defer(s, release, o)))
    ],
    ["fromDisposable", (o) => AsyncDrop.scoped(AsyncDrop.fromDisposable({ [Symbol.dispose]: () => {} }, o))]
  ]
  const owners: ReadonlyArray<readonly [string, (options: Any) => AnyEffect]> = [
    ["scoped", (o) => AsyncDrop.scoped(acquire, o)],
    ["scoped, piped", (o) => AsyncDrop.scoped(o as AsyncDrop.ScopeOptions)(acquire)],
    ["scopedExit", (o) => AsyncDrop.scopedExit(acquire, o)],
    ["launch", (o) => AsyncDrop.launch(Layer.effectDiscard(acquire), o)],
    ["AsyncDropHashMap.make", (o) => AsyncDrop.scoped(AsyncDropHashMap.make(o))],
    ["DropStack.make", (o) => AsyncDrop.scoped(DropStack.make(o))],
    ["DropStack.makeUnscoped", (o) => DropStack.makeUnscoped(o)],
    ["ConcurrentStore.make", (o) => AsyncDrop.scoped(ConcurrentStore.make({ lookup: () => acquire, ...o }))]
  ]
  const wrong: ReadonlyArray<unknown> = [-1, NaN, -Infinity, "-1 second", "soon", "", Duration.seconds(-1), null]
  for (
    const [kind, option] of [[resources, "timeout"], [resources, "forceTimeout"], [owners, "budget"]] as const
  ) {
    for (const [name, make] of kind) {
      it.effect(`${option} is a DropUsageError that names it, before anything is acquired: ${name}`, () =>
        Effect.gen(function*() {
          for (const value of wrong) {
            const message = yield* usageOf(plain(make({ [option]: value })))
            assert.ok(message?.includes(`${option} is `), `${String(value)}: ${message}`)
          }
          assert.deepStrictEqual(acquired, [])
        }))
    }
  }
  for (const [name, make] of owners) {
    it.effect(`concurrency is a DropUsageError that names it: ${name}`, () =>
      Effect.gen(function*() {
        for (const value of [0, -1, NaN, "many", null]) {
          const message = yield* usageOf(plain(make({ concurrency: value })))
          assert.ok(message?.includes("concurrency is "), `${String(value)}: ${message}`)
        }
        assert.deepStrictEqual(acquired, [])
      }))
  }
  for (const [name, make] of resources) {
    it.effect(`force or dependsOn is a DropUsageError that names it: ${name}`, () =>
      Effect.gen(function*() {
        for (const options of [{ force: 1 }, { dependsOn: 1 }, { dependsOn: [{}] }]) {
          const message = yield* usageOf(plain(make(options)))
          assert.ok(message?.includes(Object.keys(options)[0] ?? "?"), `${JSON.stringify(options)}: ${message}`)
        }
        assert.deepStrictEqual(acquired, [])
      }))
  }
})

describe("DropContext", () => {
  const seen = () => {
    const lines: Array<string> = []
    const look = Effect.map(DropContext.DropContext, ({ abandoned, phase, reason, timeLeft }) => {
      const left = Option.match(timeLeft, { onNone: () => "no limit", onSome: (d) => String(Duration.toMillis(d)) })
      lines.push([phase, Option.getOrElse(reason, () => "no reason"), left, ...abandoned].join(", "))
    })
    return { lines, look }
  }

  it.effect("says nothing where nothing is limited", () =>
    Effect.gen(function*() {
      const { lines, look } = seen()
      yield* after(10, scoped(resource("a", look)))
      assert.deepStrictEqual(lines, ["graceful, no reason, no limit"])
    }))

  it.effect("says phase, reason and the time left, counted anew each time", () =>
    Effect.gen(function*() {
      const { lines, look } = seen()
      const release = Effect.andThen(Effect.andThen(look, sleep(400)), Effect.andThen(look, Effect.never))
      const options = { timeout: 1000, forceTimeout: 300, force: () => look } as const
      yield* after(2000, scoped(resource("a", release, options)))
      assert.deepStrictEqual(lines, ["graceful, no reason, 1000", "graceful, no reason, 600", "force, timeout, 300"])
    }))

  it.effect("names with concurrency 1 what was given up on before", () =>
    Effect.gen(function*() {
      const { lines, look } = seen()
      const program = Effect.gen(function*() {
        yield* resource("pool", look)
        yield* resource("connection", hang, { timeout: 1000 })
      })
      yield* after(2000, scoped(program))
      assert.deepStrictEqual(lines, ["graceful, no reason, no limit, connection"])
    }))

  it.effect("names with more only what named the resource in dependsOn", () =>
    Effect.gen(function*() {
      const { lines, look } = seen()
      const program = Effect.gen(function*() {
        const pool = yield* guarded("pool", look)
        const other = yield* guarded("other", look)
        yield* guarded("connection", hang, { timeout: 1000, dependsOn: [pool] })
        yield* guarded("calm", Effect.void, { dependsOn: [other] })
      })
      yield* after(2000, scoped(program, { concurrency: "unbounded" }))
      assert.deepStrictEqual(lines, ["graceful, no reason, no limit", "graceful, no reason, no limit, connection"])
    }))
})

describe("concurrency", () => {
  type Leave = (next: AsyncDropGuard.AsyncDropGuard<string, unknown>) => AnyEffect
  const leaves: Record<string, Leave> = {
    "is moved away": (next) => Effect.map(Scope.make(), (scope) => AsyncDropGuard.transfer(next, scope)),
    "is dropped by hand": (next) => Effect.succeed(AsyncDropGuard.drop(next)),
    "is the last handle, dropped by hand": (next) => Effect.map(AsyncDropArc.make(next), AsyncDropArc.drop)
  }
  for (const [name, leave] of Object.entries(leaves)) {
    it.effect(`goes on with who comes after one whose turn was next and that ${name}`, () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* guarded("after it", sleep(1000))
          const leaves: Plain = yield* leave(yield* guarded("next", Effect.void))
          yield* guarded("takes it out", leaves)
          yield* guarded("lasts", sleep(1000))
        })
        const { endedAt, errors } = yield* after(9000, scoped(program, { concurrency: 2 }))
        assert.deepStrictEqual({ endedAt, errors }, { endedAt: 1000, errors: [] })
      }))
  }
})

describe("dependsOn", () => {
  it.effect("orders a diamond, and leaves the rest side by side", () =>
    Effect.gen(function*() {
      const { lines, say } = log()
      const slow = (name: string) => Effect.andThen(sleep(1000), say(name))
      const program = Effect.gen(function*() {
        const base = yield* guarded("base", slow("base"))
        const left = yield* guarded("left", slow("left"), { dependsOn: [base] })
        const right = yield* guarded("right", slow("right"), { dependsOn: [base] })
        yield* guarded("top", slow("top"), { dependsOn: [left, right] })
        yield* guarded("alone", slow("alone"))
      })
      for (const concurrency of [2, 4, "unbounded"] as const) {
        const start = yield* Clock.currentTimeMillis
        lines.length = 0
        const { endedAt } = yield* after(9000, scoped(program, { concurrency }))
        assert.strictEqual(endedAt, 3000, `concurrency ${concurrency}: ${lines}`)
        assert.deepStrictEqual(lines.map((line) => Number(line.split(" ")[0]) - start), [1000, 1000, 2000, 2000, 3000])
        assert.deepStrictEqual(lines.map((line) => line.split(" ")[1]).toSorted(), [
          "alone",
          "base",
          "left",
          "right",
          "top"
        ])
        assert.strictEqual(lines[4]?.split(" ")[1], "base")
      }
    }))

  it.effect("orders a chain of 1,000", () =>
    Effect.gen(function*() {
      const order: Array<number> = []
      const program = Effect.gen(function*() {
        let last: AsyncDropGuard.AsyncDropGuard<string, unknown> | undefined
        for (let i = 0; i < 1000; i++) {
          const release = Effect.andThen(Effect.yieldNow, Effect.sync(() => order.push(i)))
          last = yield* guarded(`${i}`, release, last === undefined ? {} : { dependsOn: [last] })
        }
      })
      yield* after(0, scoped(program, { concurrency: "unbounded" }))
      assert.deepStrictEqual(order, Array.from({ length: 1000 }, (_, i) => 999 - i))
    }))

  it.effect("holds for the guard of an arc and for one that was transferred", () =>
    Effect.gen(function*() {
      const { lines, say } = log()
      const slow = (name: string) => Effect.andThen(sleep(1000), say(name))
      const program = Effect.gen(function*() {
        const base = yield* AsyncDropGuard.makeUnscoped(Effect.succeed(1), () => slow("base"), { name: "base" })
        yield* AsyncDropGuard.transfer(base, yield* Effect.scope)
        const user = yield* guarded("user", slow("user"), { dependsOn: [base] })
        yield* AsyncDropArc.make(user)
      })
      yield* after(9000, scoped(program, { concurrency: "unbounded" }))
      assert.deepStrictEqual(lines, ["1000 user", "2000 base"])
    }))

  it.effect("does not wait for what a limit has given up on", () =>
    Effect.gen(function*() {
      const { lines, say } = log()
      const program = Effect.gen(function*() {
        const base = yield* guarded("base", say("base"))
        yield* guarded("user", hang, { dependsOn: [base], timeout: 1000 })
      })
      yield* after(9000, scoped(program, { concurrency: "unbounded" }))
      assert.deepStrictEqual(lines, ["1000 base"])
    }))
})

describe("the clock", () => {
  it.effect("drives several phases in one step", () =>
    Effect.gen(function*() {
      const { lines, say } = log()
      const program = Effect.gen(function*() {
        yield* resource("a", hang, { timeout: 1000, force: () => Effect.andThen(say("force a"), hang) })
        yield* resource("b", hang, { timeout: 1000, force: () => say("force b") })
      })
      const { endedAt } = yield* after(60_000, scoped(program))
      assert.deepStrictEqual({ endedAt, lines }, { endedAt: 3000, lines: ["1000 force b", "2000 force a"] })
    }))

  it.effect("can be moved on from inside of a release", () =>
    Effect.gen(function*() {
      const release = Effect.andThen(TestClock.adjust(2000), Effect.never)
      const { endedAt, errors } = yield* after(0, scoped(resource("a", release, { timeout: 1000 })))
      assert.deepStrictEqual({ endedAt, errors }, { endedAt: 1000, errors: ["a abandoned timeout"] })
    }))
})
