// Time as processes have it: a test's clock does not hold them up.
import * as Effect from "effect/Effect"

/** A pause; `idle` ones do not keep this process alive. */
export const pause = (millis: number, idle = false): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const timer = setTimeout(() => resume(Effect.void), millis)
    if (idle) timer.unref()
    return Effect.sync(() => clearTimeout(timer))
  })

/** Waits until something holds, at most so long; whether it came to hold. */
export const within = Effect.fnUntraced(function*(millis: number, holds: Effect.Effect<boolean>) {
  const end = performance.now() + millis
  let step = 2
  while (!(yield* holds)) {
    const left = end - performance.now()
    if (left <= 0) return false
    yield* pause(Math.min(step, left))
    // Most children end at once; for those that do not, some of the time is enough.
    step = Math.min(step * 2, 50)
  }
  return true
})

/** Gives up waiting for an effect, and stops it, when the time is over. */
export const atMost = (millis: number, effect: Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.asVoid(Effect.raceFirst(Effect.interruptible(effect), pause(millis)))
