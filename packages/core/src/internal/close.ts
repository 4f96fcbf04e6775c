// Closing a list: in order, or several at once.
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { closeInOrder, dieOf, type List } from "./owner.ts"
import { closeTogether } from "./together.ts"

/**
 * Releases everything in the list, at most `limit` at a time; with 1, last in first out. `exit` is what the
 * scope ended with.
 */
export const close = (list: List, exit: Exit.Exit<unknown, unknown>, limit: number): Effect.Effect<void> =>
  Effect.withFiber((fiber) =>
    limit === 1 ? closeInOrder(list, exit, fiber, dieOf) : closeTogether(list, exit, fiber, limit)
  )
