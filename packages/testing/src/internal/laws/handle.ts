// Laws of what is used and dropped by hand.
import { AsyncDrop } from "@async-drop/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Probe from "../../Probe.ts"
import { everyStep } from "./interrupter.ts"
import { type Law, same, type Scoped } from "./law.ts"

type Drop = NonNullable<Scoped<any>["drop"]> // any: whatever it makes
type Use = NonNullable<Scoped<any>["use"]> // any: as above

export const dropLaws = ({ make }: Scoped<any>, drop: Drop): ReadonlyArray<Law> => [ // any: as above
  {
    rule: 1,
    fact: "releases once when it is dropped twice, side by side and by its scope",
    holds: Effect.gen(function*() {
      const probe = Probe.make()
      const slow = probe.source("a", { release: Probe.wait(Effect.yieldNow) })
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const a = yield* make(slow)
        yield* Effect.all([drop(a), drop(a)], { concurrency: "unbounded" })
        probe.checkEnd()
        yield* drop(a)
      }))
      probe.checkEnd()
    })
  },
  {
    rule: 4,
    fact: "lets everyone who drops it wait for the same end, and hear of the same error",
    holds: Effect.gen(function*() {
      const probe = Probe.make()
      const latch = Latch.makeUnsafe()
      const exits = yield* AsyncDrop.scoped(
        Effect.gen(function*() {
          const a = yield* make(probe.source("a", { release: Probe.wait(latch.await, Probe.fail("busy")) }))
          const first = yield* Effect.forkChild(drop(a), { startImmediately: true })
          const second = yield* Effect.forkChild(drop(a), { startImmediately: true })
          second.interruptUnsafe()
          yield* Effect.yieldNow
          same("how many have returned", [first, second].filter((fiber) => fiber.pollUnsafe() !== undefined).length, 0)
          yield* latch.open
          yield* Fiber.await(second)
          return [yield* Fiber.await(first), yield* Effect.exit(drop(a))]
        }).pipe(Effect.ensuring(latch.open))
      ) // or the scope of a law that does not hold would wait for ever
      same("what they hear", exits, [Exit.fail("busy"), Exit.fail("busy")])
    })
  },
  {
    rule: 8,
    fact: "gives an error to who dropped it, and not to its scope again",
    holds: Effect.gen(function*() {
      const source = Probe.make().source("a", { release: Probe.fail("busy") })
      const program = Effect.flatMap(make(source), (a) => Effect.exit(drop(a)))
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(program)
      same("the exit of the drop", exit, Exit.succeed(Exit.fail("busy")))
      same("the errors of the scope", dropErrors.length, 0)
    })
  },
  {
    rule: 1,
    fact: "releases once, at whatever step its drop is interrupted",
    holds: everyStep(() => {
      const probe = Probe.make()
      const slow = { acquire: Probe.wait(Effect.yieldNow), release: Probe.wait(Effect.yieldNow) }
      return {
        run: AsyncDrop.scoped(Effect.flatMap(make(probe.source("a", slow)), drop)),
        check: probe.checkEnd
      }
    })
  },
  {
    rule: 14,
    fact: "leaves nothing in a long-lived scope when it is dropped early",
    holds: Effect.gen(function*() {
      const source = Probe.make().source("a")
      const scope = yield* Scope.make()
      const entries = () => scope.state._tag === "Open" ? scope.state.finalizers?.size ?? 1 : 0
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        yield* Scope.addFinalizer(scope, Effect.void)
        const before = entries()
        for (let i = 0; i < 100; i++) yield* Scope.provide(Effect.flatMap(make(source), drop), scope)
        same("how many entries its scope has more", entries() - before, 0)
      }))
      yield* Scope.close(scope, Exit.void)
    })
  }
]

export const useLaws = ({ make }: Scoped<any>, drop: Drop, use: Use): ReadonlyArray<Law> => [ // any: as above
  {
    rule: 2,
    fact: "is released only after the uses begun have ended, and refuses new ones",
    holds: Effect.gen(function*() {
      const probe = Probe.make()
      const latch = Latch.makeUnsafe()
      yield* AsyncDrop.scoped(
        Effect.gen(function*() {
          const a = yield* make(probe.source("a"))
          const user = yield* Effect.forkChild(use(a, (held) => held.using(latch.await)), { startImmediately: true })
          const dropper = yield* Effect.forkChild(drop(a), { startImmediately: true })
          yield* Effect.yieldNow
          same("whether the drop has returned", dropper.pollUnsafe() !== undefined, false)
          same("a use during the drop", tagOf(yield* Effect.exit(use(a, (held) => held.use))), "DropUsageError")
          yield* latch.open
          yield* Fiber.join(user)
          yield* Fiber.join(dropper)
          same("a use after the drop", tagOf(yield* Effect.exit(use(a, (held) => held.use))), "DropUsageError")
        }).pipe(Effect.ensuring(latch.open))
      ) // as above
      probe.checkEnd()
    })
  },
  {
    rule: 11,
    fact: "says so, and does not hang, when it is dropped inside its own use",
    holds: Effect.gen(function*() {
      const probe = Probe.make()
      const tag = yield* AsyncDrop.scoped(Effect.gen(function*() {
        const a = yield* make(probe.source("a"))
        return tagOf(yield* Effect.exit(use(a, () => Effect.orDie(drop(a)))))
      }))
      same("the defect", tag, "DropCycle")
      probe.checkEnd()
    })
  }
]

/** The tag of the defect that it died of. */
const tagOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as { readonly _tag?: unknown })._tag : "success" // if it has one
