// What a limit costs: a release that takes a step, with one and without.
import { AsyncDrop } from "@async-drop/core"
import { Effect } from "effect"
import type { Group } from "../runner/model.ts"
import { count, repeat } from "./repeat.ts"

const acquire = Effect.sync(() => ({ name: "resource" }))
const release = () => Effect.andThen(Effect.yieldNow, count)
const plain = AsyncDrop.acquireRelease(acquire, release)
const limited = AsyncDrop.acquireRelease(acquire, release, { timeout: "1 minute" })

export const limit: Group = {
  name: "a limit",
  yardstick: "no limit",
  cases: [
    { name: "no limit", run: (ops) => Effect.runPromise(repeat(ops, () => AsyncDrop.scoped(plain))) },
    { name: "timeout", run: (ops) => Effect.runPromise(repeat(ops, () => AsyncDrop.scoped(limited))) },
    {
      name: "budget",
      run: (ops) => Effect.runPromise(repeat(ops, () => AsyncDrop.scoped(plain, { budget: "1 minute" })))
    }
  ]
}
