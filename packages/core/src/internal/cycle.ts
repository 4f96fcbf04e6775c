// Who waits for whom, so that waiting for oneself is an error and not a hang.
//
// 1. A fibre waits for at most one lifetime at a time, and says so in the step that looked for a cycle.
// 2. A lifetime waits for each fibre that uses it, then for the one that runs its release.
// 3. Only a chain of these edges that leads back to the asking fibre is an error: it is certain.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { DropCycle } from "../DropCycle.ts"
import { type AnyFiber, type Awaited, type Handled, type Inside, type Mark, nameOf } from "./lifetime.ts"

/** The uses and releases that the present fibre is inside of, or descends from. */
const Held: Context.Reference<Mark | undefined> = Context.Reference<Mark | undefined>(
  "@async-drop/core/Held",
  { defaultValue: () => undefined }
)

/** The context inside of a use, or of a release, that begins in `outer`. */
export const insideOf = (lifetime: Handled, outer: Context.Context<never>): Inside => {
  const known = lifetime.inside
  if (known !== undefined && known.outer === outer) return known
  const mark: Mark = { lifetime, outer: Context.get(outer, Held), active: 0 }
  return lifetime.inside = { outer, mark, context: Context.add(outer, Held, mark) }
}

const waits = new Map<AnyFiber, Awaited>()

export const beginWait = (fiber: AnyFiber, awaited: Awaited): void => void waits.set(fiber, awaited)

export const endWait = (fiber: AnyFiber): void => void waits.delete(fiber)

/** Whether there is anyone to wait for. */
export const mayWait = (lifetime: Handled): boolean => lifetime.uses !== undefined || lifetime.state._tag === "Dropping"

/** The cycle that `fiber` would close by waiting for `awaited`. */
export const findCycle = (fiber: AnyFiber, awaited: Awaited): DropCycle | undefined => {
  const path: Array<Awaited> = []
  const seen = new Set<Awaited>()
  const leadsBack = (at: Awaited): boolean => {
    if (seen.has(at)) return false
    seen.add(at)
    path.push(at)
    for (const blocker of at.blockers()) {
      if (blocker === fiber) return true
      const next = waits.get(blocker)
      if (next !== undefined && leadsBack(next)) return true
    }
    path.pop()
    return false
  }
  if (!leadsBack(awaited)) return undefined
  return new DropCycle({ chain: [...path, awaited].map((each) => each.label) })
}

/** One warning where the fibre only descends from one that holds the resource; a logger may fail as it likes. */
export const warnIfLikely = (fiber: AnyFiber, lifetime: Handled, operation: string): Effect.Effect<unknown> => {
  for (let held = Context.get(fiber.context, Held); held !== undefined; held = held.outer) {
    if (held.lifetime !== lifetime || held.active === 0 || lifetime.warned) continue
    lifetime.warned = true
    return Effect.exit(Effect.logWarning(
      `${operation} of ${nameOf(lifetime)} is asked for by a fibre that was started inside its own use: ` +
        `if that use waits for this fibre, both hang`
    ))
  }
  return Effect.void
}
