// A scope of one's own around a body: what AsyncDrop.scoped, scopedExit and launch run on.
//
// 1. The scope is closed with the body's exit, uninterruptibly, before anything is answered.
// 2. What plain finalizers of the scope die of is a drop error like any other.
// 3. The collector is closed before the outcome is made: what comes later goes to the reporter.
// 4. The scope is in the context only while the frame is there that closes it: finalizers around it see
//    the context of before, whichever step is interrupted.
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { DropError } from "../DropError.ts"
import { DropFailure } from "../DropFailure.ts"
import { aloneIn, Batch } from "./batch.ts"
import { type Restore, restoring } from "./ending.ts"
import type { AnyFiber, Lifetime } from "./lifetime.ts"
import { badLimits } from "./misuse.ts"
import { closeInOrder, finish, loneIn } from "./owner.ts"
import { dropError, spent, start, type Times } from "./release.ts"
import { isExit } from "./shape.ts"
import { Collector, deliver, type DropSink, report, type Reporter, Sink, toReporter, type Verdict } from "./sink.ts"

/** A body that has ended and whose scope is closed. */
export interface Closed {
  readonly exit: Exit.Exit<any, any>
  /** None, mostly, so there is no collector until the first error. */
  readonly collector: Collector | undefined
  readonly context: Context.Context<never>
  readonly restore: Restore
}

/**
 * Runs `self` in a scope, closes that, and lets `conclude` make the result. What errors and services are
 * left is known to the types of the caller alone.
 */
export const runScoped = <A, E, R>(
  self: Effect.Effect<any, any, any>,
  operation: string,
  maxErrors: number | undefined,
  conclude: (closed: Closed) => Effect.Effect<any, any>
): Effect.Effect<A, E, R> =>
  maxErrors !== undefined && badLimits(operation, { maxErrors }) !== undefined
    ? Effect.die(badLimits(operation, { maxErrors }))
    : Effect.uninterruptibleMask((restore) =>
      new Scoped(restore, conclude, Fiber.getCurrent()!, maxErrors ?? 1_000_000).run(self) // there is a current fibre here
    )

/**
 * The owner, all in one object: the batch of its scope, the sink of its context, and the continuations of
 * the waits for the body, for a lone release and for the close.
 */
class Scoped extends Batch implements Closed, DropSink {
  declare readonly scope: Scope.Closeable
  readonly restore: Restore
  readonly conclude: (closed: Closed) => Effect.Effect<any, any>
  readonly fiber: AnyFiber
  readonly context: Context.Context<never>
  readonly clock: Clock.Clock
  readonly maxErrors: number
  collector: Collector | undefined = undefined
  /** What the body came to; until it has ended, nothing is read here. */
  exit: Exit.Exit<any, any> = Exit.void
  step: "body" | "lone" | "close" | "closed" = "body"
  begun = 0n

  constructor(
    restore: Restore,
    conclude: (closed: Closed) => Effect.Effect<any, any>,
    fiber: AnyFiber,
    maxErrors: number
  ) {
    const clock = fiber.getRef(Clock.Clock)
    super(Scope.makeUnsafe(), clock.monotonicTimeNanosUnsafe())
    this.clock = clock
    this.restore = restore
    this.conclude = conclude
    this.fiber = fiber
    this.context = fiber.context
    this.maxErrors = maxErrors
  }

  get batch(): Batch {
    return this
  }

  run(self: Effect.Effect<any, any, any>): Effect.Effect<any, any, any> {
    const body = () => {
      // Kept by 4: only the frame takes the context back.
      this.fiber.setContext(Context.add(Context.add(this.context, Sink, this), Scope.Scope, this.scope))
      return self
    }
    return Effect.matchCauseEffect(restoring(this.restore, body), this)
  }

  readonly onSuccess = (value: unknown): Effect.Effect<any, any> => {
    if (this.step === "body") return this.bodyEnded(Exit.succeed(value))
    if (this.step === "lone") finish(this.tail!, Exit.void) // it is there until its release has ended
    return this.closed()
  }

  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<any, any> => {
    if (this.step === "body") return this.bodyEnded(Exit.failCause(cause))
    if (this.step === "lone") return this.loneFailed(this.tail!, cause) // as above
    this.finalizersDied(cause)
    return this.closed()
  }

