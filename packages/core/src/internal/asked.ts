// A drop of a key that is asked for, with its value in hand: from the question to the answer.
//
// 1. Nobody asks who is waited for by what he asks for.
// 2. What is asked for goes on without its asker; who goes early leaves its errors to the reporter.
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { scoped } from "../AsyncDrop.ts"
import type { AsyncDropGuard } from "../AsyncDropGuard.ts"
import { findCycle } from "./cycle.ts"
import { pendingInterrupt } from "./ending.ts"
import { GuardImpl } from "./guard.ts"
import * as handle from "./handle.ts"
import { InHand } from "./in-hand.ts"
import type { Instance } from "./instance.ts"
import type { Handled } from "./lifetime.ts"
import { place } from "./place.ts"
import type { ConcurrentStore } from "./store.ts"
import { giveAway } from "./taking.ts"

const takes = "ConcurrentStore.requestImmediateDrop"

/** Where a drop was asked for already, `already` makes the error, with what waits for that one. */
export const asked = <A, DE, B, E2, R2, E3>(
  contents: ConcurrentStore,
  key: unknown,
  f: (guard: Option.Option<AsyncDropGuard<A, DE>>) => Effect.Effect<B, E2, R2>,
  already: (message: string, first: Effect.Effect<void>) => E3
): Effect.Effect<B, any> =>
  // any: what the release fails with is in the type of the store
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber): Effect.Effect<B, any> => { // any: as above
      if (contents.closing) return Effect.interrupt
      const keyed = contents.use(key)
      const cycle = findCycle(fiber, keyed)
      if (cycle !== undefined) return Effect.die(cycle)
      const request = keyed.ask((instance) => inHand(instance, f), fiber)
      if (request === undefined) {
        const waits = keyed.request?.untilAnswered ?? Effect.void
        return Effect.fail(already(`a drop of ${keyed.label} was asked for already`, waits))
      }
      // It may have begun, and wait for this fibre already.
      const unheard = request.exit === undefined ? findCycle(fiber, keyed) : undefined
      if (unheard !== undefined) {
        request.leaveUnheard(fiber.context)
        return Effect.die(unheard)
      }
      const answer = request.answered(fiber, restore) as Effect.Effect<B, unknown> // what `inHand` comes to
      return Effect.flatMap(Effect.exit(answer), (exit) => {
        return Effect.flatMap(pendingInterrupt(restore), (interrupt) => {
          if (interrupt === undefined) return exit
          request.leaveUnheard(fiber.context)
          return Effect.failCause(interrupt)
        })
      })
    })
  )

/** Runs what was asked for when the uses begun have ended, and drops what it leaves. */
const inHand = <A, DE, B, E2, R2>(
  instance: Instance | undefined,
  f: (guard: Option.Option<AsyncDropGuard<A, DE>>) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E2> =>
  // It runs with the services of its caller, and the caller's type says what the release may fail with.
  (instance === undefined ? Effect.suspend(() => f(Option.none())) : scoped(
    Effect.flatMap(
      Effect.flatten(handle.reserve(instance, takes, (fiber) =>
        place(fiber, () => {
          giveAway(instance, takes)
          return new InHand(instance, fiber.context)
        }, (lifetime: Handled) => new GuardImpl<A, DE>(lifetime)))),
      (guard) => f(Option.some(guard))
    )
  )) as Effect.Effect<B, E2> // as above
