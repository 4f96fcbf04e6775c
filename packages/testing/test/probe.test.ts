import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { Probe } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, RcMap, Scope } from "effect"
import { TestClock } from "effect/testing"

const firstLine = (f: () => void): string => {
  try {
    f()
  } catch (error) {
    return (error as Error).message.split("\n", 1)[0]! // a check throws errors only
  }
  return "holds"
}

const tags = (probe: Probe.Probe) => probe.steps.map((step) => step._tag)

describe("Probe", () => {
  describe("acts", () => {
    it.effect("succeeds by default and gives each acquire an id of its own", () =>
      Effect.gen(function*() {
        const probe = Probe.make()
        const db = probe.source("db")
        const [a, b] = yield* Effect.scoped(Effect.all([
          Effect.acquireRelease(db.acquire, db.release),
          Effect.acquireRelease(db.acquire, db.release)
        ]))
        assert.deepStrictEqual([a.id, b.id, a.resource, a.key], [1, 2, "db", "db"])
        probe.checkEnd()
      }))

    it.effect("fails, dies and throws as told, in acquire and in release", () =>
      Effect.gen(function*() {
        const acts = [Probe.fail("no"), Probe.die("dead"), Probe.throws("thrown")] as const
        const ends = [Exit.fail("no"), Exit.die("dead"), Exit.die("thrown")]
        for (const [i, act] of acts.entries()) {
          const probe = Probe.make()
          const broken = probe.source("broken", { acquire: act })
          assert.deepStrictEqual(yield* Effect.exit(broken.acquire), ends[i])
          const stuck = probe.source("stuck", { release: act })
          const held = yield* stuck.acquire
          assert.deepStrictEqual(yield* Effect.exit(Effect.suspend(() => stuck.release(held))), ends[i])
          assert.deepStrictEqual(tags(probe), [
            "Acquiring",
            "NotAcquired",
            "Acquiring",
            "Acquired",
            "Dropping",
            "Dropped"
          ])
          probe.checkEnd()
        }
      }))

    it.effect("throws before it returns an effect", () =>
      Effect.gen(function*() {
        const source = Probe.make().source("a", { release: Probe.throws("thrown") })
        const held = yield* source.acquire
        assert.throws(() => source.release(held), "thrown")
      }))

    it.effect("hangs until interrupted, and counts as being acquired meanwhile", () =>
      Effect.gen(function*() {
        const probe = Probe.make()
        const fiber = yield* Effect.forkChild(probe.source("a", { acquire: Probe.hang }).acquire, {
          startImmediately: true
        })
        assert.strictEqual(probe.live, 1)
        assert.strictEqual(firstLine(probe.checkEnd), "the acquire of a has not ended")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(probe.live, 0)
        probe.checkEnd()
      }))

    it.effect("waits for a time on the test's clock, then does what follows", () =>
      Effect.gen(function*() {
        const source = Probe.make().source("a", { acquire: Probe.sleep("1 minute", Probe.fail("late")) })
        const fiber = yield* Effect.forkChild(source.acquire, { startImmediately: true })
        yield* TestClock.adjust("59 seconds")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail("late"))
      }))

    it.effect("waits for a latch, and is live until the release has ended", () =>
      Effect.gen(function*() {
        const latch = Latch.makeUnsafe()
        const probe = Probe.make()
        const source = probe.source("a", { release: Probe.wait(latch.await) })
        const held = yield* source.acquire
        const fiber = yield* Effect.forkChild(source.release(held), { startImmediately: true })
        assert.strictEqual(probe.live, 1)
        assert.strictEqual(firstLine(probe.checkEnd), "the release of a has not ended")
        yield* latch.open
        yield* Fiber.join(fiber)
        assert.strictEqual(probe.live, 0)
      }))

    it.effect("lets the chooser take one of several acts each time", () =>
      Effect.gen(function*() {
        const asked: Array<number> = []
        const answers = [2, 0]
        const probe = Probe.make({
          choose: (n) => {
            asked.push(n)
            return answers.shift()!
          }
        })
        const source = probe.source("a", { acquire: [Probe.succeed, Probe.hang, Probe.fail("third")] })
        assert.deepStrictEqual(yield* Effect.exit(source.acquire), Exit.fail("third"))
        yield* source.acquire
        assert.deepStrictEqual(asked, [3, 3])
      }))

    it.effect("says so when the chooser answers what it was not asked", () =>
      Effect.gen(function*() {
        const probe = Probe.make({ choose: () => 7 })
        const exit = yield* Effect.exit(probe.source("a", { acquire: [Probe.succeed, Probe.hang] }).acquire)
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit)) {
          assert.strictEqual(
            (Cause.squash(exit.cause) as Error).message, // died of a RangeError
            "choose(2) gave 7: it has to be one of 0 to 1"
          )
        }
      }))

    it.effect("takes the first of several without a chooser", () =>
      Effect.gen(function*() {
        yield* Probe.make().source("a", { acquire: [Probe.succeed, Probe.fail("second")] }).acquire
      }))
  })

  describe("check", () => {
    it.effect("finds a second release", () =>
      Effect.gen(function*() {
        const probe = Probe.make()
        const source = probe.source("db")
        const held = yield* source.acquire
        yield* source.release(held)
        probe.checkEnd()
        yield* source.release(held)
        assert.strictEqual(firstLine(probe.check), "db was released twice")
        yield* source.acquire
        assert.strictEqual(firstLine(probe.check), "db was released twice", "it stays broken")
      }))

    it.effect("finds a use after the release had begun, and one after it had ended", () =>
      Effect.gen(function*() {
        for (const [release, word] of [[Probe.hang, "begun"], [Probe.succeed, "ended"]] as const) {
          const probe = Probe.make()
          const source = probe.source("db", { release })
          const held = yield* source.acquire
          yield* held.use
          probe.check()
          yield* Effect.forkChild(source.release(held), { startImmediately: true })
          yield* held.use
          assert.strictEqual(firstLine(probe.check), `db was used after its release had ${word}`)
        }
      }))

    it.effect("finds a release that begins while the resource is in use", () =>
      Effect.gen(function*() {
        const probe = Probe.make()
        const source = probe.source("db")
        const held = yield* source.acquire
        yield* held.using(source.release(held))
        assert.strictEqual(firstLine(probe.check), "the release of db began while it was in use")
      }))

    it.effect("finds too many live, in all and by key", () =>
      Effect.gen(function*() {
        const inAll = Probe.make({ liveAtMost: 1 })
        yield* inAll.source("a").acquire
        inAll.check()
        yield* inAll.source("b").acquire
        assert.strictEqual(firstLine(inAll.check), "2 were live at once (a, b), at most 1 may be")

        const byKey = Probe.make({ livePerKey: 1 })
        yield* byKey.source("a", { key: 1 }).acquire
        yield* byKey.source("b", { key: 2 }).acquire
        byKey.check()
        yield* byKey.source("c", { key: 2 }).acquire
        assert.strictEqual(firstLine(byKey.check), "2 of key 2 were live at once (b, c), at most 1 may be")
      }))

    it.effect("counts as live from the begin of an acquire to the end of its release", () =>
      Effect.gen(function*() {
        const probe = Probe.make({ livePerKey: 1 })
        const latch = Latch.makeUnsafe()
        const source = probe.source("a", { release: Probe.wait(latch.await) })
        const held = yield* source.acquire
        yield* Effect.forkChild(source.release(held), { startImmediately: true })
        yield* Effect.forkChild(probe.source("a", { acquire: Probe.hang }).acquire, { startImmediately: true })
        assert.strictEqual(firstLine(probe.check), "2 of key \"a\" were live at once (a#1, a#2), at most 1 may be")
      }))

    it.effect("finds releases out of order, last in first out or as stated", () =>
      Effect.gen(function*() {
        const order = [["lifo", "a was released before b, which was acquired after it"], [
          ["b", "a"],
          "expected the releases in the order b, a, they came in the order a, b"
        ]] as const
        for (const [option, message] of order) {
          const wrong = Probe.make({ order: option })
          const right = Probe.make({ order: option })
          for (const [probe, first, second] of [[wrong, "a", "b"], [right, "b", "a"]] as const) {
            const sources = { a: probe.source("a"), b: probe.source("b") }
            const held = { a: yield* sources.a.acquire, b: yield* sources.b.acquire }
            yield* sources[first].release(held[first])
            if (probe === right) probe.check()
            yield* sources[second].release(held[second])
          }
          assert.strictEqual(firstLine(wrong.check), message)
          right.checkEnd()
        }
      }))

    it.effect("finds releases that overlap where an order is asked for", () =>
      Effect.gen(function*() {
        for (const order of ["lifo", ["b", "a"]] as const) {
          const probe = Probe.make({ order })
          const a = probe.source("a")
          const b = probe.source("b", { release: Probe.hang })
          const heldA = yield* a.acquire
          const heldB = yield* b.acquire
          yield* Effect.forkChild(b.release(heldB), { startImmediately: true })
          yield* a.release(heldA)
          assert.strictEqual(firstLine(probe.check), "the release of a began before that of b had ended")
        }
      }))

    it.effect("finds everything that is left at the end", () =>
      Effect.gen(function*() {
        const probe = Probe.make()
        yield* probe.source("a").acquire
        yield* probe.source("b").acquire
        probe.check()
        assert.strictEqual(firstLine(probe.checkEnd), "a was never released, b was never released")
      }))

    it.effect("tells what happened, step by step", () =>
      Effect.gen(function*() {
        const probe = Probe.make()
        const source = probe.source("db", { release: Probe.fail("busy") })
        const held = yield* source.acquire
        yield* Effect.exit(source.release(held))
        yield* source.acquire
        yield* held.use
        try {
          probe.check()
          assert.fail("expected to throw")
        } catch (error) {
          assert.strictEqual(
            (error as Error).message, // a DropAssertionError
            [
              "db#1 was used after its release had ended",
              "",
              "What happened:",
              "   1  db#1  acquire begins",
              "   2  db#1  acquired",
              "   3  db#1  release begins",
              "   4  db#1  released (failed with \"busy\")",
              "   5  db#2  acquire begins",
              "   6  db#2  acquired",
              "   7  db#1  use begins",
              "   8  db#1  use ends"
            ].join("\n")
          )
        }
      }))
  })

  describe("in the hands of others", () => {
    it.effect("is async-droppable", () =>
      Effect.gen(function*() {
        const probe = Probe.make()
        const source = probe.source("a", { release: Probe.fail("busy") })
        const exit = yield* Effect.exit(AsyncDrop.scoped(AsyncDrop.acquire(source.acquire)))
        assert.isTrue(Exit.isFailure(exit))
        yield* AsyncDrop.scoped(Effect.gen(function*() {
          const guard = yield* AsyncDropGuard.fromAsyncDrop(source.acquire)
          assert.deepStrictEqual(yield* Effect.exit(AsyncDropGuard.drop(guard)), Exit.fail("busy"))
        }))
        probe.checkEnd()
      }))

    it.effect("keeps the exit that a release was given", () =>
      Effect.gen(function*() {
        const probe = Probe.make()
        const source = probe.source("a")
        yield* Effect.exit(Effect.scoped(Effect.andThen(
          Effect.acquireRelease(source.acquire, source.release),
          Effect.fail("body")
        )))
        assert.deepStrictEqual(probe.steps.find((step) => step._tag === "Dropping")?.given, Exit.fail("body"))
      }))

    // RcMap of effect 4.1.0 forgets a key before the release of its value has ended.
    it.effect("sees RcMap acquire a key anew while its old value is still being released", () =>
      Effect.gen(function*() {
        const probe = Probe.make({ livePerKey: 1 })
        const latch = Latch.makeUnsafe()
        const source = probe.source("db", { release: Probe.wait(latch.await) })
        const scope = yield* Scope.make()
        const map = yield* RcMap.make({
          lookup: (_key: string) => Effect.acquireRelease(source.acquire, source.release)
        }).pipe(Scope.provide(scope))
        const first = yield* Effect.forkChild(Effect.scoped(RcMap.get(map, "k")), { startImmediately: true })
        yield* Effect.yieldNow
        probe.check()
        yield* Effect.forkChild(Effect.scoped(RcMap.get(map, "k")), { startImmediately: true })
        yield* Effect.yieldNow
        assert.match(firstLine(probe.check), /^2 of key "db" were live at once/)
        yield* latch.open
        yield* Fiber.await(first)
        yield* Scope.close(scope, Exit.void)
      }))
  })
})
