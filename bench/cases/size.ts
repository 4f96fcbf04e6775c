// What a resource costs among 1e5 and among 1e6.
import type { Group } from "../runner/model.ts"
import { asyncDrop, disposableStack, type Kind } from "./many.ts"

const group = (kind: Kind): Group => ({
  name: `1e5 to 1e6 in a scope, ${kind} release`,
  yardstick: "AsyncDrop.scoped, 1e5",
  rounds: 5,
  cases: [
    { name: "AsyncDrop.scoped, 1e5", run: asyncDrop(kind), ops: 1e5 },
    {
      name: "AsyncDrop.scoped, 1e6",
      run: asyncDrop(kind),
      ops: 1e6,
      goals: [{ unit: "ns", against: "AsyncDrop.scoped, 1e5", atMost: 1.3 }]
    },
    { name: "AsyncDisposableStack, 1e5", run: disposableStack(kind), ops: 1e5 },
    { name: "AsyncDisposableStack, 1e6", run: disposableStack(kind), ops: 1e6 }
  ]
})

export const sizeSync = group("sync")

export const sizeAsync = group("async")
