// A scope of one's own around a body: what AsyncDrop.scoped, scopedExit and launch run on.
//
// 1. The scope is closed with the body's exit, uninterruptibly, before anything is answered.
// 2. What plain finalizers of the scope die of is a drop error like any other.
// 3. The collector is closed before the outcome is made: what comes later goes to the reporter.
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { DropError } from "../DropError.ts"
import { DropFailure } from "../DropFailure.ts"
import { closeAlone } from "./batch.ts"
import type { Restore } from "./ending.ts"
import type { AnyFiber } from "./lifetime.ts"
import { badLimits } from "./misuse.ts"
import type { Closer, Closing } from "./owner.ts"
import { now, spent, type Times } from "./release.ts"
import { Collector, report, Sink } from "./sink.ts"

/** A body that has ended and whose scope is closed. */
export interface Closed {
  readonly exit: Exit.Exit<any, any>
  readonly collector: Collector
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

/** Serves all waits, for the body, for the releases and for the close, as their continuations. */
class Scoped implements Closed, Closer<any, any> {
  readonly restore: Restore
  readonly conclude: (closed: Closed) => Effect.Effect<any, any>
  readonly fiber: AnyFiber
  readonly context: Context.Context<never>
  readonly collector: Collector
  readonly scope = Scope.makeUnsafe()
  /** What the body came to; until it has ended, nothing is read here. */
  exit: Exit.Exit<any, any> = Exit.void
  step: "body" | "releases" | "close" = "body"
  closing: Closing<any, any> | undefined = undefined
  closeBegun = 0n

  constructor(
    restore: Restore,
    conclude: (closed: Closed) => Effect.Effect<any, any>,
    fiber: AnyFiber,
    maxErrors: number
  ) {
    this.restore = restore
    this.conclude = conclude
    this.fiber = fiber
    this.context = fiber.context
    this.collector = new Collector(fiber.context, maxErrors, now(fiber))
  }

  run(self: Effect.Effect<any, any, any>): Effect.Effect<any, any, any> {
    this.fiber.setContext(
      Context.add(Context.add(this.context, Scope.Scope, this.scope), Sink, this.collector)
    )
    return Effect.matchCauseEffect(this.restore(self), this)
  }

  readonly onSuccess = (value: unknown): Effect.Effect<any, any> => {
    if (this.step === "body") return this.bodyEnded(Exit.succeed(value))
    return this.step === "releases" ? this.closing!.released() : this.closed() // set with the step
  }

  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<any, any> => {
    if (this.step === "body") return this.bodyEnded(Exit.failCause(cause))
    if (this.step === "releases") return this.closing!.failed(cause) // as above
    this.finalizersDied(cause)
    return this.closed()
  }

  bodyEnded(exit: Exit.Exit<unknown, unknown>): Effect.Effect<any, any> {
    this.exit = exit
    this.step = "releases"
    const alone = closeAlone(this.scope, exit, this.fiber, this)
    if (alone !== undefined) return alone
    this.step = "close"
    const closing = Scope.closeUnsafe(this.scope, exit)
    if (closing === undefined) return this.closed()
    this.closeBegun = now(this.fiber)
    return Effect.matchCauseEffect(closing, this)
  }

  emptied(deaths: ReadonlyArray<DropError<unknown>>): Effect.Effect<any, any> {
    for (const error of deaths) this.keep(error)
    return this.closed()
  }

  closed(): Effect.Effect<any, any> {
    this.fiber.setContext(this.context)
    this.collector.close()
    return this.conclude(this)
  }

  finalizersDied(cause: Cause.Cause<unknown>): void {
    const times = { base: this.collector.startedAt, start: this.closeBegun, end: now(this.fiber) }
    for (const error of finalizerErrors(cause, times)) this.keep(error)
    this.collector.beyond += droppedIn(cause)
  }

  keep(error: DropError<unknown>): void {
    const reporter = this.collector.reporter
    const left = this.collector.add(error, reporter)
    if (left !== undefined) report(this.context, reporter, left.error)
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
