// Laws of what a scope owns.
import { AsyncDrop } from "@async-drop/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Probe from "../../Probe.ts"
import { type Law, same, type Scoped } from "./law.ts"

export const closedLaws = ({ make }: Scoped<any>): ReadonlyArray<Law> => [ // any: whatever it makes
  {
    rule: 10,
    fact: "acquires nothing in a scope that is closed, and interrupts",
    holds: AsyncDrop.scoped(Effect.gen(function*() {
      const probe = Probe.make()
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      const exit = yield* Effect.exit(Scope.provide(make(probe.source("a")), scope))
      same("steps", probe.steps.length, 0)
      same("whether it was interrupted", Exit.hasInterrupts(exit), true)
    }))
  },
  {
    rule: 10,
    fact: "releases, then interrupts, when its scope closes during the acquire",
    holds: AsyncDrop.scoped(Effect.gen(function*() {
      const probe = Probe.make()
      const latch = Latch.makeUnsafe()
      const scope = yield* Scope.make()
      const source = probe.source("a", { acquire: Probe.wait(latch.await) })
      const fiber = yield* Effect.forkChild(Scope.provide(make(source), scope), { startImmediately: true })
      yield* Scope.close(scope, Exit.fail("closed"))
      yield* latch.open
      const exit = yield* Fiber.await(fiber)
      probe.checkEnd()
      same("whether it was interrupted", Exit.hasInterrupts(exit), true)
      const given = probe.steps.find((step) => step._tag === "Dropping")?.given
      same("the exit that the release got", given, Exit.fail("closed"))
    }))
  }
]

export const scopeLaws = ({ make }: Scoped<any>): ReadonlyArray<Law> => [ // any: as above
  {
    rule: 5,
    fact: "stands among the plain finalizers of its scope, last in, first out",
    holds: Effect.gen(function*() {
      const probe = Probe.make({ order: "lifo" })
      const plain = (name: string) => {
        const source = probe.source(name)
        return Effect.acquireRelease(source.acquire, source.release)
      }
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        yield* make(probe.source("a"))
        yield* plain("b")
        yield* make(probe.source("c"))
        yield* make(probe.source("d"))
        yield* plain("e")
      }))
      probe.checkEnd()
    })
  }
]
