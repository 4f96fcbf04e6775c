// Closing what an owner has: in order where that is enough, else several at once or within a budget.
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Closing } from "./closing.ts"
import type { AnyFiber } from "./lifetime.ts"
import { closeInOrder, dieOf, type List } from "./owner.ts"
import { closeTogether } from "./together.ts"

/** At most `limit` releases at a time; with 1, last in first out. It dies of what the owner must die of. */
export const close = (
  list: List,
  exit: Exit.Exit<unknown, unknown>,
  fiber: AnyFiber,
  limit: number,
  closing: Closing | undefined
): Effect.Effect<void> =>
  limit === 1 && closing?.budget === undefined
    ? closeInOrder(list, exit, fiber, closing, (deaths) => dieOf(deaths, exit, 0))
    : closeTogether(list, exit, fiber, limit, closing, dieOf)
