// How `Explore` answers to those who use it: bounds, tokens, misuse, services, time.
import { Explore } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Random } from "effect"

/** Two fibres that each read, then write. */
const counter = (ctl: Explore.Control) =>
  Effect.gen(function*() {
    let count = 0
    const increment = Effect.gen(function*() {
      const seen = yield* Effect.sync(() => count)
      yield* Effect.sync(() => void (count = seen + 1))
    })
    yield* Effect.all([increment, increment], { concurrency: 2 })
    ctl.invariant(count === 2, "an update is lost")
  })

const steps = Effect.forEach([1, 2], () => Effect.sync(() => {}))
const harmless = Effect.all([steps, steps], { concurrency: 2 })

describe("the exhaustive strategy", () => {
  it.effect("needs the preemption that the fault needs", () =>
    Effect.gen(function*() {
      const without = yield* Explore.check(counter, { preemptions: 0 })
      assert.isTrue(without.ended)
      assert.strictEqual(without.failure, undefined)
      assert.strictEqual((yield* Explore.check(counter, { preemptions: 1 })).failure?.message, "an update is lost")
    }))

  it.effect("runs more schedules with more preemptions, and says that it ended", () =>
    Effect.gen(function*() {
      const counts: Array<number> = []
      for (const preemptions of [0, 1, 2]) {
        const report = yield* Explore.check(harmless, { preemptions })
        assert.isTrue(report.ended)
        counts.push(report.schedules)
      }
      assert.isTrue(counts[0]! < counts[1]! && counts[1]! < counts[2]!, String(counts))
    }))

  it.effect("reaches each order of steps", () =>
    Effect.gen(function*() {
      const seen = new Set<string>()
      const program = Effect.gen(function*() {
        const order: Array<string> = []
        const fiber = (name: string) =>
          Effect.gen(function*() {
            for (const step of [1, 2]) yield* Effect.sync(() => void order.push(`${name}${step}`))
          })
        yield* Effect.all([fiber("a"), fiber("b")], { concurrency: 2 })
        seen.add(order.join(" "))
      })
      yield* Explore.assert(program, { preemptions: 3 })
      assert.deepStrictEqual([...seen].sort(), [
        "a1 a2 b1 b2",
        "a1 b1 a2 b2",
        "a1 b1 b2 a2",
        "b1 a1 a2 b2",
        "b1 a1 b2 a2",
        "b1 b2 a1 a2"
      ])
    }))

  describe("leaves out schedules, and no order of what the fibres do", () => {
    type Act = (name: string) => Effect.Effect<void>
    type Note = (name: string) => void
    const programs: Record<string, (act: Act, note: Note) => Effect.Effect<unknown, unknown>> = {
      "success": (act) => Effect.flatMap(act("1"), () => Effect.tap(act("2"), () => act("3"))),
      "onExit": (act) => Effect.onExit(act("1"), () => Effect.onExit(act("2"), () => act("3"))),
      "onExit, uninterruptible": (act) =>
        Effect.andThen(Effect.uninterruptible(Effect.onExit(act("1"), () => act("2"))), act("3")),
      "onExit, made interruptible again": (act) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.onExit(restore(Effect.onExit(act("1"), () => act("2"))), () => act("3"))
        ),
      "catch": (act) =>
        act("1").pipe(Effect.andThen(Effect.fail("no")), Effect.catch(() => act("2")), Effect.andThen(act("3"))),
      "match": (act) =>
        Effect.matchCauseEffect(Effect.andThen(act("1"), act("2")), {
          onFailure: () => act("x"),
          onSuccess: () => act("3")
        }),
      "matchCause": (act) =>
        Effect.andThen(Effect.matchCause(act("1"), { onFailure: () => "x", onSuccess: () => "y" }), act("2")),
      "exit": (act) => Effect.andThen(Effect.exit(Effect.andThen(act("1"), Effect.fail("no"))), act("2")),
      "a frame that is pushed by a step of the program": (act, note) =>
        Effect.uninterruptible(Effect.andThen(
          act("1"),
          Effect.updateContext(act("3"), (context: Context.Context<never>) => {
            note("2")
            return Context.add(context, Random.Random, { nextIntUnsafe: () => 1, nextDoubleUnsafe: () => 0.5 })
          })
        )),
      "yield": (act) => Effect.andThen(act("1"), Effect.andThen(Effect.yieldNow, act("2"))),
      "yield within onExit": (act) => Effect.onExit(Effect.andThen(act("1"), Effect.yieldNow), () => act("2"))
    }
    for (const [name, fiber] of Object.entries(programs)) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const orders = Effect.fnUntraced(function*(prune: boolean) {
            const seen = new Set<string>()
            const program = (ctl: Explore.Control) =>
              Effect.gen(function*() {
                const order: Array<string> = []
                const side = (name: string) => {
                  const note = (step: string) => void order.push(`${name}${step}`)
                  return fiber((step) => Effect.sync(() => note(step)), note)
                }
                const victim = yield* Effect.forkChild(ctl.victim(side("a")))
                const other = yield* Effect.forkChild(side("b"))
                // Interrupts it as a program does, which is not what the explorer does.
                const third = yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, Fiber.interrupt(other)))
                const exits = yield* Fiber.awaitAll([victim, other])
                yield* Fiber.await(third)
                seen.add([...order, ...exits.map((exit) => exit._tag)].join(" "))
              })
            const report = yield* Explore.assert(program, { preemptions: 1, prune })
            return { schedules: report.schedules, seen: [...seen].sort() }
          })
          const [all, fewer] = [yield* orders(false), yield* orders(true)]
          assert.isBelow(fewer.schedules, all.schedules)
          assert.deepStrictEqual(fewer.seen, all.seen)
        }))
    }
  })

  it.effect("says when there were more schedules than it was allowed", () =>
    Effect.gen(function*() {
      const report = yield* Explore.check(harmless, { schedules: 3 })
      assert.strictEqual(report.schedules, 3)
      assert.isFalse(report.ended)
      const exit = yield* Effect.exit(Explore.assert(harmless, { schedules: 3 }))
      assert.isTrue(Exit.isFailure(exit))
      assert.match(Explore.render(report), /there are more/)
    }))

  it.live("stops when its time is up, and lets other fibres run meanwhile", () =>
    Effect.gen(function*() {
      let ticks = 0
      const ticking = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Effect.sleep(5), Effect.sync(() => ticks++)))
      )
      const busy = Effect.forEach(Array.from({ length: 5 }), () => harmless, { concurrency: 5 })
      const report = yield* Explore.check(busy, { timeLimit: "150 millis", preemptions: 4, schedules: 10_000_000 })
      yield* Fiber.interrupt(ticking)
      assert.isFalse(report.ended)
      assert.isAtLeast(report.millis, 150)
      assert.isAtLeast(ticks, 1)
    }))
})

