// Closing a list with several releases under way at once, or within a budget.
//
// 1. At most `limit` releases are under way; they begin in the order of the list, newest first.
// 2. A release that ends at once needs no fibre. Before one that has steps, a spare worker is forked that
//    comes to run only if this one waits; there is never more than one spare.
// 3. The close ends when every worker has: it is uninterruptible, and so are they.
// 4. A release may move or map what is still waiting: who is no longer in the list is another's, and who
//    has come into it has a turn of his own.
// 5. What others depend on waits until these have ended, as long as there is time for order.
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import type { Member } from "./budget.ts"
import { Closing } from "./closing.ts"
import { beginWork, endWork } from "./cycle.ts"
import { Dependents } from "./dependents.ts"
import { droppedIn, finalizerErrors, type Times } from "./errors.ts"
import { isLease } from "./lease.ts"
import { type AnyFiber, Handled, type Lifetime } from "./lifetime.ts"
import { abandonedIn, closeOne, type Conclude, failed, failureIn, finish, type List } from "./owner.ts"
import { start } from "./release.ts"
import { isExit } from "./shape.ts"

export const closeTogether = <A, E>(
  list: List,
  exit: Exit.Exit<unknown, unknown>,
  closer: AnyFiber,
  limit: number,
  closing: Closing | undefined,
  conclude: Conclude<A, E>
): Effect.Effect<A, E> => new Together(list, exit, closer, limit, closing, conclude).begin()

// After so many releases that were over at once, others get a turn.
const turn = 2048

/** What the workers of one close share. */
class Together<A, E> implements Member {
  readonly list: List
  readonly exit: Exit.Exit<unknown, unknown>
  readonly closer: AnyFiber
  readonly outer: Context.Context<never>
  readonly clock: Clock.Clock
  readonly deaths: Array<DropError<unknown>> = []
  /** Where anything depends on another: those whose turn is to come, and those whose turn has come again. */
  private ready: Array<Lifetime> = []
  private at = 0
  running = 0
  spare = false
  closing: Closing | undefined
  private limit: number
  private readonly conclude: Conclude<A, E>
  private dependents: Dependents | undefined = undefined
  private beyond = 0
  /** Begun here, for those who ask what was given up on. */
  private late: Closing | undefined = undefined
  private inner: Context.Context<never> | undefined = undefined
  private merged: Context.Context<never>
  private idle: Deferred.Deferred<void> | undefined = undefined

  constructor(
    list: List,
    exit: Exit.Exit<unknown, unknown>,
    closer: AnyFiber,
    limit: number,
    closing: Closing | undefined,
    conclude: Conclude<A, E>
  ) {
    this.list = list
    this.exit = exit
    this.closer = closer
    this.limit = limit
    this.closing = closing
    this.conclude = conclude
    this.outer = this.merged = closer.context
    this.clock = closer.getRef(Clock.Clock)
  }

  begin(): Effect.Effect<A, E> {
    const budget = this.closing?.budget
    if (budget !== undefined) {
      if (budget.phase !== "graceful") this.limit = Infinity
      budget.add(this, false)
    }
    return this.round()
  }

  /** There is no time left for order: everything that waits begins now. */
  hurry(): void {
    this.limit = Infinity
    for (const lifetime of this.dependents?.everyone() ?? []) this.ready.push(lifetime)
    this.dependents = undefined
    if (this.running > 0 && this.wantsSpare()) {
      Effect.runForkWith(this.outer)(this.worker(), { uninterruptible: true })
    }
  }

  /** Whatever is under way is given up on by itself. */
  giveUp(): void {}

  /** Everything that is in the list now; then, what has come since. */
  round(): Effect.Effect<A, E> {
    const { list } = this
    if (list.tail === undefined) {
      this.closer.setContext(this.outer)
      this.closing?.budget?.remove(this)
      this.late?.end()
      return this.conclude(this.deaths, this.exit, this.beyond)
    }
    this.ready = []
    this.at = 0
    this.dependents = this.limit === 1 || !list.depends ? undefined : Dependents.among(list.tail)
    if (this.dependents === undefined) list.cursor = list.tail
    else for (let at: Lifetime | undefined = list.tail; at !== undefined; at = at.prev) this.ready.push(at)
    this.running++
    return Effect.flatMap(new Worker(this, this.closer).run(), () => {
      if (--this.running === 0) return this.round()
      this.idle = Deferred.makeUnsafe()
      return Effect.flatMap(Deferred.await(this.idle), () => this.round())
    })
  }

  wantsSpare(): boolean {
    return !this.spare && this.running < this.limit && this.waits
  }

  /** Whether anything has not begun. */
  get waits(): boolean {
    return this.list.cursor !== undefined || this.at < this.ready.length
  }

  /** By its place in the list, then by what has ended before it. */
  next(): Lifetime | undefined {
    const { list } = this
    const lifetime = list.cursor
    if (lifetime === undefined) return this.at < this.ready.length ? this.ready[this.at++] : undefined
    list.cursor = lifetime.prev
    return lifetime
  }

