// One resource in a scope of its own.
import { AsyncDrop } from "@async-drop/core"
import { Effect } from "effect"
import type { Group } from "../runner/model.ts"
import * as asked from "./floor-asked.ts"
import * as floor from "./floor.ts"
import { count, repeat } from "./repeat.ts"

const acquire = Effect.sync(() => ({ name: "resource" }))
const use = () => count
const release = () => count

export const one: Group = {
  name: "one resource in a scope",
  yardstick: "Effect.scoped",
  cases: [
    {
      name: "Effect.scoped",
      run: (ops) =>
        Effect.runPromise(
          repeat(ops, () => Effect.scoped(Effect.flatMap(Effect.acquireRelease(acquire, release), use)))
        )
    },
    {
      name: "AsyncDrop.scoped",
      run: (ops) =>
        Effect.runPromise(
          repeat(ops, () => AsyncDrop.scoped(Effect.flatMap(AsyncDrop.acquireRelease(acquire, release), use)))
        ),
      goals: [{ unit: "ns", against: "Effect.scoped", atMost: 0.75 }]
    },
    {
      name: "floor",
      run: (ops) =>
        Effect.runPromise(
          repeat(ops, () => floor.scoped(Effect.flatMap(floor.acquireRelease(acquire, release), use)))
        )
    },
    {
      name: "floor of what is asked for",
      run: (ops) =>
        Effect.runPromise(
          repeat(ops, () => asked.scoped(Effect.flatMap(asked.acquireRelease(acquire, release), use)))
        )
    },
    {
      name: "AsyncDrop.acquireRelease in Effect.scoped",
      run: (ops) =>
        Effect.runPromise(
          repeat(ops, () => Effect.scoped(Effect.flatMap(AsyncDrop.acquireRelease(acquire, release), use)))
        )
    }
  ]
}