describe("the random strategy", () => {
  it.effect("gives up no schedule in which it stopped the only fibre there is", () =>
    Effect.gen(function*() {
      const woken = Effect.andThen(Effect.callback<void>((resume) => resume(Effect.void)), steps)
      const program = Effect.flatMap(Effect.forkChild(Effect.andThen(Effect.yieldNow, woken)), Fiber.join)
      const report = yield* Explore.check(program, { strategy: "random", schedules: 100 })
      assert.deepStrictEqual([report.schedules, report.pruned], [100, 0])
      assert.isAbove((yield* Explore.check(program)).pruned, 0)
    }))

  it.effect("draws the same schedules for the same seed", () =>
    Effect.gen(function*() {
      const options = { strategy: "random", seed: 7 } as const
      const [one, other] = [yield* Explore.check(counter, options), yield* Explore.check(counter, options)]
      assert.strictEqual(one.failure?.message, "an update is lost")
      assert.strictEqual(one.failure?.schedule, other.failure?.schedule)
      assert.strictEqual(one.failure?.token, other.failure?.token)
      assert.strictEqual(one.failure?.shrunk.to, 1)
    }))

  it.effect("never stops a fibre whose weight is 0", () =>
    Effect.gen(function*() {
      const report = yield* Explore.check(counter, { strategy: "random", weights: { preempt: 0 } })
      assert.strictEqual(report.failure, undefined)
      assert.strictEqual(report.schedules, 1_000)
    }))
})

