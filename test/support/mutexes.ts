// Fibres that contest one lock.
import { AsyncDropGuard, AsyncDropMutex, type DropScope } from "@async-drop/core"
import type { Probe } from "@async-drop/testing"
import { Effect, Exit, Option, Scope } from "effect"
import { expected, type World } from "./explored.ts"

export type Mutex = AsyncDropMutex.AsyncDropMutex<Probe.Held<string>, string>
type Side = Effect.Effect<unknown, unknown, DropScope.DropScope<string>>

interface Contest {
  readonly withLock: Side
  /** Takes the lock for a scope of its own. */
  readonly lock: Side
  /** As `lock`, if it is free. */
  readonly tryLock: Side
  /** Unwraps into another scope, uses the guard and leaves it there. */
  readonly unwrap: Side
  readonly drop: Effect.Effect<void, string>
  readonly close: Effect.Effect<void>
}

/** One at a time, and never while it is released. */
export const critical = (w: World) => {
  let inside: unknown
  return (held: Probe.Held<unknown>) => {
    const me = {}
    const enter = Effect.sync(() => inside = me)
    const check = Effect.sync(() => w.ctl.invariant(inside === me, "two at a time have the lock"))
    return Effect.andThen(enter, Effect.andThen(w.use(held), check))
  }
}

/** A resource behind a lock, in a scope, with fibres that contest it; the scopes are closed after them. */
export const locked = (
  w: World,
  sides: (contest: Contest, mutex: Mutex) => ReadonlyArray<Side>,
  source: Probe.Source<never, string> = w.failing("a")
) =>
  Effect.gen(function*() {
    const [scope, other] = [yield* Scope.make(), yield* Scope.make()]
    const mutex = yield* Scope.provide(mutexOf("a", source), scope)
    const alone = critical(w)
    let unwrapping = false
    const close = Scope.close(scope, Exit.void)
    const exits = yield* w.race(...sides({
      withLock: AsyncDropMutex.withLock(mutex, alone),
      lock: Effect.scoped(Effect.flatMap(AsyncDropMutex.lock(mutex), alone)),
      tryLock: Effect.scoped(Effect.flatMap(
        AsyncDropMutex.tryLock(mutex),
        Option.match({ onNone: () => Effect.void, onSome: alone })
      )),
      unwrap: Effect.suspend(() => {
        unwrapping = true
        return Effect.flatMap(Scope.provide(AsyncDropMutex.unwrap(mutex), other), AsyncDropGuard.use(alone))
      }),
      drop: w.dropping(AsyncDropMutex.drop(mutex)),
      close
    }, mutex))
    for (const exit of exits) w.ctl.invariant(expected(exit), `unexpected: ${exit}`)
    const again = yield* Effect.scoped(AsyncDropMutex.tryLock(mutex))
    const live = !unwrapping && w.probe.steps.every((step) => step._tag !== "Dropping")
    w.ctl.invariant(!live || Option.isSome(again), "nobody holds the lock, and it is not free")
    yield* close
    yield* Scope.close(other, Exit.void)
  }).pipe(Effect.provideContext(w.sink))

/** A lock of the current scope around a new resource. */
export const mutexOf = (name: string, { acquire, release }: Probe.Source<never, string>) =>
  Effect.flatMap(AsyncDropGuard.make(acquire, release, { name }), AsyncDropMutex.make)
