// What a handle can do with its lifetime: use it, drop it, give it away. The states and their rules
// are in lifetime.ts; this file runs the transitions.
//
// 1. A dropper returns only after the release has ended, uninterruptibly; so does everyone who joins.
// 2. The release's error is delivered once: to the droppers, if one of them was not interrupted, else
//    to the sink of the present owner.
// 3. Giving away waits interruptibly; it takes the resource in one synchronous step, or not at all.
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constTrue, constVoid } from "effect/Function"
import { MixedScheduler } from "effect/Scheduler"
import type { DropCycle } from "../DropCycle.ts"
import type { DropError } from "../DropError.ts"
import { type Closing, closingOf } from "./closing.ts"
import { asHeard, cutShort, isImposed } from "./cut-short.ts"
import { beginBoundWait, beginWait, endWait, findCycle, insideOf, mayWait, releasing, warnIfLikely } from "./cycle.ts"
import { pendingInterrupt, type Restore } from "./ending.ts"
import { dropError, reportBeside } from "./errors.ts"
import { type Lapse, waiting } from "./lapse.ts"
import { type Lease, stepAside, surrender } from "./lease.ts"
import {
  type AnyFiber,
  type Dropping,
  enter,
  type Handled,
  leave,
  type Lifetime,
  live,
  observe,
  type Reserved,
  type Use
} from "./lifetime.ts"
import { refusal } from "./misuse.ts"
import { ended, now, start } from "./release.ts"
import { deliver, deliverAway } from "./sink.ts"

/** Lends the value to `f`; a drop waits until it is given back. Through a lease, that must be held as well. */
export const use = <B, E, R>(
  lifetime: Handled,
  f: (value: any) => Effect.Effect<B, E, R>, // any: of the type that the guard says
  handle: Lifetime = lifetime
): Effect.Effect<B, E, R> =>
  Effect.withFiber((fiber) => {
    const outer = fiber.context
    let lent: Use | undefined = undefined
    return Effect.onExitPrimitive(
      Effect.suspend(() => {
        if (handle.state._tag !== "Live") return Effect.die(refusal(handle, "use"))
        if (lifetime.state._tag !== "Live") return Effect.die(refusal(lifetime, "use"))
        const { context, mark } = insideOf(lifetime, outer)
        lent = enter(lifetime, fiber, mark)
        fiber.setContext(context)
        return f(lifetime.lent)
      }),
      () => {
        if (lent === undefined) return undefined
        fiber.setContext(outer)
        return leave(lent)
      }
    )
  })

/**
 * Ends the life, or joins whoever is ending it; fails with the release's own error. `listening` says,
 * when that is known, whether someone still takes the error; `exit` is what the release is told.
 */
export const drop = (
  lifetime: Handled,
  listening: () => boolean = constTrue,
  exit: Exit.Exit<unknown, unknown> = Exit.void
): Effect.Effect<void, unknown> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => end(lifetime, fiber, restore, listening, exit, constVoid))
  )

/** Gives a lease up; who gives up the last one ends the life, and who asks again joins that. */
export const dropLease = (
  lease: Lease,
  listening: () => boolean = constTrue,
  exit: Exit.Exit<unknown, unknown> = Exit.void
): Effect.Effect<void, unknown> =>
  Effect.suspend(() =>
    stepAside(lease) ? Exit.void : Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        if (stepAside(lease)) return Exit.void // others may have come since
        if (lease.state._tag === "Moved") return Effect.die(refusal(lease, "drop"))
        return end(lease.value, fiber, restore, listening, exit, () => surrender(lease))
      })
    )
  )

