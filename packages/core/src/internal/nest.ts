// An owner that is itself owned: what a map and a stack are.
//
// 1. It is a lifetime whose release is the close of what is in it: who ends it joins who ends it already,
//    and learns the same outcome.
// 2. While it closes it keeps what its resources fail with. Who drops it by hand gets one `DropFailure`;
//    where its owner closes it, each error goes to the place where that resource was taken.
// 3. Before and after that, an error goes to that place at once.
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { ScopeOptions } from "../AsyncDrop.ts"
import type { DropError } from "../DropError.ts"
import { Budget } from "./budget.ts"
import { Closing, closingOf, watching } from "./closing.ts"
import { droppedIn, finalizerErrors } from "./errors.ts"
import { type AnyFiber, Handled, metaOf, nameOf } from "./lifetime.ts"
import { type Manner, mannerOf, settingsOf } from "./limits.ts"
import { errorsIn, failureOf, outcome } from "./outcome.ts"
import { now } from "./release.ts"
import { Collector, type DropSink, report, type Reporter, Sink, sinkOf, toReporter, type Verdict } from "./sink.ts"

/** What is in it; the name of its class is the one that messages begin with. */
export interface Contents {
  /** Who owns it at present. */
  nest: Nest | undefined
  /** The scope that it has, if it is one. */
  readonly scope?: Scope.Scope
  /** `closing` is there where someone has to know of the close. */
  close(nest: Nest, exit: Exit.Exit<unknown, unknown>, closing: Closing | undefined): Effect.Effect<void>
}

type Place = Context.Context<never>

export class Nest extends Handled {
  readonly options: NestOptions
  readonly manner: Manner
  private readonly contents: Contents
  private collector: Collector | undefined = undefined
  private places: Map<DropError<unknown>, Place> | undefined = undefined

  constructor(
    contents: Contents,
    place: Place,
    startedAt: bigint,
    options: NestOptions,
    usual = 1,
    id?: number
  ) {
    const closed = (_: unknown, exit: Exit.Exit<unknown, unknown>) => this.closed(exit)
    super(
      contents,
      closed,
      place,
      metaOf(place, options.name === undefined ? undefined : settingsOf({ name: options.name })),
      place,
      startedAt,
      id
    )
    this.contents = contents
    this.options = options
    this.manner = mannerOf(options, usual)
    contents.nest = this
  }

  /** The context of a resource that was taken in `outer` and is in here now; its errors go there. */
  within(outer: Place): Place {
    return Context.add(outer, Sink, this.sink(outer))
  }

  /** As `within`, but its errors go to where this is owned by then. */
  owning(outer: Place): Place {
    return Context.add(outer, Sink, this.sink(undefined))
  }

  override get composition() {
    return "owner" as const
  }

  override scatter(error: DropError<unknown>, give: (place: Place, error: DropError<unknown>) => void): void {
    for (const each of errorsIn(error)) give(this.places?.get(each) ?? this.context, each)
  }

  private sink(outer: Place | undefined): DropSink {
    return {
      startedAt: this.startedAt,
      add: (error, reporter) => (this.contents.nest ?? this).add(error, reporter, outer)
    }
  }

  private add(raw: DropError<unknown>, reporter: Reporter, outer: Place | undefined): Verdict {
    const error = this.key === undefined || raw.key !== undefined ? raw : { ...raw, key: this.key }
    if (this.collector === undefined) {
      const sink = sinkOf(outer ?? this.context)
      return sink === undefined ? toReporter(error) : sink.add(error, reporter)
    }
    const left = this.collector.add(error, reporter)
    if (left === undefined && outer !== undefined && outer !== this.context) {
      ;(this.places ??= new Map()).set(error, outer)
    }
    return left
  }

  /** Its release: closes what is in it, and fails with one `DropFailure`. */
  closed(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, unknown> {
    return Effect.withFiber((fiber) => {
      const begun = now(fiber)
      const collector = this.collector = new Collector(
        this.context,
        this.options.maxErrors ?? 1_000_000,
        this.startedAt
      )
      const conclude = (): Exit.Exit<void, unknown> => {
        collector.close()
        this.collector = undefined
        const failure = failureOf(collector.errors, collector.beyond, exit)
        return failure === undefined ? Exit.void : outcome(Exit.void, failure, collector.typedBeyond)
      }
      const keep = (error: DropError<unknown>): void => {
        const left = collector.add(error, collector.reporter)
        if (left !== undefined) report(this.context, collector.reporter, left.error)
      }
      const closing = this.beginClosing(fiber, keep)
      const closed = this.contents.close(this, exit, closing)
      const known = closing === undefined ? closed : Effect.provideContext(closed, closing.within(fiber.context))
      return Effect.matchCauseEffect(known, {
        onSuccess: () => {
          closing?.end()
          return conclude()
        },
        onFailure: (cause) => {
          const times = { base: this.startedAt, start: begun, end: now(fiber) }
          for (const error of finalizerErrors(cause, times)) keep(error)
          collector.beyond += droppedIn(cause)
          closing?.end()
          return conclude()
        }
      })
    })
  }

  private beginClosing(fiber: AnyFiber, keep: (error: DropError<unknown>) => void): Closing | undefined {
    const around = closingOf(fiber)
    const { budget, limit } = this.manner
    const observer = watching(this.meta?.observer)
    if (budget === undefined && around === undefined && observer === undefined) return undefined
    const own = budget === undefined || budget === Infinity
      ? undefined
      : new Budget(budget, around?.budget, fiber.getRef(Clock.Clock), keep)
    return new Closing(fiber, {
      label: nameOf(this),
      limit,
      budget: own,
      observer,
      of: this.id,
      scope: this.contents.scope
    })
  }
}

/** What an owner is made with; a name that is not given is made of what it is. */
export interface NestOptions extends ScopeOptions {
  readonly name?: string | undefined
}