  bodyEnded(exit: Exit.Exit<unknown, unknown>): Effect.Effect<any, any> {
    this.exit = exit
    const alone = aloneIn(this.scope)
    if (alone !== undefined) {
      this.scope.state = { _tag: "Closed", exit }
      alone.closing = true
      const lone = alone === this ? loneIn(this) : undefined
      return lone === undefined
        ? closeInOrder(alone, exit, this.fiber, (deaths) => this.emptied(deaths))
        : this.closeLone(lone)
    }
    this.step = "close"
    const closing = Scope.closeUnsafe(this.scope, exit)
    if (closing === undefined) return this.closed()
    this.begun = this.clock.monotonicTimeNanosUnsafe()
    return Effect.matchCauseEffect(closing, this)
  }

  closeLone(lifetime: Lifetime): Effect.Effect<any, any> {
    const outer = this.fiber.context
    if (lifetime.context !== outer) this.fiber.setContext(Context.merge(outer, lifetime.context))
    const effect = start(lifetime, this.exit)
    this.step = "lone"
    if (!isExit(effect)) {
      this.begun = this.clock.monotonicTimeNanosUnsafe()
      return Effect.matchCauseEffect(effect, this)
    }
    if (effect._tag === "Success") {
      finish(lifetime, Exit.void)
      return this.closed()
    }
    this.begun = this.clock.monotonicTimeNanosUnsafe()
    return this.loneFailed(lifetime, effect.cause)
  }

  loneFailed(lifetime: Lifetime, cause: Cause.Cause<unknown>): Effect.Effect<any, any> {
    const deaths: Array<DropError<unknown>> = []
    const times = { base: this.startedAt, start: this.begun, end: this.clock.monotonicTimeNanosUnsafe() }
    deliver(lifetime.place, dropError(lifetime, cause, times), deaths)
    finish(lifetime, Exit.failCause(cause))
    return this.emptied(deaths)
  }

  emptied(deaths: ReadonlyArray<DropError<unknown>>): Effect.Effect<any, any> {
    for (const error of deaths) this.keep(error)
    return this.closed()
  }

  closed(): Effect.Effect<any, any> {
    this.fiber.setContext(this.context)
    this.step = "closed"
    const concluded = this.conclude(this)
    this.exit = Exit.void // a context may keep its sink for long: not also what the body gave
    return concluded
  }

  finalizersDied(cause: Cause.Cause<unknown>): void {
    const times = { base: this.startedAt, start: this.begun, end: this.clock.monotonicTimeNanosUnsafe() }
    for (const error of finalizerErrors(cause, times)) this.keep(error)
    const dropped = droppedIn(cause)
    if (dropped > 0) this.collected().beyond += dropped
  }

  keep(error: DropError<unknown>): void {
    const collector = this.collected()
    const left = collector.add(error, collector.reporter)
    if (left !== undefined) report(this.context, collector.reporter, left.error)
  }

  add(error: DropError<unknown>, reporter: Reporter): Verdict {
    return this.step === "closed" ? toReporter(error) : this.collected().add(error, reporter)
  }

  collected(): Collector {
    return this.collector ??= new Collector(this.context, this.maxErrors, this.startedAt)
  }
}

/** What plain finalizers died of: each reason an error of its own, what an owner died of taken apart again. */
export const finalizerErrors = (cause: Cause.Cause<unknown>, times: Times): ReadonlyArray<DropError<unknown>> =>
  cause.reasons.flatMap((reason): ReadonlyArray<DropError<unknown>> =>
    reason._tag === "Die" && reason.defect instanceof DropFailure
      ? reason.defect.errors
      : [{ resource: "a plain finalizer", phase: "graceful", cause: Cause.fromReasons([reason]), ...spent(times) }]
  )

/** How many errors the failures that finalizers died of had only counted. */
export const droppedIn = (cause: Cause.Cause<unknown>): number => {
  let dropped = 0
  for (const reason of cause.reasons) {
    if (reason._tag === "Die" && reason.defect instanceof DropFailure) dropped += reason.defect.dropped
  }
  return dropped
}
