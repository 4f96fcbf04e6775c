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
import { fromCause } from "../DropFailure.ts"
import { closeHandled } from "./close-handled.ts"
import { Closing, closingOf } from "./closing.ts"
import { cutOf, isImposed } from "./cut-short.ts"
import { dropError, type Times } from "./errors.ts"
import { isLease, type Lease, neededBy, surrender } from "./lease.ts"
import { type AnyFiber, Handled, type Lifetime, nameOf, type Owner } from "./lifetime.ts"
import { failureOf } from "./outcome.ts"
import { ended, start } from "./release.ts"
import { isExit } from "./shape.ts"
import { deliver } from "./sink.ts"

/** The newest lifetime is the tail. */
export class List implements Owner {
  tail: Lifetime | undefined = undefined
  /** The newest that a close of several at once has not come to. */
  cursor: Lifetime | undefined = undefined
  /** Whether anything that was in it depends on another. */
  depends = false
  readonly startedAt: bigint

  constructor(startedAt: bigint) {
    this.startedAt = startedAt
  }

  link(lifetime: Lifetime): void {
    lifetime.owner = this
    if (neededBy(lifetime).length > 0) this.depends = true
    lifetime.prev = this.tail
    if (this.tail !== undefined) this.tail.next = lifetime
    this.tail = lifetime
  }

  remove(lifetime: Lifetime): void {
    if (lifetime.owner !== this) return
    if (lifetime === this.cursor) this.cursor = lifetime.prev
    if (lifetime.next === undefined) this.tail = lifetime.prev
    else lifetime.next.prev = lifetime.prev
    if (lifetime.prev !== undefined) lifetime.prev.next = lifetime.next
    lifetime.prev = lifetime.next = lifetime.owner = undefined
  }

  replace(old: Lifetime, next: Lifetime): void {
    next.owner = this
    if (old === this.cursor) this.cursor = next
    next.prev = old.prev
    next.next = old.next
    if (old.prev !== undefined) old.prev.next = next
    if (old.next === undefined) this.tail = next
    else old.next.prev = next
    old.prev = old.next = old.owner = undefined
  }
}

/** Closes in order; `conclude` gets the errors that the owner must die of. */
export const closeInOrder = <A, E>(
  list: List,
  exit: Exit.Exit<unknown, unknown>,
  fiber: AnyFiber,
  closing: Closing | undefined,
  conclude: Conclude<A, E>
): Effect.Effect<A, E> => new InOrder(list, exit, fiber, closing, conclude).run()

/** The one lifetime of a list, if that has a release and no handle: then no one else can move it. */
export const loneIn = (list: List): Lifetime | undefined => {
  const lifetime = list.tail
  if (lifetime === undefined || lifetime.prev !== undefined) return undefined
  return lifetime instanceof Handled || isLease(lifetime) ? undefined : lifetime
}

