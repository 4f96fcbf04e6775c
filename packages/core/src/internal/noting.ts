// What a release says of itself, on its way to who watches it.
//
// 1. A release knows whom to tell only where someone watches: every other one takes no step for it.
// 2. A word belongs to the innermost release that is watched, whichever way that was begun: asked, forced or late.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Lifetime, observe } from "./lifetime.ts"
import { isExit } from "./shape.ts"

const Noting = Context.Reference<Lifetime | undefined>("@async-drop/core/Noting", { defaultValue: () => undefined })

/** A release that can say what is to be said of it; kept by 1. */
export const noting = (lifetime: Lifetime, release: Effect.Effect<unknown, unknown>) =>
  lifetime.meta?.observer === undefined || isExit(release)
    ? release
    : Effect.provideService(release, Noting, lifetime)

export const noted = (text: string): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const lifetime = fiber.getRef(Noting)
    if (lifetime !== undefined) observe(lifetime, (id, resource) => ({ _tag: "Noted", id, resource, text }))
    return Exit.void
  })
