// Lending: a use of a resource by a handle.
//
// 1. A use counts from before its first step until after its last, however it ends; a drop waits for that.
// 2. Whoever leaves last runs what waits for it.
import * as Effect from "effect/Effect"
import { insideOf } from "./cycle.ts"
import { enter, type Handled, leave, type Stated, type Use } from "./lifetime.ts"
import { refusal } from "./misuse.ts"

/** Lends the value to `f`; a drop waits until it is given back. Through a lease, that must be held as well. */
export const use = <B, E, R>(
  lifetime: Handled,
  f: (value: any) => Effect.Effect<B, E, R>, // any: of the type that the guard says
  handle: Stated = lifetime
): Effect.Effect<B, E, R> =>
  Effect.withFiber((fiber) => {
    const outer = fiber.context
    let lent: Use | undefined = undefined
    return Effect.onExitPrimitive(
      Effect.suspend(() => {
        if (handle.state._tag !== "Live") return Effect.die(refusal(handle, "use"))
        if (lifetime.state._tag !== "Live") return Effect.die(refusal(lifetime, "use"))
        const { context, mark } = insideOf(lifetime, outer)
        lent = enter(lifetime, fiber, mark)
        fiber.setContext(context)
        return f(lifetime.lent)
      }),
      () => {
        if (lent === undefined) return undefined
        fiber.setContext(outer)
        return leave(lent)
      }
    )
  })
