// Where there is a choice and where there is none: each test names what would be lost, or run twice.
import { Explore } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch } from "effect"

/** The orders in which the fibres of a program act, over all schedules. */
const orders = (
  options: Explore.Options,
  program: (act: (name: string) => Effect.Effect<void>, ctl: Explore.Control) => Effect.Effect<unknown>
) =>
  Effect.gen(function*() {
    const seen = new Set<string>()
    const report = yield* Explore.assert((ctl) =>
      Effect.gen(function*() {
        const order: Array<string> = []
        ctl.atEnd("seen", () => void seen.add(order.join(" ")))
        yield* program((name) => Effect.sync(() => void order.push(name)), ctl)
      }), options)
    return { seen: [...seen].sort(), first: [...seen][0], report }
  })

describe("a choice", () => {
  it.effect("is made nowhere where one fibre is alone", () =>
    Effect.gen(function*() {
      const alone = Effect.forEach([1, 2, 3], () => Effect.andThen(Effect.sleep(1), Effect.yieldNow))
      const report = yield* Explore.assert(alone, { preemptions: 5, delays: 5 })
      assert.strictEqual(report.schedules, 1)
    }))

  it.effect("is made as often as these programs need, and no more", () =>
    Effect.gen(function*() {
      // Worked out once; another number here is another set of schedules.
      const counts = Effect.fnUntraced(function*(options: Explore.Options) {
        const { report } = yield* orders(options, (act, ctl) =>
          Effect.gen(function*() {
            const fiber = (name: string) => Effect.forEach([1, 2, 3], (i) => act(name + i), { discard: true })
            const a = yield* Effect.forkChild(ctl.victim(fiber("a")))
            const b = yield* Effect.forkChild(fiber("b"))
            yield* Fiber.awaitAll([a, b])
          }))
        return [report.schedules, report.pruned]
      })
      assert.deepStrictEqual(yield* counts({ preemptions: 0, interrupts: 0 }), [2, 0])
      assert.deepStrictEqual(yield* counts({ preemptions: 1, interrupts: 0 }), [29, 6])
      assert.deepStrictEqual(yield* counts({ preemptions: 2, interrupts: 0 }), [385, 75])
      assert.deepStrictEqual(yield* counts({ preemptions: 0, interrupts: 1 }), [20, 0])
      assert.deepStrictEqual(yield* counts({ preemptions: 2, interrupts: 1 }), [2777, 639])
    }))

  it.effect("stops a fibre so that the other one that was woken with it goes first", () =>
    Effect.gen(function*() {
      const { seen } = yield* orders({ preemptions: 1 }, (act) =>
        Effect.gen(function*() {
          const latch = yield* Latch.make()
          const waiter = (name: string) =>
            act(`${name}0`).pipe(
              Effect.andThen(latch.await),
              Effect.andThen(act(`${name}1`)),
              Effect.andThen(act(`${name}2`))
            )
          const waiters = yield* Effect.forEach(["a", "b"], (name) => Effect.forkChild(waiter(name)))
          yield* Effect.yieldNow
          yield* Effect.andThen(act("open"), latch.open)
          yield* Fiber.awaitAll(waiters)
        }))
      assert.includeMembers(seen, ["a0 b0 open a1 a2 b1 b2", "a0 b0 open a1 b1 b2 a2", "b0 a0 open b1 a1 a2 b2"])
    }))

  it.effect("stops the one fibre that runs so that one that waits is interrupted", () =>
    Effect.gen(function*() {
      const { seen } = yield* orders({ preemptions: 1, interrupts: 1 }, (act, ctl) =>
        Effect.gen(function*() {
          const waiting = yield* Effect.forkChild(ctl.victim(Effect.ensuring(Effect.never, act("x"))))
          yield* Effect.sleep(1)
          yield* Effect.forEach(["a1", "a2", "a3"], act)
          yield* Fiber.interrupt(waiting)
        }))
      assert.includeMembers(seen, ["x a1 a2 a3", "a1 x a2 a3", "a1 a2 x a3", "a1 a2 a3 x"])
    }))

  it.effect("stops the one fibre that runs so that time passes", () =>
    Effect.gen(function*() {
      const { seen } = yield* orders({ preemptions: 1, delays: 1 }, (act) =>
        Effect.gen(function*() {
          const late = yield* Effect.forkChild(Effect.andThen(Effect.sleep(2), act("t")))
          yield* Effect.sleep(1)
          yield* Effect.forEach(["a1", "a2", "a3"], act)
          yield* Fiber.await(late)
        }))
      assert.includeMembers(seen, ["t a1 a2 a3", "a1 t a2 a3", "a1 a2 t a3", "a1 a2 a3 t"])
    }))

  it.effect("lets a task of lower priority go before a fibre that was stopped", () =>
    Effect.gen(function*() {
      const { seen } = yield* orders({ preemptions: 1 }, (act) =>
        Effect.gen(function*() {
          const low = Effect.andThen(act("b0"), Effect.andThen(Effect.yieldNowWith(1), act("b1")))
          const b = yield* Effect.forkChild(low)
          yield* Effect.yieldNow
          yield* Effect.forEach(["a1", "a2", "a3"], act)
          yield* Fiber.await(b)
        }))
      assert.includeMembers(seen, ["b0 a1 b1 a2 a3", "b0 a1 a2 b1 a3"])
    }))

  it.effect("stops a fibre so that the one that woke it goes first", () =>
    Effect.gen(function*() {
      const { seen } = yield* orders({ preemptions: 1 }, (act) =>
        Effect.gen(function*() {
          const wake = yield* Deferred.make<void>()
          const waiter = yield* Effect.forkChild(
            Effect.andThen(Deferred.await(wake), Effect.andThen(act("a1"), act("a2")))
          )
          yield* Effect.yieldNow
          yield* Effect.andThen(Deferred.succeed(wake, undefined), act("b"))
          yield* Fiber.await(waiter)
        }))
      assert.includeMembers(seen, ["a1 a2 b", "a1 b a2"])
    }))

  it.effect("lets a fibre be interrupted by another one before it installs a handler", () =>
    Effect.gen(function*() {
      const { seen } = yield* orders({ preemptions: 1 }, (act) =>
        Effect.gen(function*() {
          const work = Effect.andThen(act("start"), Effect.onExit(act("work"), () => act("end")))
          const fiber = yield* Effect.forkChild(work)
          yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
        }))
      assert.deepStrictEqual(seen, ["", "start", "start end", "start work end"])
    }))

  it.effect("fires no more timers early than there are delays", () =>
    Effect.gen(function*() {
      const program = (act: (name: string) => Effect.Effect<void>) =>
        Effect.gen(function*() {
          const after = (millis: number) => Effect.andThen(Effect.sleep(millis), act(String(millis)))
          const timers = yield* Effect.forEach([10, 20], (millis) => Effect.forkChild(after(millis)))
          yield* Effect.forEach([1, 2, 3], () => Effect.yieldNow)
          yield* act("busy")
          yield* Fiber.joinAll(timers)
        })
      const seen = (delays: number) =>
        Effect.map(
          orders({ preemptions: 0, delays }, program),
          (it) => it.seen.filter((order) => order.endsWith("busy"))
        )
      assert.deepStrictEqual(yield* seen(1), [])
      // Where time passes before the fibre that sleeps for 10 starts, the one that sleeps for 20 is first.
      assert.deepStrictEqual(yield* seen(2), ["10 20 busy", "20 10 busy"])
    }))

  it.effect("takes what is oldest first", () =>
    Effect.gen(function*() {
      const { first } = yield* orders({ preemptions: 0 }, (act) =>
        Effect.forEach(["a", "b", "c"], (name) =>
          Effect.andThen(Effect.sleep(10), act(name)), { concurrency: 3 }))
      assert.strictEqual(first, "a b c")
    }))
})
