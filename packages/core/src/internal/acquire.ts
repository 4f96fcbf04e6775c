// From an acquire to a registered lifetime, in the scope of the context.
//
// 1. Acquire and registration are one uninterruptible piece; with `interruptible` the acquire alone
//    can be interrupted. An acquire that already is an `Exit` is registered in one step.
// 2. In a closed scope nothing is acquired: the fibre is interrupted. In one that closed meanwhile the
//    resource is released with that scope's exit, and then the fibre is interrupted.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { DropOptions } from "../AsyncDrop.ts"
import type { DropError } from "../DropError.ts"
import { host, observerIn } from "./batch.ts"
import { acquired, type AnyFiber, Lifetime, metaWith, type Release } from "./lifetime.ts"
import { misuseOf, type Settings, settingsOf } from "./limits.ts"
import { closeOne, dieOf } from "./owner.ts"
import { isExit } from "./shape.ts"

/** How what was acquired becomes a lifetime, and what the caller gets of that. */
export interface Kind<in A, in Given, L extends Lifetime, out B> {
  readonly make: (acquired: A, given: Given, settings: Settings | undefined, fiber: AnyFiber, scope: Scope.Scope) => L
  readonly give: (lifetime: L) => B
}

/** What comes with its own release. */
export type Droppable = readonly [value: any, release: Release] // any: of the type that its acquire says

const valueOf = (lifetime: Lifetime): any => lifetime.value // the value that was put in, of the type it had

/** The value itself, released as the caller says. */
export const given: Kind<unknown, Release, Lifetime, any> = {
  make: (value, release, settings, fiber, scope) => lifetimeIn(scope, fiber, value, release, settings),
  give: valueOf
}

/** The value itself, released as it says. */
export const own: Kind<Droppable, undefined, Lifetime, any> = {
  make: ([value, release], _, settings, fiber, scope) => lifetimeIn(scope, fiber, value, release, settings),
  give: valueOf
}

const lifetimeIn = (
  scope: Scope.Scope,
  fiber: AnyFiber,
  value: unknown,
  release: Release,
  settings: Settings | undefined
): Lifetime => {
  const context = fiber.context
  return new Lifetime(value, release, context, metaWith(observerIn(scope, context), settings))
}

export const acquireAs = <A, Given, L extends Lifetime, B, E, R>(
  kind: Kind<A, Given, L, B>,
  acquire: Effect.Effect<A, E, R>,
  release: Given,
  operation: string,
  options: DropOptions<any> | undefined // any: of the type that the acquire says
): Effect.Effect<B, E, R | Scope.Scope> =>
  Effect.uninterruptibleMask((restore): Effect.Effect<B, E, R | Scope.Scope> => {
    const misuse = misuseOf(operation, options)
    if (misuse !== undefined) return Effect.die(misuse)
    const fiber = Fiber.getCurrent()! // called inside the run loop, where there is a current fibre
    // The key's type asks for the service that this effect's `R` names.
    const scope = Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope)
    if (scope.state._tag === "Closed") return Effect.interrupt
    const registered = (value: A): Effect.Effect<B> => {
      const lifetime = acquired(kind.make(value, release, settingsOf(options), fiber, scope))
      if (scope.state._tag === "Closed") return tooLate(lifetime, scope.state.exit, fiber)
      host(scope, lifetime, fiber)
      return Exit.succeed(kind.give(lifetime))
    }
    if (isExit(acquire)) return acquire._tag === "Success" ? registered(acquire.value) : Exit.failCause(acquire.cause)
    return Effect.flatMap(options?.interruptible === true ? restore(acquire) : acquire, registered)
  })

const tooLate = (
  lifetime: Lifetime,
  exit: Exit.Exit<unknown, unknown>,
  fiber: AnyFiber
): Effect.Effect<never> => {
  const deaths: Array<DropError<unknown>> = []
  return Effect.flatMap(
    closeOne(lifetime, exit, deaths, fiber),
    () => Effect.andThen(dieOf(deaths, exit, 0), Effect.interrupt)
  )
}
