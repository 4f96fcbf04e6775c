// What is still moving when a test has ended gets some real time to come to rest: a fibre that was
// interrupted, a promise that is being handled.
import * as Effect from "effect/Effect"
import type { Watch } from "./watch.ts"

// Taken now, so that fake timers of a test do not stop us.
const { clearTimeout, setTimeout } = globalThis

const pauses = [0, 0, 0, 1, 5, 10, 25, 60]

/** Waits until nothing moves, for 100 ms at most; a test that left nothing behind does not wait. */
export const settle = (watch: Watch): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (const pause of pauses) {
      if (!moving(watch)) return
      yield* sleep(pause)
    }
  })

const moving = (watch: Watch): boolean =>
  watch.pending > 0 || watch.fibers.size > 0 ||
  [...watch.resources.values()].some((resource) => resource.state === "Dropping")

const sleep = (milliseconds: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.void), milliseconds)
    return Effect.sync(() => clearTimeout(timer))
  })
