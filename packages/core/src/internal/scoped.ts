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
import type { ScopeOptions } from "../AsyncDrop.ts"
import type { DropError } from "../DropError.ts"
import { DropObserver } from "../DropObserver.ts"
import { DropReporter } from "../DropReporter.ts"
import { aloneIn, Batch } from "./batch.ts"
import { Budget } from "./budget.ts"
import { Closing, closingOf, watching } from "./closing.ts"
import type { Restore } from "./ending.ts"
import { taken } from "./entries.ts"
import { droppedIn, finalizerErrors } from "./errors.ts"
import type { AnyFiber, Lifetime } from "./lifetime.ts"
import { inOrder, type Manner, mannerOf, strategyOf } from "./limits.ts"
import { badLimits } from "./misuse.ts"
import { closeInOrder, failed, finish, loneIn } from "./owner.ts"
import { start } from "./release.ts"
import { isExit } from "./shape.ts"
import { Collector, type DropSink, report, type Reporter, Sink, toReporter, type Verdict } from "./sink.ts"
import { Step } from "./step.ts"
import { closeTogether } from "./together.ts"

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
  options: ScopeOptions | undefined,
  conclude: (closed: Closed) => Effect.Effect<any, any>
): Effect.Effect<A, E, R> => {
  const misuse = options === undefined ? undefined : badLimits(operation, options)
  if (misuse !== undefined) return Effect.die(misuse)
  return Effect.uninterruptibleMask((restore) =>
    new Scoped(restore, conclude, Fiber.getCurrent()!, operation, options).run(self) // there is a current fibre here
  )
}

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
  readonly operation: string
  readonly options: ScopeOptions | undefined
  collector: Collector | undefined = undefined
  closing: Closing | undefined = undefined
  /** What the body came to; until it has ended, nothing is read here. */
  exit: Exit.Exit<any, any> = Exit.void
  step: "body" | "lone" | "close" | "closed" = "body"
  begun = 0n

  constructor(
    restore: Restore,
    conclude: (closed: Closed) => Effect.Effect<any, any>,
    fiber: AnyFiber,
    operation: string,
    options: ScopeOptions | undefined
  ) {
    const clock = fiber.getRef(Clock.Clock)
    super(Scope.makeUnsafe(strategyOf(options)), clock.monotonicTimeNanosUnsafe())
    this.clock = clock
    this.restore = restore
    this.conclude = conclude
    this.fiber = fiber
    this.context = fiber.context
    this.operation = operation
    this.options = options
  }

  get batch(): Batch {
    return this
  }

  run(self: Effect.Effect<any, any, any>): Effect.Effect<any, any, any> {
    return Effect.matchCauseEffect(this.restore(new Inside(this, self)), this)
  }

  /** Kept by 4: only the frame takes the context back. */
  enterScope(): void {
    this.fiber.setContext(Context.add(Context.add(this.context, Sink, this), Scope.Scope, this.scope))
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
    const manner = this.options === undefined ? inOrder : mannerOf(this.options, 1)
    const closing = this.closing = this.beginClosing(alone, manner)
    if (manner.limit !== 1 || closing?.budget !== undefined) return this.closeAll(alone, manner.limit)
    if (alone !== undefined) {
      this.scope.state = { _tag: "Closed", exit }
      alone.leaving = true
      if (closing === undefined && alone === this && this.closeAtOnce(exit) !== undefined) return this.closed()
      const lone = closing === undefined && alone === this ? loneIn(this) : undefined
      return lone === undefined
        ? closeInOrder(alone, exit, this.fiber, closing, (deaths) => this.emptied(deaths, 0))
        : this.closeLone(lone)
    }
    this.step = "close"
    if (closing !== undefined) this.fiber.setContext(closing.within(this.fiber.context))
    const finalizing = Scope.closeUnsafe(this.scope, exit)
    if (finalizing === undefined) return this.closed()
    this.begun = this.clock.monotonicTimeNanosUnsafe()
    return Effect.matchCauseEffect(finalizing, this)
  }

  /** Only who has a budget, is part of a close that is known of, or is observed, has to make his own known. */
  beginClosing(alone: Batch | undefined, { budget, limit }: Manner): Closing | undefined {
    const observer = watching(alone === undefined ? this.fiber.getRef(DropObserver) : alone.tail?.meta?.observer)
    const around = closingOf(this.fiber)
    if (budget === undefined && around === undefined && observer === undefined) return undefined
    const own = budget === undefined || budget === Infinity
      ? undefined
      : new Budget(budget, around?.budget, this.clock, (error) => this.keep(error))
    return new Closing(this.fiber, { label: this.operation, limit, budget: own, observer, scope: this.scope })
  }

  /** Several at once, or within a budget: everything in the scope is one list. */
  closeAll(alone: Batch | undefined, limit: number): Effect.Effect<any, any> {
    const { exit, fiber } = this
    if (alone === undefined) {
      const list = taken(this.scope, exit, this.startedAt, this.context)
      return closeTogether(list, exit, fiber, limit, this.closing, (deaths, _, beyond) => this.emptied(deaths, beyond))
    }
    this.scope.state = { _tag: "Closed", exit }
    alone.leaving = true
    return closeTogether(alone, exit, fiber, limit, this.closing, (deaths) => this.emptied(deaths, 0))
  }

  closeLone(lifetime: Lifetime): Effect.Effect<any, any> {
    const outer = this.fiber.context
    if (lifetime.context !== outer) this.fiber.setContext(Context.merge(outer, lifetime.context))
    const effect = start(lifetime, this.exit, this.clock, undefined)
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
    failed(lifetime, cause, times, deaths)
    return this.emptied(deaths, 0)
  }

  emptied(deaths: ReadonlyArray<DropError<unknown>>, beyond: number): Effect.Effect<any, any> {
    for (const error of deaths) this.keep(error)
    if (beyond > 0) this.collected().beyond += beyond
    return this.closed()
  }

  closed(): Effect.Effect<any, any> {
    this.fiber.setContext(this.context)
    this.closing?.end()
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
    const reporter = Context.get(this.context, DropReporter)
    const left = this.add(error, reporter)
    if (left !== undefined) report(this.context, reporter, left.error)
  }

  add(error: DropError<unknown>, reporter: Reporter): Verdict {
    return this.step === "closed" ? toReporter(error) : this.collected().add(error, reporter)
  }

  collected(): Collector {
    return this.collector ??= new Collector(this.context, this.options?.maxErrors ?? 1_000_000, this.startedAt)
  }
}

/** Begins the body in a step of its own; as an effect that is its own state it needs no closure around that. */
class Inside extends Step {
  private readonly scoped: Scoped
  private readonly self: Effect.Effect<any, any, any>

  constructor(scoped: Scoped, self: Effect.Effect<any, any, any>) {
    super()
    this.scoped = scoped
    this.self = self
  }
  begin(): Effect.Effect<any, any, any> {
    this.scoped.enterScope()
    return this.self
  }
}
