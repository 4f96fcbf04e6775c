// Fibres that contest one stack.
import { AsyncDrop, type DropScope, DropStack } from "@async-drop/core"
import type { Probe } from "@async-drop/testing"
import { Effect, Exit, Scope } from "effect"
import { expected, type World } from "./explored.ts"
import { ending, underWay } from "./nests.ts"

type Side = Effect.Effect<unknown, unknown, DropScope.DropScope<string>>

interface Contest {
  /** Acquires into the stack and uses what it got. */
  readonly use: (source: Probe.Source<never, string>) => Side
  readonly close: Side
  /** Moves it into another scope, acquires into the new stack and closes that. */
  readonly move: Side
  /** Moves it into another scope and leaves it there. */
  readonly leave: Side
  readonly closeScope: Effect.Effect<void>
}

/** A stack in a scope with resources of these names in it, with fibres that contest it; the scopes are closed after them. */
export const stacked = (
  w: World,
  sides: (contest: Contest, stack: DropStack.DropStack) => ReadonlyArray<Side>,
  after: (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) => void = () => {},
  names: ReadonlyArray<string> = ["a"]
) =>
  Effect.gen(function*() {
    const [scope, other] = [yield* Scope.make(), yield* Scope.make()]
    const stack = yield* Scope.provide(DropStack.make({ name: "stack" }), scope)
    for (const name of names) {
      const { acquire, release } = w.failing(name)
      yield* DropStack.use(stack, AsyncDrop.acquireRelease(acquire, release, { name }))
    }
    const closeScope = Scope.close(scope, Exit.void)
    let away = false
    const moved = Effect.tap(Scope.provide(DropStack.move(stack), other), () => Effect.sync(() => away = true))
    const within = () => names.reduce((sum, name) => sum + underWay(w.probe, name), 0)
    const left = () => away ? 0 : within()
    const exits = yield* w.race(...sides({
      use: ({ acquire, release }) => DropStack.use(stack, AsyncDrop.acquireRelease(acquire, release, { name: "b" })),
      close: ending(w, DropStack.close(stack), left),
      move: Effect.flatMap(moved, (stack) => ending(w, DropStack.close(stack), within)),
      leave: moved,
      closeScope
    }, stack))
    for (const exit of exits) w.ctl.invariant(expected(exit), `unexpected: ${exit}`)
    after(exits)
    yield* closeScope
    yield* Scope.close(other, Exit.void)
  }).pipe(Effect.provideContext(w.sink))
