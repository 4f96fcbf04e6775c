import { AsyncDrop, AsyncDropGuard, DropObserver, DropReporter } from "@async-drop/core"
import { DropAssert, DropAssertionError, Probe } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, Fiber, Latch } from "effect"

const open = (name: string) => AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.void, { name })
const failing = (name: string, error: unknown) =>
  AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.fail(error), { name })

const factOf = (f: () => void): string => {
  try {
    f()
  } catch (error) {
    assert.instanceOf(error, DropAssertionError.DropAssertionError)
    return error.fact
  }
  return "holds"
}

describe("DropAssert", () => {
  it.effect("releasedOnce tells a release that is missing, under way or doubled", () =>
    DropAssert.witnessed((witness) =>
      Effect.gen(function*() {
        yield* AsyncDrop.scoped(open("a"))
        DropAssert.releasedOnce(witness)
        DropAssert.releasedOnce(witness, "a")
        assert.strictEqual(factOf(() => DropAssert.releasedOnce(witness, "b")), "b was never acquired")

        const latch = Latch.makeUnsafe()
        const b = yield* AsyncDropGuard.makeUnscoped(Effect.void, () => latch.await, { name: "b" })
        assert.strictEqual(factOf(() => DropAssert.releasedOnce(witness)), "b was never released")
        assert.strictEqual(factOf(() => DropAssert.releasedOnce(witness, "a")), "holds")
        const fiber = yield* Effect.forkChild(AsyncDropGuard.drop(b), { startImmediately: true })
        assert.strictEqual(factOf(() => DropAssert.releasedOnce(witness, "b")), "the release of b has not ended")
        yield* latch.open
        yield* Fiber.join(fiber)
        DropAssert.releasedOnce(witness, "a", "b")

        const probe = Probe.make()
        const source = probe.source("db")
        const held = yield* source.acquire
        for (const times of ["twice", "3 times"]) {
          yield* source.release(held)
          if (times === "twice") yield* source.release(held)
          assert.strictEqual(factOf(() => DropAssert.releasedOnce(probe, "db")), `db was released ${times}`)
        }
      })
    ))

  it.effect("counts an unwrapped guard as given away", () =>
    DropAssert.witnessed((witness) =>
      Effect.gen(function*() {
        const guard = AsyncDropGuard.makeUnscoped(Effect.void, () => Effect.void, { name: "a" })
        yield* AsyncDropGuard.unwrap(yield* guard)
        yield* AsyncDropGuard.unwrap(yield* guard)
        DropAssert.releasedOnce(witness, "a")
        DropAssert.liveAtMost(witness, 1)
      })
    ))

  it.effect("releasedInOrder tells both orders", () =>
    DropAssert.witnessed((witness) =>
      Effect.gen(function*() {
        yield* AsyncDrop.scoped(Effect.all([open("a"), open("b"), open("c")]))
        DropAssert.releasedInOrder(witness, "c", "b", "a")
        DropAssert.releasedInOrder(witness, "c", "a")
        assert.strictEqual(
          factOf(() => DropAssert.releasedInOrder(witness, "a", "b")),
          "expected the releases in the order a, b, they came in the order b, a"
        )
        assert.strictEqual(
          factOf(() => DropAssert.releasedInOrder(witness, "a", "z")),
          "expected the releases in the order a, z, they came in the order a"
        )
      })
    ))

  it.effect("liveAtMost counts all, or those of one name", () =>
    DropAssert.witnessed((witness) =>
      Effect.gen(function*() {
        yield* AsyncDrop.scoped(Effect.all([open("a"), open("b"), open("b")]))
        DropAssert.liveAtMost(witness, 3)
        DropAssert.liveAtMost(witness, 1, "a")
        assert.strictEqual(
          factOf(() => DropAssert.liveAtMost(witness, 2)),
          "3 were live at once (a, b#1, b#2), at most 2 may be"
        )
        assert.strictEqual(
          factOf(() => DropAssert.liveAtMost(witness, 1, "b")),
          "2 were live at once (b#1, b#2), at most 1 may be"
        )
      })
    ))

  it.effect("dropErrors of an exit compares resources, errors and order", () =>
    Effect.gen(function*() {
      class Busy extends Data.TaggedError("Busy")<{ readonly n: number }> {}
      const exit = yield* Effect.exit(AsyncDrop.scoped(Effect.all([
        failing("a", new Busy({ n: 1 })),
        failing("b", new Error("disk")),
        open("c")
      ])))
      DropAssert.dropErrors(exit, [["b", new Error("disk")], ["a", new Busy({ n: 1 })]])
      for (
        const wrong of [
          [],
          [["b", new Error("disk")]],
          [["a", new Busy({ n: 1 })], ["b", new Error("disk")]],
          [["b", new Error("tape")], ["a", new Busy({ n: 1 })]],
          [["b", new TypeError("disk")], ["a", new Busy({ n: 1 })]],
          [["b", new Error("disk")], ["a", new Busy({ n: 2 })]],
          [["c", new Error("disk")], ["a", new Busy({ n: 1 })]]
        ] as const
      ) assert.notStrictEqual(factOf(() => DropAssert.dropErrors(exit, wrong)), "holds")
      DropAssert.dropErrors(Exit.void, [])
      DropAssert.dropErrors(Exit.fail("body"), [])
      assert.strictEqual(
        factOf(() => DropAssert.dropErrors(Exit.void, [["a", "disk"]])),
        "expected the release of a failed with \"disk\", but no release failed"
      )
    }))

  describe("witnessed", () => {
    const unseen = Effect.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk"), { name: "a" }))

    it.effect("passes on what nobody has asserted, and nothing else", () =>
      Effect.gen(function*() {
        const reported: Array<string> = []
        const reporter = (error: { readonly resource: string }) => Effect.sync(() => void reported.push(error.resource))
        const program = DropAssert.witnessed((witness) =>
          Effect.gen(function*() {
            yield* unseen
            DropAssert.dropErrors(witness, [["a", "disk"]])
            yield* Effect.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk"), { name: "b" }))
          })
        )
        yield* Effect.provideService(program, DropReporter.DropReporter, reporter)
        assert.deepStrictEqual(reported, ["b"])
      }))

    it.effect("passes on what comes after its end", () =>
      Effect.gen(function*() {
        const reported: Array<string> = []
        const scoped = Effect.scoped(
          DropAssert.witnessed(() => AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk"), { name: "late" }))
        )
        yield* Effect.provideService(
          scoped,
          DropReporter.DropReporter,
          (error) => Effect.sync(() => void reported.push(error.resource))
        )
        assert.deepStrictEqual(reported, ["late"])
      }))

    it.effect("lets an observer around it see everything", () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        yield* Effect.provideService(
          DropAssert.witnessed(() => AsyncDrop.scoped(open("a"))),
          DropObserver.DropObserver,
          (event) => void seen.push(event._tag)
        )
        assert.deepStrictEqual(seen, ["Acquired", "Dropping", "Dropped"])
      }))
  })
})
