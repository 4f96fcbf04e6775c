// A guard made and dropped again, in a scope that goes on.
import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { Effect, Exit, Scope } from "effect"
import type { Group } from "../runner/model.ts"
import { count, repeat } from "./repeat.ts"

const acquire = Effect.sync(() => ({ name: "resource" }))
const release = () => count

export const guard: Group = {
  name: "guard made and dropped in a long scope",
  yardstick: "Effect, a child scope",
  cases: [
    {
      name: "Effect, a child scope",
      run: (ops) =>
        Effect.runPromise(
          Effect.scoped(Effect.flatMap(Effect.scope, (scope) =>
            repeat(ops, () =>
              Effect.flatMap(Scope.fork(scope), (child) =>
                Effect.flatMap(Scope.provide(Effect.acquireRelease(acquire, release), child), () =>
                  Scope.close(child, Exit.void))))))
        )
    },
    {
      name: "AsyncDropGuard",
      run: (ops) =>
        Effect.runPromise(
          AsyncDrop.scoped(
            repeat(ops, () => Effect.flatMap(AsyncDropGuard.make(acquire, release), AsyncDropGuard.drop))
          )
        )
    }
  ]
}
