// From an acquire to a registered lifetime, in the scope of the context.
//
// 1. Acquire and registration are one uninterruptible piece; with `interruptible` the acquire alone
//    can be interrupted.
// 2. In a closed scope nothing is acquired: the fibre is interrupted. In one that closed meanwhile the
//    resource is released with that scope's exit, and then the fibre is interrupted.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { DropError } from "../DropError.ts"
import { host } from "./batch.ts"
import { acquired, type AnyFiber, type Lifetime } from "./lifetime.ts"
import { closeOne, dieOf } from "./owner.ts"
import { isExit } from "./shape.ts"

/** `make` puts a life around the acquired value, `give` says what the caller gets. */
export const own = <A, L extends Lifetime, B, E, R>(
  acquire: Effect.Effect<A, E, R>,
  interruptible: boolean | undefined,
  make: (value: A, fiber: AnyFiber) => L,
  give: (lifetime: L) => B
): Effect.Effect<B, E, R | Scope.Scope> =>
  Effect.uninterruptibleMask((restore): Effect.Effect<B, E, R | Scope.Scope> => {
    const fiber = Fiber.getCurrent()! // called inside the run loop, where there is a current fibre
    // The key's type asks for the service that this effect's `R` names.
    const scope = Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope)
    if (scope.state._tag === "Closed") return Effect.interrupt
    const registered = (value: A): Effect.Effect<B> => {
      const lifetime = acquired(make(value, fiber))
      if (scope.state._tag === "Closed") return tooLate(lifetime, scope.state.exit, fiber)
      host(scope, lifetime, fiber)
      return Exit.succeed(give(lifetime))
    }
    if (isExit(acquire)) return acquire._tag === "Success" ? registered(acquire.value) : Exit.failCause(acquire.cause)
    return Effect.flatMap(interruptible === true ? restore(acquire) : acquire, registered)
  })

const tooLate = (
  lifetime: Lifetime,
  exit: Exit.Exit<unknown, unknown>,
  fiber: AnyFiber
): Effect.Effect<never> => {
  const deaths: Array<DropError<unknown>> = []
  return Effect.flatMap(
    closeOne(lifetime, exit, deaths, fiber),
    () => Effect.andThen(dieOf(deaths, exit), Effect.interrupt)
  )
}
