// The scope that a fibre's effect asks for, and how a life that is made at once comes into it.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { host, inOneMove } from "./batch.ts"
import type { AnyFiber, Lifetime } from "./lifetime.ts"

/** The key's type asks for the service that the effect's `R` names. */
export const scopeOf = (fiber: AnyFiber): Scope.Scope =>
  Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope)

/** Makes a life and links it into the current scope, in this step; into a closed one nothing is made. */
export const place = <L extends Lifetime, A>(
  fiber: AnyFiber,
  make: () => L,
  give: (lifetime: L) => A
): Effect.Effect<A> => {
  const scope = scopeOf(fiber)
  if (scope.state._tag === "Closed") return Effect.interrupt
  return inOneMove(() => {
    const lifetime = make()
    host(scope, lifetime, fiber)
    return Exit.succeed(give(lifetime))
  })
}
