// Fibres that contest one guard.
import { AsyncDropGuard } from "@async-drop/core"
import { Effect, Exit, Scope } from "effect"
import { dropOf, expected, type World } from "./explored.ts"

interface Contest {
  readonly use: Effect.Effect<void>
  readonly drop: Effect.Effect<void, string>
  readonly close: Effect.Effect<void>
  /** Takes the resource out and releases it by hand. */
  readonly unwrap: Effect.Effect<unknown, string>
  /** Maps, uses what came of it, and leaves it to its scope. */
  readonly map: Effect.Effect<unknown>
  /** Moves the guard into a scope of its own, which is then closed. */
  readonly transfer: Effect.Effect<unknown>
}

/** A guard in a scope, with fibres that contest it; the scope is closed after them. */
export const contested = (
  w: World,
  sides: (contest: Contest) => ReadonlyArray<Effect.Effect<unknown, unknown>>,
  source = w.faulty("a")
) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const guard = yield* Scope.provide(AsyncDropGuard.make(source.acquire, source.release, { name: "a" }), scope)
    const other = yield* Scope.make()
    const close = Scope.close(scope, Exit.void)
    const exits = yield* w.race(...sides({
      use: AsyncDropGuard.use(guard, w.use),
      drop: dropOf(w, guard),
      close,
      unwrap: Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(AsyncDropGuard.unwrap(guard)), (held) => {
          w.taken(held)
          return source.release(held)
        })
      ),
      map: Effect.flatMap(AsyncDropGuard.map(guard, (held) => held), AsyncDropGuard.use(w.use)),
      transfer: AsyncDropGuard.transfer(guard, other).pipe(Effect.provideContext(w.sink))
    }))
    for (const exit of exits) w.ctl.invariant(expected(exit), `unexpected: ${exit}`)
    yield* close
    yield* Scope.close(other, Exit.void)
  }).pipe(Effect.provideContext(w.sink))
