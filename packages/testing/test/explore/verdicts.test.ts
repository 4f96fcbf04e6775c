// Each way in which a schedule can go wrong, and what is no failure.
import { Explore } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Latch, Random } from "effect"

const kindOf = <A, E>(program: Explore.Program<A, E, never>, options?: Explore.Options) =>
  Effect.map(Explore.check(program, options), (report) => report.failure?.kind)

const message = <A, E>(program: Explore.Program<A, E, never>, options?: Explore.Options) =>
  Effect.map(Explore.check(program, options), (report) => report.failure?.message ?? "no failure")

describe("a verdict", () => {
  it.effect("of a failing exit has its cause", () =>
    Effect.gen(function*() {
      const { failure } = yield* Explore.check(Effect.fail("no"))
      assert.strictEqual(failure?.kind, "failed")
      assert.strictEqual(failure?.message, "#1 main failed: no")
      assert.strictEqual(failure?.cause?.reasons[0]?._tag, "Fail")
    }))

  it.effect("has the stack of what failed, though no stack is taken while it is looked for", () =>
    Effect.gen(function*() {
      const limit = Error.stackTraceLimit
      const stacks: Array<string | undefined> = []
      const program = Effect.suspend(() => {
        const error = new Error("no")
        stacks.push(error.stack)
        return Effect.fail(error)
      })
      const { failure } = yield* Explore.check(program)
      const reason = failure?.cause?.reasons[0]
      const shown = reason?._tag === "Fail" && reason.error instanceof Error ? reason.error.stack : undefined
      assert.include(shown, "verdicts.test")
      assert.strictEqual(stacks[0], "Error: no")
      assert.strictEqual(Error.stackTraceLimit, limit)
    }))

  it.effect("finds an assertion that failed where nobody looks", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        yield* Effect.forkDetach(Effect.sync(() => assert.strictEqual(1, 2)))
      })
      assert.strictEqual(yield* kindOf(program), "failed")
    }))

  it.effect("passes a failure that the program looks at", () =>
    Effect.gen(function*() {
      const program = Effect.flatMap(Effect.forkChild(Effect.die("lost")), Fiber.await)
      assert.strictEqual(yield* kindOf(program), undefined)
    }))

  it.effect("of a broken invariant stands although its error is caught", () =>
    Effect.gen(function*() {
      const program = (ctl: Explore.Control) => Effect.exit(Effect.sync(() => ctl.invariant(false, "never mind")))
      assert.strictEqual(yield* message(program), "never mind")
    }))

  it.effect("shows the message of what an invariant threw", () =>
    Effect.gen(function*() {
      const program = (ctl: Explore.Control) =>
        Effect.sync(() => ctl.atEnd("the books", () => assert.strictEqual(1, 2, "do not balance")))
      assert.match(yield* message(program), /^the books: do not balance/)
    }))

  it.effect("of two fibres that wait for each other is a deadlock", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const [a, b] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const one = Effect.andThen(Deferred.await(a), Deferred.succeed(b, undefined))
        const other = Effect.andThen(Deferred.await(b), Deferred.succeed(a, undefined))
        yield* Effect.all([one, other], { concurrency: 2 })
      })
      assert.strictEqual(yield* message(program), "#1 main, #2, #3 wait, and nothing is left to wake it")
    }))

  it.effect("of a loop is a livelock, and the timeline is cut short", () =>
    Effect.gen(function*() {
      const { failure } = yield* Explore.check(Effect.forever(Effect.sleep(10)), { steps: 5_000 })
      assert.strictEqual(failure?.kind, "livelock")
      assert.isBelow(failure!.timeline.split("\n").length, 100)
    }))

  it.effect("of a promise is an escape", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* kindOf(Effect.promise(() => Promise.resolve(1))), "escape")
    }))

  it.live("of a real timer names it", () =>
    Effect.gen(function*() {
      const real = Effect.callback<void>((resume) => void setTimeout(() => resume(Effect.void), 50))
      assert.match(yield* message(real), /setTimeout \(.*verdicts\.test\.ts/)
    }))

  it.effect("of a fibre left behind is a leak, unless it is allowed", () =>
    Effect.gen(function*() {
      const program = Effect.forkDetach(Effect.never)
      assert.strictEqual(yield* message(program), "the program ended, but #2 waits")
      assert.strictEqual(yield* kindOf(program, { leaks: false }), undefined)
      assert.strictEqual(yield* kindOf(Effect.forkDetach(Effect.sleep("1 hour"))), "leak")
    }))

  it.effect("passes a program that its own victim's interrupt ends", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* kindOf((ctl) => ctl.victim(Effect.sleep(1))), undefined)
      assert.strictEqual(yield* kindOf(Effect.interrupt), "failed")
    }))

  it.effect("of a program that keeps state from run to run names what it calls", () =>
    Effect.gen(function*() {
      const dice = (ctl: Explore.Control) => Effect.sync(() => ctl.choose(2 + Math.floor(Math.random() * 1_000_000)))
      assert.match(yield* message(dice, { schedules: 1_000 }), /Math\.random \(.*verdicts\.test\.ts/)
      let runs = 0
      const stateful = (ctl: Explore.Control) => Effect.sync(() => ctl.choose(2 + (runs++ % 2)))
      assert.match(yield* message(stateful), /state that outlives a run/)
    }))
})

