// Many resources in one scope: opened one after the other, then closed with it, in one program.
import { AsyncDrop } from "@async-drop/core"
import { Effect } from "effect"
import * as asked from "./floor-asked.ts"
import * as floor from "./floor.ts"
import { count, counter, later, repeat, resolved } from "./repeat.ts"

export type Kind = "sync" | "async"

const acquire = Effect.sync(() => ({ name: "resource" }))

const releaseOf = (kind: Kind) => kind === "sync" ? () => count : () => later

const run = (program: Effect.Effect<void>): Promise<void> => Effect.runPromise(program)

export const asyncDrop = (kind: Kind) => {
  const release = releaseOf(kind)
  return (resources: number) =>
    run(AsyncDrop.scoped(repeat(resources, () => AsyncDrop.acquireRelease(acquire, release))))
}

export const effectScope = (kind: Kind) => {
  const release = releaseOf(kind)
  return (resources: number) => run(Effect.scoped(repeat(resources, () => Effect.acquireRelease(acquire, release))))
}

/** What the exact outcome costs with nothing else around it. */
export const bare = (kind: Kind) => {
  const release = releaseOf(kind)
  return (resources: number) => run(floor.scoped(repeat(resources, () => floor.acquireRelease(acquire, release))))
}

/** With what no owner can do without that keeps the promises of this one. */
export const bareAsked = (kind: Kind) => {
  const release = releaseOf(kind)
  return (resources: number) => run(asked.scoped(repeat(resources, () => asked.acquireRelease(acquire, release))))
}

export const disposableStack = (kind: Kind) => {
  const release = kind === "sync"
    ? () => {
      counter.value++
    }
    : () => resolved
  return async (resources: number) => {
    await using stack = new AsyncDisposableStack()
    for (let i = 0; i < resources; i++) stack.adopt({ name: "resource" }, release)
  }
}

/** Each resource is followed by a finalizer of plain Effect. */
export const asyncDropAlternating = (kind: Kind) => {
  const release = releaseOf(kind)
  const finalizer = release()
  return (resources: number) =>
    run(
      AsyncDrop.scoped(repeat(resources / 2, () =>
        Effect.flatMap(AsyncDrop.acquireRelease(acquire, release), () =>
          Effect.addFinalizer(() => finalizer))))
    )
}

export const effectScopeAlternating = (kind: Kind) => {
  const release = releaseOf(kind)
  const finalizer = release()
  return (resources: number) =>
    run(
      Effect.scoped(repeat(resources / 2, () =>
        Effect.flatMap(Effect.acquireRelease(acquire, release), () =>
          Effect.addFinalizer(() => finalizer))))
    )
}