  fork(): Effect.Effect<unknown> {
    return Effect.forkChild(this.worker(), { uninterruptible: true })
  }

  private worker(): Effect.Effect<void> {
    this.spare = true
    this.running++
    return Effect.withFiber((fiber) => {
      this.spare = false
      beginWork(this.closer, fiber)
      return Effect.map(new Worker(this, fiber).run(), () => {
        endWork(this.closer, fiber)
        if (--this.running === 0 && this.idle !== undefined) Deferred.doneUnsafe(this.idle, Exit.void)
      })
    })
  }

  /** Whether it has to wait for what depends on it; then it comes again. */
  parks(lifetime: Lifetime): boolean {
    return this.dependents?.parks(lifetime, this.closing) === true
  }

  /** Whatever waited only for this may begin. */
  done(lifetime: Lifetime): void {
    if (lifetime instanceof Handled) {
      const cause = failureIn(lifetime)
      if (cause !== undefined) this.gaveUp(lifetime, cause)
    }
    if (this.dependents === undefined) return
    for (const ready of this.dependents.without(lifetime)) this.ready.push(ready)
  }

  failed(lifetime: Lifetime, cause: Cause.Cause<unknown>, begun: bigint): void {
    const times = { base: this.list.startedAt, start: begun, end: this.clock.monotonicTimeNanosUnsafe() }
    this.gaveUp(lifetime, cause)
    if (lifetime.composition === "foreign") this.finalizerFailed(lifetime, cause, times)
    else failed(lifetime, cause, times, this.deaths)
  }

  /** An owner among the plain finalizers has died of a failure: each of its errors stands for itself. */
  private finalizerFailed(lifetime: Lifetime, cause: Cause.Cause<unknown>, times: Times): void {
    const inside = cause.reasons.some((reason) => reason._tag !== "Fail")
    if (!inside) return failed(lifetime, cause, times, this.deaths)
    for (const error of finalizerErrors(cause, times)) this.deaths.push(error)
    this.beyond += droppedIn(cause)
    finish(lifetime, Exit.failCause(cause))
  }

  private gaveUp(lifetime: Lifetime, cause: Cause.Cause<unknown>): void {
    for (const name of abandonedIn(lifetime, cause)) {
      if (this.closing === undefined) {
        this.closing = this.late = new Closing(this.closer, { label: "scope", limit: this.limit })
        this.inner = undefined
      }
      this.closing.gaveUp(name, lifetime)
    }
  }

  /** Lifetimes taken side by side share a context, so this is seldom more than a comparison. */
  within(context: Context.Context<never>, fiber: AnyFiber): void {
    if (context !== this.inner) {
      this.inner = context
      const merged = context === this.outer ? context : Context.merge(this.outer, context)
      this.merged = this.closing === undefined ? merged : this.closing.within(merged)
    }
    if (fiber.context !== this.merged) fiber.setContext(this.merged)
  }
}

/** Takes one after the other until none is waiting. A failure leaves the loop, which then begins anew. */
class Worker {
  private readonly close: Together<unknown, unknown>
  private readonly fiber: AnyFiber
  private current: Lifetime | undefined = undefined
  private begun = 0n

  constructor(close: Together<any, any>, fiber: AnyFiber) { // any: what it concludes is its own affair
    this.close = close
    this.fiber = fiber
  }

  run(): Effect.Effect<void> {
    return Effect.matchCauseEffect(Effect.whileLoop(this), this)
  }

  readonly while = (): boolean => this.close.waits

  /** The next release that has steps; those that end at once are over before it. */
  readonly body = (): Effect.Effect<unknown, unknown> => {
    const close = this.close
    for (let i = 0; i < turn; i++) {
      const lifetime = close.next()
      if (lifetime === undefined) return Exit.void
      if (lifetime.owner !== close.list) {
        close.done(lifetime)
        continue
      }
      if (close.parks(lifetime)) continue
      const release = this.release(lifetime)
      if (release === undefined) {
        close.done(lifetime)
        continue
      }
      return close.wantsSpare() ? Effect.flatMap(close.fork(), () => release) : release
    }
    return Effect.yieldNow
  }

  readonly step = (): void => {
    const lifetime = this.current
    if (lifetime === undefined) return
    this.current = undefined
    if (!(lifetime instanceof Handled || isLease(lifetime))) finish(lifetime, Exit.void)
    this.close.done(lifetime)
  }

  readonly onSuccess = (): Effect.Effect<void> => Exit.void

  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
    const lifetime = this.current! // nothing but a release can fail
    this.current = undefined
    this.close.failed(lifetime, cause, this.begun)
    this.close.done(lifetime)
    return this.run()
  }

  private release(lifetime: Lifetime): Effect.Effect<unknown, unknown> | undefined {
    const close = this.close
    if (lifetime instanceof Handled || isLease(lifetime)) {
      close.within(close.outer, this.fiber)
      this.current = lifetime
      return closeOne(lifetime, close.exit, close.deaths, close.closer)
    }
    close.within(lifetime.context, this.fiber)
    const effect = start(lifetime, close.exit, close.clock, close.closing)
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
