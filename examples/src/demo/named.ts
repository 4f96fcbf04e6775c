import { AsyncDrop } from "@async-drop/core"
import { Effect, Exit, Scope } from "effect"

/** Makes all that an effect acquires one resource, with a name of its own. */
export const named = <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
  AsyncDrop.acquireRelease(
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const value = yield* effect.pipe(
        Scope.provide(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      return { scope, value }
    }),
    ({ scope }, exit) => Scope.close(scope, exit),
    { name }
  ).pipe(Effect.map(({ value }) => value))