/** `deaths` are errors that the owner must die of; of `beyond` more there is only the number. */
export type Conclude<A, E> = (
  deaths: ReadonlyArray<DropError<unknown>>,
  exit: Exit.Exit<unknown, unknown>,
  beyond: number
) => Effect.Effect<A, E>

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
      const clock = fiber.getRef(Clock.Clock)
      const closing = closingOf(fiber)
      const begun = clock.monotonicTimeNanosUnsafe()
      const base = lifetime.owner?.startedAt ?? begun
      const context = closing === undefined ? lifetime.context : closing.within(lifetime.context)
      return Effect.matchCauseEffect(Effect.provideContext(start(lifetime, exit, clock, closing), context), {
        onSuccess: () => {
          finish(lifetime, Exit.void)
          return Exit.void
        },
        onFailure: (cause) => {
          failed(lifetime, cause, { base, start: begun, end: clock.monotonicTimeNanosUnsafe() }, deaths)
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
  exit: Exit.Exit<unknown, unknown>,
  beyond: number
): Exit.Exit<void> => {
  const failure = failureOf(deaths, beyond, exit)
  return failure === undefined ? Exit.void : Exit.die(failure)
}

export const finish = (lifetime: Lifetime, exit: Exit.Exit<unknown, unknown>): void => {
  lifetime.owner?.remove(lifetime)
  ended(lifetime, exit)
}

/** Gives the error of a failed release to where it belongs: to its sink, or to who has cut it short. */
export const failed = (
  lifetime: Lifetime,
  cause: Cause.Cause<unknown>,
  times: Times,
  deaths: Array<DropError<unknown>>
): void => {
  const error = dropError(lifetime, cause, times)
  if (!isImposed(lifetime, error)) deliver(lifetime.place, error, deaths)
  finish(lifetime, Exit.failCause(cause))
}

/** What was given up on as a lifetime ended: itself, or what it owned. */
export const abandonedIn = (lifetime: Lifetime, cause: Cause.Cause<unknown>): ReadonlyArray<string> => {
  if (cutOf(lifetime, cause)?.phase === "abandoned") return [nameOf(lifetime)]
  if (lifetime.composition === "one") return []
  const owned = fromCause(cause)
  if (owned._tag === "None") return []
  return owned.value.errors.filter(({ phase }) => phase === "abandoned").map(({ resource }) => resource)
}

/** What a lifetime with a handle failed with, once it has ended. */
export const failureIn = (lifetime: Handled | undefined): Cause.Cause<unknown> | undefined =>
  lifetime?.state._tag === "Dropped" && lifetime.state.exit._tag === "Failure" ? lifetime.state.exit.cause : undefined

// Releases that are over at once take no step of the run loop; after so many of them others get a turn.
const turn = 2048

/** One close in order: a single loop for all releases, left only where one fails, and then entered again. */
class InOrder<A, E> {
  readonly list: List
  readonly exit: Exit.Exit<unknown, unknown>
  readonly fiber: AnyFiber
  readonly outer: Context.Context<never>
  readonly clock: Clock.Clock
  readonly conclude: Conclude<A, E>
  readonly loop: Effect.Effect<void, unknown> = Effect.whileLoop(this)
  inner: Context.Context<never> | undefined
  /** What steps of the run loop are taken for; none while a lifetime with a handle ends by itself. */
  current: Lifetime | undefined = undefined
  handled: Handled | undefined = undefined
  begun = 0n
  deaths: Array<DropError<unknown>> | undefined = undefined
  closing: Closing | undefined
  /** Begun here, for those who ask what was given up on. */
  late: Closing | undefined = undefined

  constructor(
    list: List,
    exit: Exit.Exit<unknown, unknown>,
    fiber: AnyFiber,
    closing: Closing | undefined,
    conclude: Conclude<A, E>
  ) {
    this.list = list
    this.exit = exit
    this.fiber = fiber
    this.outer = fiber.context
    this.inner = closing === undefined ? this.outer : undefined
    this.clock = fiber.getRef(Clock.Clock)
    this.closing = closing
    this.conclude = conclude
  }

  run(): Effect.Effect<A, E> {
    return Effect.matchCauseEffect(this.loop, this)
  }

  readonly onSuccess = (): Effect.Effect<A, E> => {
    this.leave()
    return this.conclude(this.deaths ?? none, this.exit, 0)
  }

  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<A, E> => {
    if (this.current === undefined) {
      this.leave()
      // What ends by itself fails with no error of its type.
      return Exit.failCause(cause as Cause.Cause<never>)
    }
    this.end(this.current, cause)
    return this.run()
  }

  private leave(): void {
    this.fiber.setContext(this.outer)
    this.late?.end()
  }

  while(): boolean {
    return this.list.tail !== undefined
  }

  /** Runs releases that are over at once, up to one that has steps to run. */
  body(): Effect.Effect<unknown, unknown> {
    for (let i = 0; i < turn; i++) {
      const lifetime = this.list.tail
      if (lifetime === undefined) return Exit.void
      if (lifetime instanceof Handled) {
        this.within(this.outer)
        const deaths = this.deaths ??= []
        const end = lifetime.endHere(this.fiber, this.exit, deaths)
        if (end === Exit.void) continue
        this.handled = lifetime
        // Who ends it has taken it over by now: it is not left half way.
        return end === undefined ? closeHandled(lifetime, this.exit, deaths, this.fiber) : Effect.uninterruptible(end)
      }
      if (isLease(lifetime)) {
        surrender(lifetime)
        continue
      }
      this.within(lifetime.context)
      const effect = start(lifetime, this.exit, this.clock, this.closing)
      if (!isExit(effect)) {
        this.begun = this.clock.monotonicTimeNanosUnsafe()
        this.current = lifetime
        return effect
      }
      if (effect._tag === "Success") finish(lifetime, Exit.void)
      else {
        this.begun = this.clock.monotonicTimeNanosUnsafe()
        this.end(lifetime, effect.cause)
      }
    }
    return Effect.yieldNow
  }

  step(): void {
    const lifetime = this.current
    if (lifetime === undefined) {
      const cause = failureIn(this.handled)
      if (cause !== undefined) this.gaveUp(this.handled!, cause)
      this.handled = undefined
      return
    }
    this.current = undefined
    finish(lifetime, Exit.void)
  }

  end(lifetime: Lifetime, cause: Cause.Cause<unknown>): void {
    this.current = undefined
    const times = { base: this.list.startedAt, start: this.begun, end: this.clock.monotonicTimeNanosUnsafe() }
    failed(lifetime, cause, times, this.deaths ??= [])
    this.gaveUp(lifetime, cause)
  }

  gaveUp(lifetime: Lifetime, cause: Cause.Cause<unknown>): void {
    for (const name of abandonedIn(lifetime, cause)) {
      if (this.closing === undefined) {
        this.closing = this.late = new Closing(this.fiber, { label: "scope", limit: 1 })
        this.inner = undefined
      }
      this.closing.gaveUp(name, lifetime)
    }
  }

  /** Lifetimes acquired side by side share a context, so this is seldom more than a comparison. */
  within(context: Context.Context<never>): void {
    if (context === this.inner) return
    this.inner = context
    const merged = context === this.outer ? context : Context.merge(this.outer, context)
    this.fiber.setContext(this.closing === undefined ? merged : this.closing.within(merged))
  }
}

const none: ReadonlyArray<DropError<unknown>> = []
