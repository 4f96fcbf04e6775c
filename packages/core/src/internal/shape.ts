// What a value is, asked where each nanosecond counts. `Effect.isEffect` and `Exit.isExit` look for a
// property by `in`, which V8 does not cache where it meets effects of many shapes; reading it does.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

export const isEffect = (value: unknown): value is Effect.Effect<unknown, unknown, unknown> =>
  (value as Partial<Effect.Effect<unknown>> | null | undefined)?.[Effect.TypeId] !== undefined

/** Others may have such a tag too, so a match is looked at twice. */
export const isExit = <A, E>(effect: Effect.Effect<A, E, any>): effect is Exit.Exit<A, E> => {
  const tag = (effect as Partial<Exit.Exit<A, E>>)._tag
  return (tag === "Success" || tag === "Failure") && Exit.isExit(effect)
}