/** `begins` runs in the step that begins the drop. */
const end = (
  lifetime: Handled,
  fiber: AnyFiber,
  restore: Restore,
  listening: () => boolean,
  exit: Exit.Exit<unknown, unknown>,
  begins: () => void
): Effect.Effect<void, unknown> => {
  const state = lifetime.state
  switch (state._tag) {
    case "Dropped":
      return Effect.asVoid(lifetime.heard(state.exit))
    case "Moved":
      return Effect.die(refusal(lifetime, "drop"))
    case "Dropping":
      return orCycle(fiber, lifetime, "drop", () => {
        state.claims++
        return Effect.andThen(awaitEnded(lifetime, state, fiber), claim(lifetime, state, restore, listening))
      })
    case "Live":
    case "Reserved":
      return orCycle(fiber, lifetime, "drop", () => {
        begins()
        const dropping = takeOver(lifetime)
        dropping.claims++ // one who was refused may have joined already
        return Effect.andThen(
          endLife(lifetime, dropping, exit, fiber),
          claim(lifetime, dropping, restore, listening)
        )
      })
  }
}

/** Drops as far as it goes synchronously; where that is not to the end, the error is the owner's. */
export const dropSync = (lifetime: Handled): Exit.Exit<void, unknown> | undefined => {
  let listening = true
  const scheduler = new MixedScheduler("sync")
  const fiber = Effect.runForkWith(lifetime.services)(drop(lifetime, () => listening), { scheduler })
  fiber.currentDispatcher.flush()
  listening = false
  return fiber.pollUnsafe()
}

/**
 * The owner's way to end a life: errors go to the sink, those it must die of into `deaths`. The closer is
 * another fibre than this one where releases run side by side.
 */
export const closeHandled = (
  lifetime: Handled,
  exit: Exit.Exit<unknown, unknown>,
  deaths: Array<DropError<unknown>>,
  closer: AnyFiber
): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const state = lifetime.state
    if (state._tag === "Dropped" || state._tag === "Moved") {
      lifetime.owner?.remove(lifetime) // or its owner would never be done
      return Effect.void
    }
    const waits = mayWait(lifetime)
    const cycle = waits ? findCycle(closer, lifetime) ?? findCycle(fiber, lifetime) : undefined
    if (cycle !== undefined) return letGo(lifetime, exit, cycle, deaths, fiber)
    if (waits) beginBoundWait(fiber, lifetime)
    const closing = state._tag === "Dropping"
      ? awaitSettled(lifetime, state, fiber, deaths)
      : closeNow(lifetime, exit, deaths, fiber)
    return waits ? Effect.andThen(warnIfLikely(closer, lifetime, "close"), closing) : closing
  }))

const closeNow = (
  lifetime: Handled,
  exit: Exit.Exit<unknown, unknown>,
  deaths: Array<DropError<unknown>>,
  fiber: AnyFiber
): Effect.Effect<void> => {
  const dropping = takeOver(lifetime)
  return settledFor(lifetime, dropping, deaths, endLife(lifetime, dropping, exit, fiber))
}

/**
 * Waits for the uses begun, refusing new ones, then lets `commit` take the resource. Both ways end in a
 * `sync` that no frame follows which could be interrupted: under a caller's `uninterruptibleMask` what
 * `commit` gives arrives, or it has not run.
 */
export const reserve = <A>(lifetime: Handled, operation: string, commit: (fiber: AnyFiber) => A): Effect.Effect<A> =>
  Effect.withFiber((fiber) => {
    if (lifetime.state._tag !== "Live") return Effect.die(refusal(lifetime, operation))
    if (lifetime.uses === undefined) {
      return Effect.catchCause(
        Effect.sync(() => {
          // A yield may have come between the check and this step.
          if (lifetime.state._tag !== "Live" || lifetime.uses !== undefined) throw changed
          return commit(fiber)
        }),
        (cause) => Cause.squash(cause) === changed ? reserve(lifetime, operation, commit) : Effect.failCause(cause)
      )
    }
    const cycle = findCycle(fiber, lifetime)
    if (cycle !== undefined) return Effect.die(cycle)
    return Effect.andThen(warnIfLikely(fiber, lifetime, operation), awaitTurn(lifetime, operation, commit, fiber))
  })

const changed = Symbol("@async-drop/core/changed")

