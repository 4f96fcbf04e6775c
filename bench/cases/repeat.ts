// Loops that cost next to nothing: what is measured is what they repeat.
import { Effect } from "effect"

/** `body` anew so many times, one after the other. */
export const repeat = <E, R>(times: number, body: () => Effect.Effect<unknown, E, R>): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    let left = times
    return Effect.whileLoop({ while: () => left-- > 0, body, step: () => {} })
  })

/** Work for bodies and releases that nothing can optimise away. */
export const counter = { value: 0 }

export const count = Effect.sync(() => {
  counter.value++
})

export const resolved: Promise<void> = Promise.resolve()

/** Ends in a later microtask. */
export const later = Effect.promise(() => resolved)
