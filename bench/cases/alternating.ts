// 1e5 entries in one scope, each resource followed by a plain finalizer.
import type { Group } from "../runner/model.ts"
import { asyncDropAlternating, effectScopeAlternating, type Kind } from "./many.ts"

const group = (kind: Kind): Group => ({
  name: `1e5 alternating with finalizers, ${kind} release`,
  yardstick: "Effect.scoped",
  cases: [
    { name: "Effect.scoped", run: effectScopeAlternating(kind), ops: 1e5 },
    {
      name: "AsyncDrop.scoped",
      run: asyncDropAlternating(kind),
      ops: 1e5,
      goals: [{ unit: "ns", against: "Effect.scoped", atMost: 2 }]
    }
  ]
})

export const alternating: ReadonlyArray<Group> = [group("sync"), group("async")]
