// An owner keeps lifetimes in an intrusive list and releases them, last in first out.
//
// 1. A lifetime is linked until its release has ended.
// 2. A failing, throwing or dying release never stops the others.
// 3. Each release runs with the services of its acquire; what only the closer has is added to them.
// 4. Closing never fails, but for errors whose sink wants the owner to die of them: then with one
//    `DropFailure` for the whole list.
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import { closeHandled } from "./handle.ts"
import { isLease, type Lease, surrender } from "./lease.ts"
import { type AnyFiber, Handled, type Lifetime, type Owner } from "./lifetime.ts"
import { failureOf } from "./outcome.ts"
import { dropError, ended, now, start } from "./release.ts"
import { isExit } from "./shape.ts"
import { deliver } from "./sink.ts"

/** The newest lifetime is the tail. */
export class List implements Owner {
  tail: Lifetime | undefined = undefined
  readonly startedAt: bigint

  constructor(startedAt: bigint) {
    this.startedAt = startedAt
  }

  add(lifetime: Lifetime): void {
    lifetime.owner = this
    lifetime.prev = this.tail
    if (this.tail !== undefined) this.tail.next = lifetime
    this.tail = lifetime
  }

  remove(lifetime: Lifetime): void {
    if (lifetime.owner !== this) return
    if (lifetime.next === undefined) this.tail = lifetime.prev
    else lifetime.next.prev = lifetime.prev
    if (lifetime.prev !== undefined) lifetime.prev.next = lifetime.next
    lifetime.prev = lifetime.next = lifetime.owner = undefined
  }

  replace(old: Lifetime, next: Lifetime): void {
    next.owner = this
    next.prev = old.prev
    next.next = old.next
    if (old.prev !== undefined) old.prev.next = next
    if (old.next === undefined) this.tail = next
    else old.next.prev = next
    old.prev = old.next = old.owner = undefined
  }
}

/** What runs a close: its continuations serve the wait for each release, then it goes on by itself. */
export interface Closer<A, E> {
  closing: Closing<A, E> | undefined
  readonly onSuccess: (value: unknown) => Effect.Effect<A, E>
  readonly onFailure: (cause: Cause.Cause<unknown>) => Effect.Effect<A, E>
  /** Errors that the owner must die of are in `deaths`. */
  emptied(deaths: ReadonlyArray<DropError<unknown>>, exit: Exit.Exit<unknown, unknown>): Effect.Effect<A, E>
}

/** Closes in order, as a part of what `closer` runs. */
export const closeFor = <A, E>(
  list: List,
  exit: Exit.Exit<unknown, unknown>,
  fiber: AnyFiber,
  closer: Closer<A, E>
): Effect.Effect<A, E> => {
  closer.closing = new Closing(list, exit, fiber, closer)
  return closer.closing.next()
}

/** Closes for a scope that is not ours: with errors it must die of, it dies. */
export class Dying implements Closer<void, never> {
  closing: Closing<void, never> | undefined = undefined
  readonly onSuccess = (): Effect.Effect<void> => this.closing!.released()
  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> => this.closing!.failed(cause)
  emptied(deaths: ReadonlyArray<DropError<unknown>>, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return dieOf(deaths, exit)
  }
}

/**
 * Releases one lifetime where it stands, for `closer`; errors its owner must die of are put into `deaths`.
 */
export const closeOne = (
  lifetime: Lifetime,
  exit: Exit.Exit<unknown, unknown>,
  deaths: Array<DropError<unknown>>,
  closer: AnyFiber
): Effect.Effect<void> =>
  lifetime instanceof Handled
    ? closeHandled(lifetime, exit, deaths, closer)
    : isLease(lifetime)
    ? Effect.suspend(() => closeLease(lifetime, exit, deaths, closer))
    : Effect.withFiber((fiber) => {
      const base = lifetime.owner?.startedAt
      const begun = now(fiber)
      return Effect.matchCauseEffect(Effect.provideContext(start(lifetime, exit), lifetime.context), {
        onSuccess: () => {
          finish(lifetime, Exit.void)
          return Exit.void
        },
        onFailure: (cause) => {
          const error = dropError(lifetime, cause, { base: base ?? begun, start: begun, end: now(fiber) })
          deliver(lifetime.place, error, deaths)
          finish(lifetime, Exit.failCause(cause))
          return Exit.void
        }
      })
    })

