// What a fake acquire or release does, told as data.
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** `E` is what it can fail with. */
export type Act<E> =
  | { readonly _tag: "Succeed" }
  | { readonly _tag: "Fail"; readonly error: E }
  | { readonly _tag: "Die"; readonly defect: unknown }
  | { readonly _tag: "Throw"; readonly thrown: unknown }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "Sleep"; readonly duration: Duration.Input; readonly next: Act<E> }
  | { readonly _tag: "Wait"; readonly effect: Effect.Effect<unknown>; readonly next: Act<E> }

/** The act as an effect; `Throw` throws when the effect runs. */
export const perform = <E>(act: Act<E>): Effect.Effect<void, E> => {
  switch (act._tag) {
    case "Succeed":
      return Effect.void
    case "Fail":
      return Effect.fail(act.error)
    case "Die":
      return Effect.die(act.defect)
    case "Throw":
      return Effect.sync(() => {
        throw act.thrown
      })
    case "Hang":
      return Effect.never
    case "Sleep":
      return Effect.andThen(Effect.sleep(act.duration), perform(act.next))
    case "Wait":
      return Effect.andThen(act.effect, perform(act.next))
  }
}
