// Faults of effect 4.1.0, found by exploring it. A test that fails here says that Effect has mended one.
import { Explore } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Pool, RcMap, RcRef, Scope, ScopedCache } from "effect"

interface Item {
  releasing: boolean
}

/** A resource whose acquire and release each take a step more than one. */
const resource = (ctl: Explore.Control) => {
  let live = 0
  return {
    live: () => live,
    make: Effect.acquireRelease(
      Effect.gen(function*() {
        yield* Effect.yieldNow
        ctl.log(`acquired, ${++live} live`)
        return { releasing: false } as Item
      }),
      (item) =>
        Effect.gen(function*() {
          item.releasing = true
          ctl.log("release begins")
          yield* Effect.yieldNow
          ctl.log(`released, ${--live} live`)
        })
    )
  }
}

/** Explores, checks that the fault is there, and that its token shows it again. */
const stillHas = (name: string, options: Explore.Options, program: Explore.Program<void, never, Scope.Scope>) =>
  it.effect(name, () =>
    Effect.gen(function*() {
      const found = yield* Explore.check(program, { ...options, name })
      assert.strictEqual(found.failure?.kind, "invariant", `Effect has mended it: ${Explore.render(found)}`)
      const again = yield* Explore.check(program, { name, replay: found.failure!.token })
      assert.strictEqual(again.failure?.message, found.failure!.message)
      assert.strictEqual(again.failure?.timeline, found.failure!.timeline)
      assert.isAtMost(found.failure!.shrunk.to, found.failure!.shrunk.from)
    }))

describe("effect 4.1.0", () => {
  stillHas(
    "RcMap acquires a key again while its release still runs",
    { preemptions: 1 },
    (ctl) =>
      Effect.gen(function*() {
        const { live, make } = resource(ctl)
        ctl.always("at most one live instance of a key", () => live() < 2)
        const map = yield* RcMap.make({ lookup: (_key: string) => make })
        const use = Effect.scoped(RcMap.get(map, "key"))
        yield* Effect.all([use, use], { concurrency: 2, discard: true })
      })
  )

  stillHas("RcRef acquires again while its release still runs", { preemptions: 1 }, (ctl) =>
    Effect.gen(function*() {
      const { live, make } = resource(ctl)
      ctl.always("at most one live instance", () => live() < 2)
      const ref = yield* RcRef.make({ acquire: make })
      const use = Effect.scoped(RcRef.get(ref))
      yield* Effect.all([use, use], { concurrency: 2, discard: true })
    }))

  stillHas("ScopedCache leaks what it acquired when the caller is interrupted", {}, (ctl) =>
    Effect.gen(function*() {
      const { live, make } = resource(ctl)
      ctl.atEnd("nothing is live once the cache is closed", () => live() === 0)
      const cache = yield* ScopedCache.make({ capacity: 1, lookup: (_key: string) => make })
      const caller = yield* Effect.forkChild(ctl.victim(ScopedCache.get(cache, "key")))
      yield* Fiber.await(caller)
    }))

  stillHas("Pool hands out an item whose release has begun", { preemptions: 1 }, (ctl) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool = yield* Pool.make({ acquire: resource(ctl).make, size: 1 }).pipe(Scope.provide(scope))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      const use = Effect.map(Pool.get(pool), (item) =>
        ctl.invariant(!item.releasing, "an item is handed out before its release"))
      const user = yield* Effect.forkChild(Effect.scoped(use))
      yield* Fiber.awaitAll([closing, user])
    }))
})
