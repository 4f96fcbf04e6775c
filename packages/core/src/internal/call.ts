// What the caller gave as a release is called: whatever it does, an effect comes of it.
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Lifetime, nameOf, type Release } from "./lifetime.ts"
import { notAnEffect } from "./misuse.ts"
import { isEffect } from "./shape.ts"

/** Calls a release; what it returned is still to be looked at. */
export const call = (release: Release, value: unknown, exit: Exit.Exit<unknown, unknown>): unknown => {
  // A suspended call would cost every release a step of the run loop.
  try {
    return release(value, exit)
  } catch (thrown) {
    return Exit.die(thrown)
  }
}

/** The answer to a release that returned something else. */
export const noEffect = (lifetime: Lifetime, returned: unknown): Exit.Exit<never> =>
  Exit.die(notAnEffect(nameOf(lifetime), returned))

/** Calls a release of a lifetime. */
export const invoke = (
  lifetime: Lifetime,
  release: Release,
  exit: Exit.Exit<unknown, unknown>
): Effect.Effect<unknown, unknown> => {
  const effect = call(release, lifetime.value, exit)
  // What a release asks for is in the context of its acquire.
  return isEffect(effect) ? effect as Effect.Effect<unknown, unknown> : noEffect(lifetime, effect)
}