const awaitTurn = <A>(
  lifetime: Handled,
  operation: string,
  commit: (fiber: AnyFiber) => A,
  fiber: AnyFiber
): Effect.Effect<A> =>
  Effect.callback((resume) => {
    if (lifetime.state._tag !== "Live" || lifetime.uses === undefined) {
      return resume(reserve(lifetime, operation, commit))
    }
    const cycle = findCycle(fiber, lifetime)
    if (cycle !== undefined) return resume(Effect.die(cycle))
    const reserved: Reserved = {
      _tag: "Reserved",
      operation,
      refuse: () => {
        endWait(fiber)
        resume(Effect.suspend(() => Effect.die(refusal(lifetime, operation))))
      }
    }
    const backToLive = () => {
      endWait(fiber)
      if (lifetime.state !== reserved) return
      lifetime.state = live
      lifetime.drained = undefined
    }
    lifetime.state = reserved
    beginWait(fiber, lifetime)
    lifetime.drained = () =>
      void resume(Effect.sync(() => {
        if (lifetime.state !== reserved) throw refusal(lifetime, operation)
        backToLive()
        return commit(fiber)
      }))
    return Effect.sync(backToLive)
  })

/** `transition` changes the state at once and returns what is left to do. */
const orCycle = <A, E>(
  fiber: AnyFiber,
  lifetime: Handled,
  operation: string,
  transition: () => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  if (!mayWait(lifetime)) return transition()
  const cycle = findCycle(fiber, lifetime)
  if (cycle !== undefined) return Effect.die(cycle)
  beginBoundWait(fiber, lifetime)
  const waiting = transition()
  return Effect.andThen(warnIfLikely(fiber, lifetime, operation), waiting)
}

/** From Live or Reserved to Dropping. */
export const takeOver = (lifetime: Handled): Dropping => {
  const state = lifetime.state
  const dropping: Dropping = {
    _tag: "Dropping",
    fiber: undefined,
    exit: undefined,
    error: undefined,
    claims: 0,
    ended: undefined,
    settled: undefined
  }
  lifetime.state = dropping
  if (state._tag === "Reserved") state.refuse()
  return dropping
}

/** Waits for the uses and runs the release, as far as the limits let it. */
const endLife = (
  lifetime: Handled,
  dropping: Dropping,
  exit: Exit.Exit<unknown, unknown>,
  fiber: AnyFiber
): Effect.Effect<void> => {
  const refusing = lifetime.refuseWaiters()
  if (lifetime.uses === undefined && refusing === undefined) {
    endWait(fiber) // no use begins any more
    return release(lifetime, dropping, exit, 0)
  }
  const clock = fiber.getRef(Clock.Clock)
  const begun = clock.monotonicTimeNanosUnsafe()
  const closing = closingOf(fiber)
  const timeout = lifetime.meta?.limits?.timeout ?? Infinity
  const drained = Effect.flatMap(
    waiting(
      (over) => {
        if (lifetime.uses === undefined) return over()
        lifetime.drained = () => void over()
        observe(lifetime, (id, resource) => ({ _tag: "Waiting", id, resource, for: ["its uses"] }))
      },
      fiber,
      clock,
      timeout,
      closing?.budget
    ),
    (lapse) => {
      endWait(fiber)
      if (lapse !== undefined) return outlasted(lifetime, dropping, exit, lapse, begun, clock, closing)
      // Only a limit needs to know how long it was.
      const waited = timeout === Infinity ? 0 : Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6
      return release(lifetime, dropping, exit, waited)
    }
  )
  return refusing === undefined ? drained : Effect.andThen(refusing, drained)
}

/** A use outlasts the limit: the resource is given up on, and released, late, by who leaves last. */
const outlasted = (
  lifetime: Handled,
  dropping: Dropping,
  exit: Exit.Exit<unknown, unknown>,
  { by, limit }: Lapse,
  begun: bigint,
  clock: Clock.Clock,
  closing: Closing | undefined
): Effect.Effect<void> => {
  const base = lifetime.owner?.startedAt ?? lifetime.startedAt
  const result = cutShort(lifetime, limit, "abandoned", by)
  const close = closing === undefined ? {} : { close: closing.id }
  observe(lifetime, (id, resource) => ({ _tag: "Abandoned", id, resource, limit, ...close }))
  dropping.exit = asHeard(lifetime, result)
  dropping.error = dropError(lifetime, result.cause, { base, start: begun, end: clock.monotonicTimeNanosUnsafe() })
  by?.deliver(dropping.error)
  lifetime.drained = () => releaseLate(lifetime, exit, base)
  ended(lifetime, result)
  if (dropping.ended !== undefined) Deferred.doneUnsafe(dropping.ended, Exit.void)
  return Effect.void
}

