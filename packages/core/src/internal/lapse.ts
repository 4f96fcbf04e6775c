// A wait that a limit can end: for the uses of a resource, or for whoever ends it already.
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Limit } from "../DropTimeout.ts"
import type { Budget, Member } from "./budget.ts"
import type { AnyFiber } from "./lifetime.ts"

/** Which limit passed, and who imposed it. */
export interface Lapse {
  readonly limit: Limit
  readonly by: Budget | undefined
}

/** Waits until `begin` calls back, or for `millis`, or until the budget is spent. Uninterruptible. */
export const waiting = (
  begin: (over: () => void) => void,
  fiber: AnyFiber,
  clock: Clock.Clock,
  millis: number,
  budget: Budget | undefined
): Effect.Effect<Lapse | undefined> =>
  Effect.uninterruptible(Effect.callback((resume) => {
    let timer: AnyFiber | undefined = undefined
    let over = false
    const end = (lapse: Lapse | undefined): void => {
      if (over) return
      over = true
      budget?.remove(member)
      timer?.interruptUnsafe()
      resume(Effect.succeed(lapse))
    }
    const member: Member = {
      hurry: () => {},
      // Who is waited for may be about to end.
      giveUp: (by, atLast) => {
        if (atLast) end({ limit: "budget", by })
      }
    }
    begin(() => end(undefined))
    if (over) return
    budget?.add(member)
    if (over || millis === Infinity) return
    const lapse = Effect.andThen(
      clock.sleep(Duration.millis(millis)),
      Effect.sync(() => end({ limit: "timeout", by: undefined }))
    )
    timer = Effect.runForkWith(fiber.context)(lapse)
  }))
