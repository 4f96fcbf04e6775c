// Closing a list with several releases under way at once.
//
// 1. At most `limit` releases are under way; they begin in the order of the list, newest first.
// 2. A release that ends at once needs no fibre. Before one that has steps, a spare worker is forked that
//    comes to run only if this one waits; there is never more than one spare.
// 3. The close ends when every worker has: it is uninterruptible, and so are they.
// 4. A release may move or map what is still waiting: who is no longer in the list is another's, and who
//    has come into it has a turn of his own.
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import { beginWork, endWork } from "./cycle.ts"
import { isLease } from "./lease.ts"
import { type AnyFiber, Handled, type Lifetime } from "./lifetime.ts"
import { closeOne, dieOf, finish, type List } from "./owner.ts"
import { dropError, start } from "./release.ts"
import { isExit } from "./shape.ts"
import { deliver } from "./sink.ts"

export const closeTogether = (
  list: List,
  exit: Exit.Exit<unknown, unknown>,
  closer: AnyFiber,
  limit: number
): Effect.Effect<void> => new Together(list, exit, closer, limit).round()

// After so many releases that were over at once, others get a turn.
const turn = 2048

/** What the workers of one close share. */
class Together {
  readonly list: List
  readonly exit: Exit.Exit<unknown, unknown>
  readonly closer: AnyFiber
  readonly limit: number
  readonly outer: Context.Context<never>
  readonly clock: Clock.Clock
  readonly deaths: Array<DropError<unknown>> = []
  waiting: Array<Lifetime> = []
  at = 0
  running = 0
  spare = false
  private inner: Context.Context<never> | undefined = undefined
  private merged: Context.Context<never>
  private idle: Deferred.Deferred<void> | undefined = undefined

  constructor(
    list: List,
    exit: Exit.Exit<unknown, unknown>,
    closer: AnyFiber,
    limit: number
  ) {
    this.list = list
    this.exit = exit
    this.closer = closer
    this.limit = limit
    this.outer = this.merged = closer.context
    this.clock = closer.getRef(Clock.Clock)
  }

  /** Everything that is in the list now; then, what has come since. */
  round(): Effect.Effect<void> {
    this.waiting = []
    this.at = 0
    for (let at = this.list.tail; at !== undefined; at = at.prev) this.waiting.push(at)
    if (this.waiting.length === 0) {
      this.closer.setContext(this.outer)
      return dieOf(this.deaths, this.exit)
    }
    this.running++
    return Effect.flatMap(new Worker(this, this.closer).run(), () => {
      if (--this.running === 0) return this.round()
      this.idle = Deferred.makeUnsafe()
      return Effect.flatMap(Deferred.await(this.idle), () => this.round())
    })
  }

  wantsSpare(): boolean {
    return !this.spare && this.running < this.limit && this.at < this.waiting.length
  }

  fork(): Effect.Effect<unknown> {
    this.spare = true
    this.running++
    const worker = Effect.withFiber((fiber) => {
      this.spare = false
      beginWork(this.closer, fiber)
      return Effect.map(new Worker(this, fiber).run(), () => {
        endWork(this.closer, fiber)
        if (--this.running === 0 && this.idle !== undefined) Deferred.doneUnsafe(this.idle, Exit.void)
      })
    })
    return Effect.forkChild(worker, { uninterruptible: true })
  }

  failed(lifetime: Lifetime, cause: Cause.Cause<unknown>, begun: bigint): void {
    const times = { base: this.list.startedAt, start: begun, end: this.clock.monotonicTimeNanosUnsafe() }
    deliver(lifetime.place, dropError(lifetime, cause, times), this.deaths)
    finish(lifetime, Exit.failCause(cause))
  }

  /** Lifetimes taken side by side share a context, so this is seldom more than a comparison. */
  within(context: Context.Context<never>, fiber: AnyFiber): void {
    if (context !== this.inner) {
      this.inner = context
      this.merged = context === this.outer ? context : Context.merge(this.outer, context)
    }
    if (fiber.context !== this.merged) fiber.setContext(this.merged)
  }
}

/** Takes one after the other until none is waiting. A failure leaves the loop, which then begins anew. */
class Worker {
  private readonly close: Together
  private readonly fiber: AnyFiber
  private current: Lifetime | undefined = undefined
  private begun = 0n

  constructor(close: Together, fiber: AnyFiber) {
    this.close = close
    this.fiber = fiber
  }

  run(): Effect.Effect<void> {
    return Effect.matchCauseEffect(Effect.whileLoop(this), this)
  }

  readonly while = (): boolean => this.close.at < this.close.waiting.length

  /** The next release that has steps; those that end at once are over before it. */
  readonly body = (): Effect.Effect<unknown, unknown> => {
    const close = this.close
    for (let i = 0; i < turn; i++) {
      const lifetime = close.waiting[close.at++]
      if (lifetime === undefined) return Exit.void
      if (lifetime.owner !== close.list) continue
      const release = this.release(lifetime)
      if (release === undefined) continue
      return close.wantsSpare() ? Effect.flatMap(close.fork(), () => release) : release
    }
    return Effect.yieldNow
  }

  readonly step = (): void => {
    if (this.current !== undefined) finish(this.current, Exit.void)
    this.current = undefined
  }

  readonly onSuccess = (): Effect.Effect<void> => Exit.void

  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
    this.close.failed(this.current!, cause, this.begun) // nothing but a release can fail
    this.current = undefined
    return this.run()
  }

  private release(lifetime: Lifetime): Effect.Effect<unknown, unknown> | undefined {
    const close = this.close
    if (lifetime instanceof Handled || isLease(lifetime)) {
      close.within(close.outer, this.fiber)
      return closeOne(lifetime, close.exit, close.deaths, close.closer)
    }
    close.within(lifetime.context, this.fiber)
    const effect = start(lifetime, close.exit)
    if (isExit(effect)) {
      if (effect._tag === "Success") finish(lifetime, Exit.void)
      else close.failed(lifetime, effect.cause, close.clock.monotonicTimeNanosUnsafe())
      return undefined
    }
    this.current = lifetime
    this.begun = close.clock.monotonicTimeNanosUnsafe()
    return effect
  }
}
