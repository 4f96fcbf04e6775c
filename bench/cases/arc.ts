// A shared resource: used by many, and held and let go by many.
import { AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
import { Effect, RcRef, Scope } from "effect"
import type { Group } from "../runner/model.ts"
import * as floor from "./floor.ts"
import { repeat } from "./repeat.ts"

const resource = Effect.acquireRelease(Effect.sync(() => ({ name: "resource" })), () => Effect.void)

/** One that is held all the time, so that no operation acquires or releases. */
const arc = Effect.runSync(
  Effect.flatMap(
    AsyncDropGuard.makeUnscoped(Effect.sync(() => ({ name: "resource" })), () => Effect.void),
    AsyncDropArc.makeUnscoped
  )
)
const open = Scope.makeUnsafe()
const ref = Effect.runSync(Scope.provide(Effect.tap(RcRef.make({ acquire: resource }), RcRef.get), open))

const body = () => Effect.void

export const arcUse: Group = {
  name: "a shared resource, used or held for a while",
  yardstick: "RcRef.get in a scope",
  cases: [
    {
      name: "RcRef.get in a scope",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.scoped(RcRef.get(ref))))
    },
    {
      name: "AsyncDropArc.use",
      run: (ops) => Effect.runPromise(repeat(ops, () => AsyncDropArc.use(arc, body))),
      goals: [{ unit: "ns", against: "RcRef.get in a scope", atMost: 0.3 }]
    },
    {
      name: "AsyncDropArc.cloneUnscoped and drop",
      run: (ops) =>
        Effect.runPromise(repeat(ops, () => Effect.flatMap(AsyncDropArc.cloneUnscoped(arc), AsyncDropArc.drop))),
      goals: [{ unit: "ns", against: "RcRef.get in a scope", atMost: 0.08 }]
    },
    {
      name: "floor: a count and a flag",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.flatMap(floor.Counted.clone(), floor.Counted.drop)))
    },
    {
      name: "floor: two steps",
      run: (ops) => Effect.runPromise(repeat(ops, floor.twoSteps))
    },
    {
      name: "AsyncDropArc.clone in a scope",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.scoped(AsyncDropArc.clone(arc))))
    }
  ]
}