describe("the world of a program", () => {
  it.effect("has a clock that moves only when nothing is ready", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const [wall, monotonic] = [yield* Clock.currentTimeMillis, yield* Clock.monotonicTimeNanos]
        yield* Effect.sleep("1 day")
        assert.strictEqual((yield* Clock.currentTimeMillis) - wall, 86_400_000)
        assert.strictEqual((yield* Clock.monotonicTimeNanos) - monotonic, 86_400_000_000_000n)
      })
      assert.strictEqual((yield* Explore.check(program)).failure, undefined)
    }))

  it.effect("fires timers that are due together in each order", () =>
    Effect.gen(function*() {
      const orders = new Set<string>()
      const program = Effect.gen(function*() {
        let order = ""
        const after = (name: string) => Effect.andThen(Effect.sleep(10), Effect.sync(() => void (order += name)))
        yield* Effect.all([after("a"), after("b"), after("c")], { concurrency: 3 })
        orders.add(order)
      })
      yield* Explore.assert(program, { preemptions: 0 })
      assert.deepStrictEqual([...orders].sort(), ["abc", "acb", "bac", "bca", "cab", "cba"])
    }))

  it.effect("lets a timer fire early where delays are allowed", () =>
    Effect.gen(function*() {
      const late = (ctl: Explore.Control) =>
        Effect.gen(function*() {
          const busy = Effect.andThen(Effect.yieldNow, Effect.yieldNow)
          const timedOut = yield* Effect.timeoutOption(busy, 10)
          ctl.invariant(timedOut._tag === "Some", "in time")
        })
      assert.strictEqual(yield* kindOf(late), undefined)
      assert.strictEqual(yield* kindOf(late, { delays: 1 }), "invariant")
    }))

  it.effect("gives each choice of the program once", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const report = yield* Explore.assert((ctl) =>
        Effect.sync(() => seen.push(`${ctl.choose(2)}${ctl.oneOf("a", "b", "c")}`))
      )
      assert.deepStrictEqual(seen, ["0a", "0b", "0c", "1a", "1b", "1c"])
      assert.strictEqual(report.schedules, 6)
    }))

  it.effect("has the same random numbers in each run", () =>
    Effect.gen(function*() {
      const seen = new Set<number>()
      yield* Explore.assert((ctl) => Effect.map(Random.next, (n) => (ctl.choose(3), seen.add(n))))
      assert.strictEqual(seen.size, 1)
    }))

  it.effect("interrupts a victim before each step and while it waits", () =>
    Effect.gen(function*() {
      const ends = new Set<string>()
      const program = (ctl: Explore.Control) =>
        Effect.gen(function*() {
          let steps = ""
          const latch = yield* Latch.make()
          const work = Effect.gen(function*() {
            yield* Effect.sync(() => void (steps += "a"))
            yield* latch.await
            yield* Effect.sync(() => void (steps += "b"))
            yield* Effect.sync(() => void (steps += "c"))
          })
          const victim = yield* Effect.forkChild(ctl.victim(work))
          yield* Effect.yieldNow
          yield* latch.open
          const exit = yield* Fiber.await(victim)
          ends.add(`${steps} ${exit._tag}`)
        })
      yield* Explore.assert(program, { preemptions: 0 })
      assert.deepStrictEqual([...ends].sort(), [" Failure", "a Failure", "ab Failure", "abc Failure", "abc Success"])
    }))
})
