// Waiting for a lock: first for one's turn among the fibres of this thread, then for the kernel.
//
// 1. Of one lock, one fibre of this thread at a time asks the kernel: the one whose turn it is.
// 2. What a wait has got is known outside of it, so that an interrupt or a limit that comes in the same
//    moment loses nothing: interrupted, it is given back; at the limit, it is taken.
// 3. The turn lasts as long as the lock is held, and is left after the lock was let go.
import { DropCycle } from "@async-drop/core/DropCycle"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { ask, Asking, type Held, holderOf, letGo, locate } from "./lock-file.ts"
import { type LockReleaseError, LockTimeout, type LockUnavailable } from "./lock-model.ts"
import * as Turns from "./turns.ts"

export interface Claim {
  readonly held: Held
  readonly turn: Turns.Turn
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A wait learns of a free lock within 4 ms, and costs a few percent of a core. */
const polling = Schedule.jittered(Schedule.min([Schedule.exponential("1 millis", 1.5), Schedule.spaced("3 millis")]))

/** Called uninterruptibly; `restore` lets the waiting be interrupted. */
export const claim = (
  path: string,
  name: string,
  limit: Duration.Duration,
  restore: Restore
): Effect.Effect<Claim, LockTimeout | LockUnavailable> =>
  Effect.withFiber((fiber) =>
    Effect.flatMap(locate(path), (place) => {
      if (Turns.first(place.real)?.fiber === fiber.id) return Effect.die(new DropCycle({ chain: [path, path] }))
      const turn = Turns.enter(place.real, fiber.id)
      const asking = new Asking(place)
      let held: Held | undefined
      const once = Effect.uninterruptible(Effect.map(ask(asking, name), (got) => {
        held = got
        return got !== undefined
      }))
      const wait = Effect.andThen(turn.arrival, Effect.repeat(once, { schedule: polling, until: (got) => got }))
      return Effect.gen(function*() {
        // Asked once before any waiting: a free lock costs no fibre, and a limit of zero is no refusal.
        if (turn.isFirst) yield* once
        if (held === undefined) yield* restore(Effect.timeoutOption(wait, limit))
        if (held !== undefined) return { held, turn }
        return yield* new LockTimeout({ path, limit, holder: yield* holderOf(place) })
      }).pipe(
        Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : giveUp(held, asking, turn))
      )
    })
  )

/** As `claim`, where nobody has it or waits for it here. */
export const claimNow = (path: string, name: string): Effect.Effect<Claim | undefined, LockUnavailable> =>
  Effect.withFiber((fiber) =>
    Effect.flatMap(locate(path), (place) => {
      if (Turns.first(place.real) !== undefined) return Effect.undefined
      const turn = Turns.enter(place.real, fiber.id)
      const asking = new Asking(place)
      return ask(asking, name).pipe(
        Effect.map((held) => held && { held, turn }),
        Effect.onExit((exit) =>
          Exit.isSuccess(exit) && exit.value !== undefined ? Effect.void : giveUp(undefined, asking, turn)
        )
      )
    })
  )

export const release = ({ held, turn }: Claim): Effect.Effect<void, LockReleaseError> =>
  Effect.ensuring(letGo(held), Effect.sync(() => turn.leave()))

const giveUp = (held: Held | undefined, asking: Asking, turn: Turns.Turn): Effect.Effect<void> =>
  Effect.ensuring(
    held === undefined ? Effect.sync(() => asking.close()) : Effect.ignore(letGo(held)),
    Effect.sync(() => turn.leave())
  )
