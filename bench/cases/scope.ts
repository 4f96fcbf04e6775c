// 1e3 and 1e5 resources in one scope.
import type { Goal, Group } from "../runner/model.ts"
import { asyncDrop, bare, bareAsked, disposableStack, effectScope, type Kind } from "./many.ts"

const group = (kind: Kind, ops: number, label: string, goals: ReadonlyArray<Goal>): Group => ({
  name: `${label} in a scope, ${kind} release`,
  yardstick: "Effect.scoped",
  cases: [
    { name: "Effect.scoped", run: effectScope(kind), ops },
    { name: "AsyncDrop.scoped", run: asyncDrop(kind), ops, goals },
    { name: "floor", run: bare(kind), ops },
    { name: "floor of what is asked for", run: bareAsked(kind), ops },
    { name: "AsyncDisposableStack", run: disposableStack(kind), ops }
  ]
})

export const scopeSync: ReadonlyArray<Group> = [
  group("sync", 1e3, "1e3", []),
  group("sync", 1e5, "1e5", [{ unit: "ns", against: "Effect.scoped", atMost: 0.2 }])
]

export const scopeAsync: ReadonlyArray<Group> = [
  group("async", 1e3, "1e3", []),
  group("async", 1e5, "1e5", [
    { unit: "ns", against: "Effect.scoped", atMost: 0.35 },
    { unit: "ns", against: "AsyncDisposableStack", atMost: 2.5 }
  ])
]
