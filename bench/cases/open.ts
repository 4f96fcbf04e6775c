// What an open resource keeps on the heap.
import { AsyncDrop } from "@async-drop/core"
import { Effect } from "effect"
import type { OpenCase, OpenGroup } from "../runner/model.ts"
import { count, repeat } from "./repeat.ts"

const shared = { name: "resource" }
const acquire = Effect.succeed(shared)

type ReleaseOf = () => () => Effect.Effect<void>

const sharedRelease = () => count

const ours = (releaseOf: ReleaseOf): OpenCase["run"] => (resources, whileOpen) =>
  Effect.runPromise(AsyncDrop.scoped(Effect.andThen(
    repeat(resources, () => AsyncDrop.acquireRelease(acquire, releaseOf())),
    Effect.sync(whileOpen)
  )))

const theirs = (releaseOf: ReleaseOf): OpenCase["run"] => (resources, whileOpen) =>
  Effect.runPromise(Effect.scoped(Effect.andThen(
    repeat(resources, () => Effect.acquireRelease(acquire, releaseOf())),
    Effect.sync(whileOpen)
  )))

const stack = (releaseOf: ReleaseOf): OpenCase["run"] => async (resources, whileOpen) => {
  await using open = new AsyncDisposableStack()
  for (let i = 0; i < resources; i++) {
    const release = releaseOf()
    open.adopt(shared, () => void release())
  }
  whileOpen()
}

/** Nothing is kept but the node itself: value and release are the same for all. */
export const openNode: OpenGroup = {
  name: "bytes kept by one of 1e5, shared release",
  yardstick: "Effect.scoped",
  resources: 1e5,
  cases: [
    { name: "Effect.scoped", run: theirs(() => sharedRelease) },
    {
      name: "AsyncDrop.scoped",
      run: ours(() => sharedRelease),
      goals: [{ unit: "bytes", atMost: 100 }]
    },
    { name: "AsyncDisposableStack", run: stack(() => sharedRelease) }
  ]
}

export const openClosure: OpenGroup = {
  name: "bytes kept by one of 1e5, a release each",
  yardstick: "Effect.scoped",
  resources: 1e5,
  cases: [
    { name: "Effect.scoped", run: theirs(() => () => count) },
    {
      name: "AsyncDrop.scoped",
      run: ours(() => () => count),
      goals: [{ unit: "bytes", against: "Effect.scoped", atMost: 0.5 }]
    },
    { name: "AsyncDisposableStack", run: stack(() => () => count) }
  ]
}
