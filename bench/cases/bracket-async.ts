// One resource whose release has to wait.
import { AsyncDrop } from "@async-drop/core"
import { Effect } from "effect"
import type { Group } from "../runner/model.ts"
import { count, counter, later, repeat, resolved } from "./repeat.ts"

const acquire = Effect.sync(() => ({ name: "resource" }))
const use = () => count
const release = () => later

export const bracketAsync: Group = {
  name: "bracket, async release",
  yardstick: "await using",
  cases: [
    {
      name: "await using",
      run: async (ops) => {
        for (let i = 0; i < ops; i++) {
          await using _ = { [Symbol.asyncDispose]: () => resolved }
          counter.value++
        }
      }
    },
    {
      name: "AsyncDrop.acquireUseRelease",
      run: (ops) => Effect.runPromise(repeat(ops, () => AsyncDrop.acquireUseRelease(acquire, use, release))),
      goals: [{ unit: "ns", against: "await using", atMost: 2 }]
    },
    {
      name: "Effect.acquireUseRelease",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.acquireUseRelease(acquire, use, release)))
    }
  ]
}