const releaseLate = (lifetime: Handled, exit: Exit.Exit<unknown, unknown>, base: bigint): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const begun = clock.monotonicTimeNanosUnsafe()
    const started = Effect.provideContext(start(lifetime, exit, clock, undefined), lifetime.services)
    return Effect.map(Effect.exit(started), (result) => {
      observe(lifetime, (id, resource) => ({ _tag: "Late", id, resource, phase: "graceful", exit: result }))
      const times = { base, start: begun, end: clock.monotonicTimeNanosUnsafe() }
      reportBeside(lifetime, "graceful", result, times, true)
    })
  })

/** Ends an uninterruptible wait that `beginWait` announced, if one did. */
const waited = (fiber: AnyFiber, wait: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.map(wait, () => endWait(fiber))

/** Runs the release, once. Afterwards the lifetime is settled, or its error waits to be delivered. */
const release = (
  lifetime: Handled,
  dropping: Dropping,
  exit: Exit.Exit<unknown, unknown>,
  waited: number
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const closing = closingOf(fiber)
    const begun = clock.monotonicTimeNanosUnsafe()
    const { context, mark } = releasing(lifetime, fiber)
    const services = closing === undefined ? context : closing.around(lifetime, context)
    dropping.fiber = fiber
    const started = Effect.provideContext(start(lifetime, exit, clock, closing, waited), services)
    return Effect.flatMap(Effect.exit(started), (result) => {
      const base = lifetime.owner?.startedAt ?? lifetime.startedAt
      mark.active = 0
      dropping.fiber = undefined
      dropping.exit = asHeard(lifetime, result)
      ended(lifetime, result)
      if (result._tag === "Success") settle(lifetime, dropping)
      else {
        const times = { base, start: begun, end: clock.monotonicTimeNanosUnsafe() }
        dropping.error = dropError(lifetime, result.cause, times)
      }
      if (dropping.ended !== undefined) Deferred.doneUnsafe(dropping.ended, Exit.void)
      return Effect.void
    })
  })

