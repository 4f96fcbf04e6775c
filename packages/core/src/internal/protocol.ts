// The release that a value brings with it is read once, when the value is registered.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { DropUsageError } from "../DropUsageError.ts"
import { type Release, typeName } from "./lifetime.ts"

/** The value with its release, bound to it; a value without one is a mistake that is named at once. */
export const protocol = (value: unknown, key: symbol): Effect.Effect<readonly [value: unknown, release: Release]> =>
  Effect.suspend(() => {
    const method = Object(value)[key]
    if (typeof method !== "function") {
      const state = method === undefined ? "without a release of its own" : "given a release that is not a function"
      const resource = typeName(value) === "resource" ? `a value of type ${typeof value}` : typeName(value)
      return Effect.die(new DropUsageError({ resource, operation: "acquire", state }))
    }
    return Exit.succeed([value, (_, exit) => method.call(value, exit)] as const)
  })
