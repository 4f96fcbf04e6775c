// Fibres that contest the handles of one resource.
import { AsyncDropArc, AsyncDropGuard, AsyncDropWeak, type DropScope } from "@async-drop/core"
import type { Probe } from "@async-drop/testing"
import { Effect, Exit, Option, Scope } from "effect"
import { expected, type World } from "./explored.ts"

type Arc = AsyncDropArc.AsyncDropArc<Probe.Held<string>, string>
type Side = Effect.Effect<unknown, unknown, DropScope.DropScope<string>>

interface Contest {
  readonly drop: (arc: Arc) => Effect.Effect<void, string>
  readonly use: (arc: Arc) => Effect.Effect<void>
  /** Clones into a scope of its own, uses the clone and leaves it there. */
  readonly clone: (arc: Arc) => Side
  /** Clones for nobody, uses the clone and drops it. */
  readonly borrow: (arc: Arc) => Side
  /** Upgrades into a scope of its own, uses what came and leaves it there. */
  readonly upgrade: Side
  /** As `upgrade`, and drops what came. */
  readonly visit: Side
  /** Unwraps into a scope of its own, uses the guard and leaves it there. */
  readonly unwrap: (arc: Arc) => Side
  /** Closes the scope of all handles that were there at the start. */
  readonly close: Effect.Effect<void>
}

/** That many handles of one resource in a scope, with fibres that contest them; the scopes are closed after them. */
export const shared = (
  w: World,
  handles: 1 | 2 | 3,
  sides: (contest: Contest, a: Arc, b: Arc, c: Arc) => ReadonlyArray<Side>
) =>
  Effect.gen(function*() {
    const { acquire, release } = w.failing("a")
    const [scope, other] = [yield* Scope.make(), yield* Scope.make()]
    const guard = yield* Scope.provide(AsyncDropGuard.make(acquire, release, { name: "a" }), scope)
    const a = yield* Scope.provide(AsyncDropArc.make(guard), scope)
    const b = handles === 1 ? a : yield* Scope.provide(AsyncDropArc.clone(a), scope)
    const c = handles === 3 ? yield* Scope.provide(AsyncDropArc.clone(a), scope) : b
    const weak = AsyncDropArc.downgrade(a)
    let unwrapping = false
    let unwrapped = 0
    neverRevives(w, a)
    const drop = (arc: Arc) => w.dropping(AsyncDropArc.drop(arc))
    const use = (arc: Arc) => AsyncDropArc.use(arc, w.use)
    const close = Scope.close(scope, Exit.void)
    const upgraded = Scope.provide(AsyncDropWeak.upgrade(weak), other)
    const exits = yield* w.race(...sides(
      {
        drop,
        use,
        clone: (arc) => Effect.flatMap(Scope.provide(AsyncDropArc.clone(arc), other), use),
        borrow: (arc) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(restore(AsyncDropArc.cloneUnscoped(arc)), (own) =>
              Effect.andThen(Effect.exit(restore(use(own))), drop(own)))
          ),
        upgrade: Effect.flatMap(
          upgraded,
          Option.match({
            onNone: () =>
              Effect.void,
            onSome: use
          })
        ),
        visit: Effect.flatMap(
          upgraded,
          Option.match({ onNone: () => Effect.void, onSome: (arc) => Effect.andThen(use(arc), drop(arc)) })
        ),
        unwrap: (arc) =>
          Effect.suspend(() => {
            unwrapping = true
            return Effect.flatMap(Scope.provide(AsyncDropArc.unwrap(arc), other), (out) => {
              if (Option.isNone(out)) return Effect.void
              unwrapped++
              return AsyncDropGuard.use(out.value, w.use)
            })
          }),
        close
      },
      a,
      b,
      c
    ))
    for (const exit of exits) w.ctl.invariant(expected(exit), `unexpected: ${exit}`)
    w.ctl.invariant(unwrapped <= 1, "unwrapped twice")
    const ended = AsyncDropArc.strongCount(a) === 0 && !unwrapping
    w.ctl.invariant(!ended || w.probe.live === 0, "all who held it have returned before its release has ended")
    yield* close
    yield* Scope.close(other, Exit.void)
    w.ctl.invariant(AsyncDropArc.strongCount(a) === 0, `${AsyncDropArc.strongCount(a)} handles are left`)
  }).pipe(Effect.provideContext(w.sink))

/** A count that has fallen to 0 stays there. */
const neverRevives = (w: World, arc: Arc): void => {
  let gone = false
  w.ctl.always("the count never goes from 0 to 1", () => {
    const count = AsyncDropArc.strongCount(arc)
    if (gone || count < 0) return count === 0
    gone = count === 0
    return true
  })
}