/** Runs the release for an owner, who gets the error unless a dropper joined. */
export const settledFor = (
  lifetime: Handled,
  dropping: Dropping,
  deaths: Array<DropError<unknown>>,
  life: Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.flatMap(life, () => {
    if (lifetime.state !== dropping) return Effect.void
    if (dropping.claims > 0) return Effect.withFiber((fiber) => awaitSettled(lifetime, dropping, fiber, deaths))
    take(lifetime, dropping, deaths)
    settle(lifetime, dropping)
    return Effect.void
  })

/** The owner takes an error that no dropper took. */
const take = (lifetime: Handled, dropping: Dropping, deaths: Array<DropError<unknown>>): void => {
  const error = dropping.error
  dropping.error = undefined
  if (error === undefined || isImposed(lifetime, error)) return
  lifetime.scatter(error, (context, each) => deliver(context, each, deaths))
}

/**
 * A dropper takes the error, unless it was interrupted. The last who could not leaves it to the owner, if
 * that is waiting, else to the sink.
 */
export const claim = (
  lifetime: Handled,
  dropping: Dropping,
  restore: Restore,
  listening: () => boolean
): Effect.Effect<void, unknown> =>
  Effect.suspend(() => {
    const exit = dropping.exit! // the release has ended
    if (exit._tag === "Success") return Effect.void
    return Effect.flatMap(pendingInterrupt(restore), (interrupt) => {
      const delivered = interrupt === undefined && listening()
      if (lifetime.state === dropping && (delivered || --dropping.claims === 0)) {
        if (delivered) dropping.error = undefined
        else if (dropping.settled === undefined) takeAway(lifetime, dropping)
        settle(lifetime, dropping)
      }
      return interrupt === undefined ? Effect.asVoid(lifetime.heard(exit)) : Effect.failCause(interrupt)
    })
  })

/** As `take`, where there is no owner that could die of it. */
const takeAway = (lifetime: Handled, dropping: Dropping): void => {
  const error = dropping.error
  dropping.error = undefined
  if (error === undefined || isImposed(lifetime, error)) return
  lifetime.scatter(error, deliverAway)
}

/**
 * The owner is being closed from inside a use or a release of its own resource. Waiting would never
 * end: the owner gets the cycle as its error, and the release runs when the last use leaves.
 */
const letGo = (
  lifetime: Handled,
  exit: Exit.Exit<unknown, unknown>,
  cycle: DropCycle,
  deaths: Array<DropError<unknown>>,
  fiber: AnyFiber
): Effect.Effect<void> => {
  const at = now(fiber)
  const base = lifetime.owner?.startedAt ?? lifetime.startedAt
  const error = dropError(lifetime, Cause.die(cycle), { base, start: at, end: at })
  lifetime.owner?.remove(lifetime)
  const last = lifetime.state._tag === "Dropping" ? undefined : releaseLast(lifetime, exit)
  // Delivering runs others, who may end the last use meanwhile.
  deliver(lifetime.context, error, deaths)
  return last ?? Effect.void
}

/** Leaves the release to who ends the last use; gives it back where that has happened already. */
const releaseLast = (lifetime: Handled, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
  let run = false
  const released = Effect.suspend(() => {
    const dropping = lifetime.state
    if (run || dropping._tag !== "Dropping") return Effect.void
    run = true
    const late: Array<DropError<unknown>> = []
    return Effect.map(settledFor(lifetime, dropping, late, release(lifetime, dropping, exit, 0)), () => {
      for (const error of late) deliverAway(lifetime.context, error)
    })
  })
  lifetime.drained = () => released
  takeOver(lifetime)
  const last = Effect.suspend(() => lifetime.uses === undefined ? released : Effect.void)
  const refusing = lifetime.refuseWaiters()
  return refusing === undefined ? last : Effect.andThen(refusing, last)
}

const awaitEnded = (lifetime: Handled, dropping: Dropping, fiber: AnyFiber): Effect.Effect<void> =>
  waited(
    fiber,
    Effect.suspend(() => {
      if (dropping.exit !== undefined) return Effect.void
      dropping.ended ??= Deferred.makeUnsafe()
      return Deferred.await(dropping.ended)
    })
  )

const awaitSettled = (
  lifetime: Handled,
  dropping: Dropping,
  fiber: AnyFiber,
  deaths: Array<DropError<unknown>>
): Effect.Effect<void> => {
  const clock = fiber.getRef(Clock.Clock)
  const begun = clock.monotonicTimeNanosUnsafe()
  const settled = waiting(
    (over) => {
      if (lifetime.state !== dropping) return over()
      dropping.settled = over
    },
    fiber,
    clock,
    Infinity,
    closingOf(fiber)?.budget
  )
  return Effect.map(settled, (lapse) => {
    endWait(fiber)
    if (lapse === undefined) return take(lifetime, dropping, deaths)
    // Whoever drops it goes on, and has its error.
    dropping.settled = undefined
    const base = lifetime.owner?.startedAt ?? lifetime.startedAt
    const { cause } = cutShort(lifetime, lapse.limit, "abandoned", lapse.by)
    const times = { base, start: begun, end: clock.monotonicTimeNanosUnsafe() }
    lapse.by?.deliver(dropError(lifetime, cause, times))
    lifetime.owner?.remove(lifetime)
  })
}

/** What is to be delivered has been. */
export const settle = (lifetime: Handled, dropping: Dropping): void => {
  lifetime.state = { _tag: "Dropped", exit: dropping.exit! } // settled after the release has ended
  lifetime.owner?.remove(lifetime)
  dropping.settled?.()
}
