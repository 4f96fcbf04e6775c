// The state machines of core under every schedule: one resource, with every fault.
import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { Effect, Exit, Scope } from "effect"
import { describe } from "vitest"
import { interrupted, one, stopped } from "./support/bounds.ts"
import { dropOf, endings, explored } from "./support/explored.ts"

describe("one resource", () => {
  explored(
    "in AsyncDrop.scoped is released once, however acquire, body and release end",
    one,
    (w) =>
      Effect.gen(function*() {
        const { acquire, release } = w.broken("a")
        const [exit] = yield* w.race(AsyncDrop.scoped(
          AsyncDrop.acquireRelease(acquire, release, { name: "a" }).pipe(
            Effect.flatMap((held) => Effect.andThen(held.use, endings(w.ctl)))
          )
        ))
        w.result(exit!)
      })
  )

  explored("in a plain scope tells its errors to the DropScope of the context", one, (w) =>
    Effect.gen(function*() {
      const { acquire, release } = w.broken("a")
      yield* w.race(
        Effect.scoped(
          AsyncDrop.acquireRelease(acquire, release, { name: "a" }).pipe(
            Effect.flatMap((held) => Effect.andThen(held.use, endings(w.ctl)))
          )
        ).pipe(Effect.provideContext(w.sink))
      )
    }))

  explored(
    "in a plain scope without a DropScope tells the reporter what its release died of",
    one,
    (w) =>
      Effect.gen(function*() {
        const { acquire, release } = w.deadly("a")
        yield* w.race(Effect.scoped(
          AsyncDrop.acquireRelease(acquire, release, { name: "a" }).pipe(
            Effect.flatMap((held) => Effect.andThen(held.use, endings(w.ctl)))
          )
        ))
      })
  )

  explored(
    "of acquireUseRelease is released once, however acquire, use and release end",
    one,
    (w) =>
      Effect.gen(function*() {
        const { acquire, release } = w.broken("a")
        const use = AsyncDrop.acquireUseRelease(
          acquire,
          (held) => Effect.andThen(held.use, endings(w.ctl)),
          release,
          { name: "a" }
        )
        const [exit] = yield* w.race(use)
        w.result(exit!)
      })
  )

  explored(
    "that is there already is released by acquireUseRelease if its use has begun",
    one,
    (w) =>
      Effect.gen(function*() {
        const source = w.faulty("a")
        const held = yield* Effect.orDie(source.acquire)
        let begun = 0
        let released = 0
        const [exit] = yield* w.race(AsyncDrop.acquireUseRelease(
          Exit.succeed(held),
          () => {
            begun++
            return Effect.andThen(held.use, endings(w.ctl))
          },
          () => {
            released++
            return source.release(held)
          },
          { name: "a" }
        ))
        w.result(exit!)
        w.ctl.invariant(released === begun, `released ${released} times, used ${begun} times`)
        if (begun > 0) return
        w.result(
          yield* Effect.exit(
            AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.succeed(held), source.release, { name: "a" }))
          )
        )
      })
  )

  explored(
    "is released when its scope closes while it is acquired",
    interrupted,
    (w) =>
      Effect.gen(function*() {
        const { acquire, release } = w.broken("a")
        const scope = yield* Scope.make()
        const acquiring = AsyncDrop.acquireRelease(acquire, release, { name: "a" }).pipe(
          Scope.provide(scope),
          Effect.provideContext(w.sink)
        )
        yield* w.race(acquiring, Scope.close(scope, Exit.void))
        yield* Scope.close(scope, Exit.void)
      })
  )

  explored(
    "is rolled back by AsyncDrop.all when another part fails",
    interrupted,
    (w) =>
      Effect.gen(function*() {
        const { acquire, release } = w.broken("a")
        const concurrency = w.ctl.oneOf(1, 2)
        const all = AsyncDrop.all(
          [AsyncDrop.acquireRelease(acquire, release, { name: "a" }), endings(w.ctl)] as const,
          { concurrency }
        )
        const [exit] = yield* w.race(AsyncDrop.scoped(Effect.flatMap(all, ([held]) => w.use(held))))
        w.result(exit!)
      })
  )
})

describe("a guard without an owner", () => {
  explored(
    "is dropped when an interrupt came while it was made, else its holder has it",
    one,
    (w) =>
      Effect.gen(function*() {
        const { acquire, release } = w.faulty("a")
        yield* w.race(Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(restore(AsyncDropGuard.makeUnscoped(acquire, release, { name: "a" })), (guard) =>
            Effect.andThen(
              Effect.exit(restore(AsyncDropGuard.use(guard, w.use))),
              dropOf(w, guard)
            ))
        ))
      })
  )

  explored("is released once by two droppers", stopped, (w) =>
    Effect.gen(function*() {
      const { acquire, release } = w.failing("a")
      const guard = yield* AsyncDropGuard.makeUnscoped(acquire, release, { name: "a" })
      yield* w.race(dropOf(w, guard), dropOf(w, guard))
    }))
})
