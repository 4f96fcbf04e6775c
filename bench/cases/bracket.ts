// One resource, acquired, used and released.
import { AsyncDrop } from "@async-drop/core"
import { Effect } from "effect"
import type { Group } from "../runner/model.ts"
import * as floor from "./floor.ts"
import { count, counter, repeat } from "./repeat.ts"

const resource = { name: "resource" }
const use = () => count
const release = () => count

const awaitUsing = async (ops: number): Promise<void> => {
  for (let i = 0; i < ops; i++) {
    await using _ = {
      async [Symbol.asyncDispose]() {
        counter.value++
      }
    }
    counter.value++
  }
}

const group = (name: string, acquire: Effect.Effect<unknown>, atMost: number): Group => ({
  name,
  yardstick: "Effect.acquireUseRelease",
  cases: [
    {
      name: "Effect.acquireUseRelease",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.acquireUseRelease(acquire, use, release)))
    },
    {
      name: "AsyncDrop.acquireUseRelease",
      run: (ops) => Effect.runPromise(repeat(ops, () => AsyncDrop.acquireUseRelease(acquire, use, release))),
      goals: [
        { unit: "ns", against: "Effect.acquireUseRelease", atMost },
        { unit: "ns", against: "Effect.scoped", atMost: 0.55 },
        { unit: "bytes", atMost: 700 }
      ]
    },
    {
      name: "Effect.scoped",
      run: (ops) =>
        Effect.runPromise(
          repeat(ops, () => Effect.scoped(Effect.flatMap(Effect.acquireRelease(acquire, release), use)))
        )
    },
    {
      name: "floor",
      run: (ops) => Effect.runPromise(repeat(ops, () => floor.acquireUseRelease(acquire, use, release)))
    },
    {
      name: "floor, with a clock",
      run: (ops) => Effect.runPromise(repeat(ops, () => floor.acquireUseRelease(acquire, use, release, { begun: 0n })))
    },
    { name: "await using", run: awaitUsing }
  ]
})

export const bracket = group("bracket", Effect.sync(() => resource), 1)

export const bracketSucceed = group("bracket, acquire is an Exit", Effect.succeed(resource), 0.75)
