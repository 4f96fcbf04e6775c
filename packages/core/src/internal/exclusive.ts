// One holder at a time, first come first served: a lifetime and a semaphore of one permit.
//
// 1. The holder has the permit and a use of the lifetime, for which a drop waits; both end together.
// 2. A permit belongs to a scope of its own until its holder goes on: an interrupted waiter leaves none behind.
// 3. When the life ends, every waiter is woken at once, finds it ended, and is interrupted.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { AsyncDropGuard } from "../AsyncDropGuard.ts"
import { beginWait, endWait, findCycle, insideOf, warnIfLikely } from "./cycle.ts"
import type { Restore } from "./ending.ts"
import { type AnyFiber, enter, leave, Lifetime, Taken, type Use } from "./lifetime.ts"
import { refusal } from "./misuse.ts"
import { place, scopeOf } from "./place.ts"
import { asGuard } from "./taking.ts"

export class Exclusive extends Taken {
  readonly turns = Semaphore.makeUnsafe(1)
  waiting = 0

  /** With a permit for everyone, nobody waits. */
  override refuseWaiters(): Effect.Effect<void> {
    return this.turns.resize(Number.MAX_SAFE_INTEGER)
  }
}

/** Runs `f` with the value, in one's turn. */
export const inTurn = <B, E, R>(
  lifetime: Exclusive,
  f: (value: any) => Effect.Effect<B, E, R> // any: of the type that the mutex says
): Effect.Effect<B, E, R> =>
  awaitTurn(lifetime, "withLock", (fiber, giveBack, restore) => {
    const { context, mark } = insideOf(lifetime, fiber.context)
    const use = enter(lifetime, fiber, mark)
    const body = Effect.provideContext(Effect.suspend(() => f(lifetime.lent)), context)
    return Effect.onExit(restore(body), () => endTurn(use, giveBack))
  })

/** Takes a turn that lasts as long as the current scope. */
export const hold = <A>(lifetime: Exclusive): Effect.Effect<A, never, Scope.Scope> =>
  awaitTurn(lifetime, "lock", (fiber, giveBack) => held<A>(lifetime, fiber, giveBack))

/** As `hold`, where nobody holds it or waits for it. */
export const tryHold = <A>(lifetime: Exclusive): Effect.Effect<Option.Option<A>, never, Scope.Scope> =>
  Effect.uninterruptible(Effect.suspend(() => {
    if (lifetime.state._tag !== "Live" || lifetime.waiting > 0) return Effect.succeedNone
    return Effect.flatMap(lifetime.turns.takeIfAvailable(1), (taken) => {
      if (!taken) return Effect.succeedNone
      const giveBack = Effect.asVoid(lifetime.turns.release(1))
      return Effect.withFiber((fiber) =>
        lifetime.state._tag === "Live"
          ? Effect.asSome(held<A>(lifetime, fiber, giveBack))
          : Effect.andThen(giveBack, Effect.succeedNone)
      )
    })
  }))

/** Gives the resource away, in one's turn; who waits for a later one is interrupted. */
export const unwrapInTurn = <A, E>(
  lifetime: Exclusive
): Effect.Effect<AsyncDropGuard<A, E>, never, Scope.Scope> =>
  awaitTurn(lifetime, "unwrap", (fiber, giveBack) =>
    scopeOf(fiber).state._tag === "Closed"
      ? Effect.andThen(giveBack, Effect.interrupt)
      : Effect.tap(asGuard<A, E>(lifetime, "AsyncDropMutex.unwrap", fiber), () => lifetime.refuseWaiters()))

type GiveBack = Effect.Effect<void>

/** `run` is called in the step that has the permit, uninterruptibly. */
const awaitTurn = <A, E, R>(
  lifetime: Exclusive,
  operation: string,
  run: (fiber: AnyFiber, giveBack: GiveBack, restore: Restore) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      if (lifetime.state._tag === "Moved") return Effect.die(refusal(lifetime, operation))
      if (lifetime.state._tag !== "Live") return Effect.interrupt
      const cycle = findCycle(fiber, lifetime)
      if (cycle !== undefined) return Effect.die(cycle)
      const turn = Scope.makeUnsafe()
      const giveBack = Scope.close(turn, Exit.void)
      const taken = restore(Effect.provideService(lifetime.turns.takeScoped(1), Scope.Scope, turn))
      lifetime.waiting++
      beginWait(fiber, lifetime)
      const arrive = () => {
        lifetime.waiting--
        endWait(fiber)
      }
      const waiting = Effect.matchCauseEffect(taken, {
        onFailure: (cause) => {
          arrive()
          return Effect.andThen(giveBack, Effect.failCause(cause))
        },
        onSuccess: () => {
          arrive()
          return lifetime.state._tag === "Live"
            ? run(fiber, giveBack, restore)
            : Effect.andThen(giveBack, Effect.interrupt)
        }
      })
      return lifetime.uses === undefined
        ? waiting
        : Effect.andThen(warnIfLikely(fiber, lifetime, operation), waiting)
    })
  )

/** Holds the permit for the current scope. */
const held = <A>(lifetime: Exclusive, fiber: AnyFiber, giveBack: GiveBack): Effect.Effect<A> => {
  if (scopeOf(fiber).state._tag === "Closed") return Effect.andThen(giveBack, Effect.interrupt)
  return place(fiber, () => {
    const use = enter(lifetime, fiber, insideOf(lifetime, fiber.context).mark)
    return new Lifetime(use, () => endTurn(use, giveBack), fiber.context, undefined)
  }, () => lifetime.lent as A) // of the type that the mutex says
}

const endTurn = (use: Use, giveBack: GiveBack): Effect.Effect<void> => {
  const last = leave(use)
  return last === undefined ? giveBack : Effect.andThen(last, giveBack)
}
