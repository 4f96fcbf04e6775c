// Everything in a scope as one list, for a close that Effect's own would not do: several at once, or limited.
//
// 1. Plain finalizers keep their place among our resources.
// 2. Once they are taken the scope is closed: what is put in later is released at once, as in any closed scope.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Batch } from "./batch.ts"
import type { Closing } from "./closing.ts"
import { Lifetime } from "./lifetime.ts"
import type { Nest } from "./nest.ts"
import { dieOf, List } from "./owner.ts"
import { closeTogether } from "./together.ts"

type Finalize = (exit: Exit.Exit<any, any>) => Effect.Effect<void>

/** A finalizer that was put in by others. */
class Finalizer extends Lifetime {
  constructor(finalize: Finalize, context: Context.Context<never>) {
    super(undefined, (_, exit) => finalize(exit), context, undefined)
  }
  override get composition() {
    return "foreign" as const
  }
  override get named(): string {
    return "a plain finalizer"
  }
}

/** Closes a scope, and gives what was in it. */
export const taken = (
  scope: Scope.Closeable,
  exit: Exit.Exit<unknown, unknown>,
  startedAt: bigint,
  context: Context.Context<never>
): List => {
  const entries = entriesOf(scope)
  scope.state = { _tag: "Closed", exit }
  const list = new List(startedAt)
  for (const [key, finalize] of entries) {
    if (key instanceof Batch) key.giveAll(list)
    else list.link(new Finalizer(finalize, context))
  }
  return list
}

const entriesOf = (scope: Scope.Scope): Iterable<readonly [{}, Finalize]> => {
  const state = scope.state
  if (state._tag !== "Open") return []
  return state.finalizers ?? [[state.finalizerKey!, state.finalizer!]] // open without a map: there is one entry
}

/** The close of a scope that an owner of ours has. */
export const closeScope = (
  scope: Scope.Closeable,
  exit: Exit.Exit<unknown, unknown>,
  { manner, services, startedAt }: Nest,
  closing: Closing | undefined
): Effect.Effect<void> =>
  manner.limit === 1 && closing?.budget === undefined
    ? Scope.close(scope, exit)
    : Effect.withFiber((fiber) => {
      const list = taken(scope, exit, startedAt, services)
      return closeTogether(list, exit, fiber, manner.limit, closing, dieOf)
    })