describe("a token", () => {
  it.effect("gives the same run each time", () =>
    Effect.gen(function*() {
      const found = yield* Explore.check(counter, { name: "counter" })
      const replay = found.failure!.token
      const runs = yield* Effect.all([1, 2, 3].map(() => Explore.check(counter, { name: "counter", replay })))
      for (const run of runs) {
        assert.strictEqual(run.strategy, "replay")
        assert.strictEqual(run.failure?.timeline, found.failure!.timeline)
        assert.strictEqual(run.failure?.token, replay)
      }
    }))

  it.effect("shows what the fibres did, and the line to paste", () =>
    Effect.gen(function*() {
      const text = Explore.render(yield* Explore.check(counter, { name: "counter" }))
      assert.match(text, /^counter: invariant: an update is lost\n/)
      assert.match(text, /#1 main +#2 +#3/)
      assert.match(text, /is stopped before Sync: \(\) => void \(count = seen \+ 1\)/)
      assert.match(text, /Explore\.effect\("counter", \{ replay: "x1-[^"]+" \}, program\)/)
    }))
})

describe("bad use", () => {
  const usage = (effect: Effect.Effect<unknown, unknown>) =>
    Effect.map(Effect.exit(effect), (exit) => {
      const reason = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
      assert.strictEqual(reason?._tag, "Die")
      const { _tag, message } =
        (reason as { readonly defect: { readonly _tag: string; readonly message: string } }).defect
      assert.strictEqual(_tag, "DropUsageError")
      return message
    })

  it.effect("with an option that makes no sense is a usage error", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<readonly [Explore.Options, RegExp]> = [
        [{ preemptions: -1 }, /preemptions is -1\. Give a whole number, at least 0/],
        [{ interrupts: Number.NaN }, /interrupts is NaN/],
        [{ delays: 0.5 }, /delays is 0\.5/],
        [{ steps: 0 }, /steps is 0\. Give a whole number, at least 1/],
        [{ schedules: Number.POSITIVE_INFINITY }, /schedules is Infinity/],
        [{ seed: -1 }, /seed is -1/],
        [{ weights: { interrupt: -1 } }, /weights\.interrupt is -1/],
        [{ timeLimit: 0 }, /timeLimit is 0/],
        [{ strategy: "all" as "random" }, /strategy is all/]
      ]
      for (const [options, expected] of bad) assert.match(yield* usage(Explore.check(harmless, options)), expected)
    }))

  it.effect("with something that is no effect is a usage error", () =>
    Effect.gen(function*() {
      const bad = [undefined, null, 1, {}, Promise.resolve(), () => undefined, () => Promise.resolve(1)]
      for (const program of bad) {
        // Not an effect on purpose: this is what a caller without types can do.
        const message = yield* usage(Explore.check(program as never))
        assert.match(message, /the program is .*Give an Effect, or a function/)
        yield* usage(Explore.checkDeterminism(program as never))
      }
    }))

  it.effect("with a choice of nothing is a usage error", () =>
    Effect.gen(function*() {
      for (const n of [0, -1, 1.5, Number.NaN]) {
        assert.match(yield* usage(Explore.check((ctl) => Effect.sync(() => ctl.choose(n)))), /ctl\.choose: /)
      }
      assert.match(yield* usage(Explore.check((ctl) => Effect.sync(() => ctl.oneOf()))), /ctl\.oneOf: no options/)
    }))

  it.effect("with a token that is none, or of another program, is a usage error", () =>
    Effect.gen(function*() {
      const { token } = (yield* Explore.check(counter, { name: "counter" })).failure!
      for (const replay of ["", "x1", "x2-0-0.0.0--0", `${token}-1`, "x1-0-2.1.0-zzzzzz.1-0"]) {
        assert.match(
          yield* usage(Explore.check(counter, { name: "counter", replay })),
          /Give a token as a failure prints it/
        )
      }
      assert.match(yield* usage(Explore.check(counter, { name: "other", replay: token })), /made under another name/)
      assert.match(yield* usage(Explore.check(harmless, { name: "counter", replay: token })), /is another one than/)
    }))
})

class Store extends Context.Service<Store, { readonly values: Array<number> }>()("test/Store") {
  static readonly layer = Layer.sync(Store, () => ({ values: [] }))
}

const addOne = Effect.gen(function*() {
  const { values } = yield* Store
  yield* Effect.sync(() => void values.push(1))
  return values.length
})

describe("services", () => {
  it.effect("that the program provides are made anew in each run", () =>
    Effect.gen(function*() {
      const program = (ctl: Explore.Control) =>
        Effect.gen(function*() {
          ctl.choose(3)
          ctl.invariant((yield* Effect.provide(addOne, Store.layer)) === 1, "a new store")
        })
      assert.strictEqual((yield* Explore.assert(program)).schedules, 3)
    }))

  it.layer(Store.layer)((it) => {
    it.effect("of the test reach the program", () =>
      Effect.gen(function*() {
        const report = yield* Explore.assert(Effect.andThen(addOne, Effect.addFinalizer(() => Effect.void)))
        assert.strictEqual(report.schedules, 1)
        assert.strictEqual((yield* Store).values.length, 1)
      }))
    it.effect("and layers of the program are its own although the test has the same", () =>
      Effect.gen(function*() {
        const program = (ctl: Explore.Control) =>
          Effect.gen(function*() {
            ctl.choose(2)
            ctl.invariant((yield* Effect.provide(addOne, Store.layer)) === 1, "a new store")
          })
        yield* Explore.assert(program)
      }))
  })
})

describe("checkDeterminism", () => {
  it.effect("passes a program that asks Effect only", () =>
    Effect.gen(function*() {
      const result = yield* Explore.checkDeterminism(counter, { schedules: 50 })
      assert.deepStrictEqual(result, { deterministic: true, schedules: 50, calls: [], message: undefined })
    }))

  it.effect("names the line that asks for chance or the wall clock", () =>
    Effect.gen(function*() {
      const result = yield* Explore.checkDeterminism(
        Effect.sync(() => Math.random() + Date.now() + new Date().getTime())
      )
      assert.isFalse(result.deterministic)
      assert.deepStrictEqual(result.calls.map((call) => call.replace(/ \(.*use\.test\.ts:\d+:\d+\)$/, " here")), [
        "Math.random here",
        "Date.now here",
        "new Date() here"
      ])
      assert.match(result.message!, /use Effect's Random and Clock, or ctl\.choose/)
    }))

  it.effect("says where two runs part that share their state", () =>
    Effect.gen(function*() {
      let runs = 0
      const program = Effect.suspend(() => runs++ % 2 === 0 ? Effect.void : Effect.yieldNow)
      const { message } = yield* Explore.checkDeterminism(program)
      assert.match(message!, /differ from step \d+ on; it depends on something besides its choices/)
    }))

  it.effect("leaves the globals as they were", () =>
    Effect.gen(function*() {
      const before = [Math.random, Date, Date.now, globalThis.setTimeout]
      yield* Explore.checkDeterminism(Effect.sync(() => Math.random()))
      assert.deepStrictEqual([Math.random, Date, Date.now, globalThis.setTimeout], before)
    }))
})

Explore.effect("makes a test of a program", { preemptions: 1 }, (ctl) =>
  Effect.gen(function*() {
    let count = 0
    const increment = Effect.sync(() => void count++)
    yield* Effect.all([increment, increment, increment], { concurrency: 3 })
    ctl.invariant(count === 3, "no update is lost")
  }))

Explore.effect.fails("makes a test that fails", {}, counter)
// Skipped on purpose: that it does not run is what it shows.
Explore.effect.skip("makes a test that is skipped", {}, counter)