const closeLease = (
  lease: Lease,
  exit: Exit.Exit<unknown, unknown>,
  deaths: Array<DropError<unknown>>,
  closer: AnyFiber
): Effect.Effect<void> => {
  surrender(lease)
  return lease.value.last === lease ? closeHandled(lease.value, exit, deaths, closer) : Exit.void
}

export const dieOf = (
  deaths: ReadonlyArray<DropError<unknown>>,
  exit: Exit.Exit<unknown, unknown>
): Exit.Exit<void> => {
  const failure = failureOf(deaths, 0, exit)
  return failure === undefined ? Exit.void : Exit.die(failure)
}

export const finish = (lifetime: Lifetime, exit: Exit.Exit<unknown, unknown>): void => {
  lifetime.owner?.remove(lifetime)
  ended(lifetime, exit)
}

// Releases that are over at once take no step of the run loop; after so many of them others get a turn.
const turn = 2048

/** One close in order: a loop that leaves itself only where a release has steps to run. */
export class Closing<A, E> {
  readonly list: List
  readonly exit: Exit.Exit<unknown, unknown>
  readonly fiber: AnyFiber
  readonly outer: Context.Context<never>
  readonly closer: Closer<A, E>
  readonly clock: Clock.Clock
  deaths: Array<DropError<unknown>> | undefined = undefined
  inner: Context.Context<never>
  begun = 0n

  constructor(list: List, exit: Exit.Exit<unknown, unknown>, fiber: AnyFiber, closer: Closer<A, E>) {
    this.list = list
    this.closer = closer
    this.exit = exit
    this.fiber = fiber
    this.clock = fiber.getRef(Clock.Clock)
    this.outer = this.inner = fiber.context
  }

  next(): Effect.Effect<A, E> {
    for (let i = 0; i < turn; i++) {
      const lifetime = this.list.tail
      if (lifetime === undefined) {
        this.within(this.outer)
        return this.closer.emptied(this.deaths ?? none, this.exit)
      }
      if (lifetime instanceof Handled) {
        this.within(this.outer)
        const closed = closeHandled(lifetime, this.exit, this.deaths ??= [], this.fiber)
        return Effect.flatMap(closed, () => this.next())
      }
      if (isLease(lifetime)) {
        surrender(lifetime)
        continue
      }
      this.within(lifetime.context)
      this.begun = this.clock.monotonicTimeNanosUnsafe()
      const effect = start(lifetime, this.exit)
      if (!isExit(effect)) return Effect.matchCauseEffect(effect, this.closer)
      if (effect._tag === "Success") finish(lifetime, Exit.void)
      else this.end(lifetime, effect.cause)
    }
    return Effect.flatMap(Effect.yieldNow, () => this.next())
  }

  released(): Effect.Effect<A, E> {
    finish(this.list.tail!, Exit.void) // the tail is the one that ran: nothing is added to a closing list
    return this.next()
  }

  failed(cause: Cause.Cause<unknown>): Effect.Effect<A, E> {
    this.end(this.list.tail!, cause) // as above
    return this.next()
  }

  end(lifetime: Lifetime, cause: Cause.Cause<unknown>): void {
    const times = { base: this.list.startedAt, start: this.begun, end: this.clock.monotonicTimeNanosUnsafe() }
    deliver(lifetime.place, dropError(lifetime, cause, times), this.deaths ??= [])
    finish(lifetime, Exit.failCause(cause))
  }

  /** Lifetimes acquired side by side share a context, so this is seldom more than a comparison. */
  within(context: Context.Context<never>): void {
    if (context === this.inner) return
    this.inner = context
    this.fiber.setContext(context === this.outer ? context : Context.merge(this.outer, context))
  }
}

const none: ReadonlyArray<DropError<unknown>> = []
