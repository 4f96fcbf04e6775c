// Fibres that contest one map.
import { AsyncDropGuard, AsyncDropHashMap, type DropScope } from "@async-drop/core"
import type { Probe } from "@async-drop/testing"
import { Effect, Exit, Option, Scope } from "effect"
import { expected, type Guard, type World } from "./explored.ts"
import { ending, underWay } from "./nests.ts"

type Side = Effect.Effect<unknown, unknown, DropScope.DropScope<string>>
type Source = Probe.Source<never, string>

interface Contest {
  /** Inserts a guard under its name, and says whether it is in; refused, it is as it was. */
  readonly insert: (guard: Guard, key?: string) => Side
  /** Moves an entry out to another scope, uses the guard and leaves it there. */
  readonly remove: (key: string) => Side
  readonly drop: Side
  readonly close: Effect.Effect<void>
}

interface Options {
  readonly concurrency?: number | "unbounded"
  /** What is in the map. */
  readonly entries: ReadonlyArray<Source>
  /** What has a guard that is in no map. */
  readonly guards?: ReadonlyArray<Source>
}

/** A map in a scope, with fibres that contest it; the scopes are closed after them. */
export const indexed = (
  w: World,
  { concurrency = "unbounded", entries, guards = [] }: Options,
  sides: (contest: Contest, guards: ReadonlyArray<Guard>) => ReadonlyArray<Side>,
  after: (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) => void = () => {}
) =>
  Effect.gen(function*() {
    const [scope, other] = [yield* Scope.make(), yield* Scope.make()]
    const map = yield* Scope.provide(
      AsyncDropHashMap.make<string, Probe.Held<string>, string>({ concurrency, name: "map" }),
      scope
    )
    const make = ({ acquire, release }: Source, i: number) =>
      Scope.provide(AsyncDropGuard.make(acquire, release, { name: nameOf(i) }), other)
    for (const [i, source] of entries.entries()) {
      yield* Effect.orDie(AsyncDropHashMap.insert(map, nameOf(i), yield* make(source, i)))
    }
    const outside = yield* Effect.forEach(guards, (source, i) => make(source, entries.length + i))
    const most = concurrency === "unbounded" ? Infinity : concurrency
    w.ctl.always("as many releases as asked for at most", () => underWay(w.probe) <= most)
    const close = Scope.close(scope, Exit.void)
    const exits = yield* w.race(...sides({
      insert: (guard, key = guard.name) =>
        Effect.match(AsyncDropHashMap.insert(map, key, guard), {
          onSuccess: () => true,
          onFailure: (refused) => {
            w.ctl.invariant(refused.guard === guard, "another guard is given back")
            return false
          }
        }),
      remove: (key) =>
        Effect.flatMap(
          Scope.provide(AsyncDropHashMap.remove(map, key), other),
          Option.match({ onNone: () => Effect.void, onSome: AsyncDropGuard.use(w.use) })
        ),
      drop: ending(w, AsyncDropHashMap.drop(map)),
      close
    }, outside))
    for (const exit of exits) w.ctl.invariant(expected(exit), `unexpected: ${exit}`)
    after(exits)
    yield* close
    yield* Scope.close(other, Exit.void)
  }).pipe(Effect.provideContext(w.sink))

/** Its sources are named in this order. */
const nameOf = (i: number): string => "abcdef"[i]!
