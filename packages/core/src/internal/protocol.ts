// The release that a value brings with it is read once, when the value is registered.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Release } from "./lifetime.ts"
import { notDroppable } from "./misuse.ts"

/** The value with its release, bound to it; a value without one is a mistake that is named at once. */
export const protocol = (value: unknown, key: symbol): Effect.Effect<readonly [value: unknown, release: Release]> =>
  Effect.suspend(() => {
    const method = Object(value)[key]
    if (typeof method !== "function") return Effect.die(notDroppable(value, method))
    return Exit.succeed([value, (_, exit) => method.call(value, exit)] as const)
  })
