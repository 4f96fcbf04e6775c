// What becomes of a hold: it belongs to the current scope, or lasts as long as one callback.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constFalse, constTrue } from "effect/Function"
import type * as Scope from "effect/Scope"
import { DropFailure, fromCause } from "../DropFailure.ts"
import { DropReporter } from "../DropReporter.ts"
import { host } from "./batch.ts"
import { answer, type Restore } from "./ending.ts"
import * as handle from "./handle.ts"
import { type Hold, isOfLoad } from "./instance.ts"
import type { AnyFiber } from "./lifetime.ts"
import { isPrimary } from "./outcome.ts"
import { scopeOf } from "./place.ts"

/** What the release fails with stands beside what the callback came to. Called uninterruptibly. */
export const useHold = (
  hold: Hold,
  f: (value: any) => Effect.Effect<any, any, any>, // any: of the types that its store says
  fiber: AnyFiber,
  restore: Restore
): Effect.Effect<any, any, any> => { // any: as above
  hold.bound = true
  return Effect.flatMap(
    Effect.exit(restore(Effect.suspend(() => f(hold.value.lent)))),
    (exit) =>
      Effect.matchCauseEffect(handle.dropLease(hold, constTrue, exit), {
        onSuccess: () => exit,
        onFailure: (cause) => {
          const failure = fromCause(cause)
          if (failure._tag === "None") return isPrimary(exit) ? Exit.failCause(cause) : exit
          const { dropped, errors } = failure.value
          const reporter = Context.get(fiber.context, DropReporter)
          return answer(fiber.context, restore, exit, new DropFailure({ errors, dropped, exit }), false, () => reporter)
        }
      })
  )
}

/** Puts a hold into the current scope; where that has closed meanwhile, it is given back. */
export const keepHold = <B>(hold: Hold, fiber: AnyFiber, give: (hold: Hold) => B): Effect.Effect<B> => {
  const scope = scopeOf(fiber)
  if (scope.state._tag === "Closed") {
    return Effect.andThen(Effect.exit(handle.dropLease(hold, constFalse)), Effect.interrupt)
  }
  own(scope, hold, fiber)
  return Exit.succeed(give(hold))
}

/** Gives a hold to an open scope. */
export const own = (scope: Scope.Scope, hold: Hold, fiber: AnyFiber): void => {
  hold.bound = isOfLoad(scope)
  host(scope, hold, fiber)
}

/** The value, of the type that its store says. */
export const valueOf = (hold: Hold): any => hold.value.lent
