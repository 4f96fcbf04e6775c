// Where drop errors go. Every error is either kept by a sink or started at the reporter: `deliver`
// is the only place that decides, so none is lost and none is counted twice.
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { DropError } from "../DropError.ts"
import { DropReporter } from "../DropReporter.ts"
import type { DropScope } from "../DropScope.ts"
import type { Batch } from "./batch.ts"
import { onItsWay } from "./on-the-way.ts"

/** What a sink leaves to others: nothing where it kept the error, else who has to take it, as it is by then. */
export type Verdict = undefined | { readonly to: "owner" | "reporter"; readonly error: DropError<unknown> }

/** The run-time side of `DropScope<E>`, whatever `E` is. */
export interface DropSink {
  /** When the owner that collects here started, on the monotonic clock. */
  readonly startedAt?: bigint
  /** The batch of that owner's own scope. */
  readonly batch?: Batch
  readonly add: (error: DropError<unknown>, reporter: Reporter) => Verdict
}

export type Reporter = (error: DropError<unknown>) => Effect.Effect<void>

/** One key at run time for all `DropScope<E>`; the `any` is what lets every `E` find it. */
export const Sink = Context.Service<DropScope<any>, DropSink>("@async-drop/core/DropScope")

/** The sink of a context; its key's type cannot say that it is optional. */
export const sinkOf = (context: Context.Context<never>): DropSink | undefined =>
  Context.getOrUndefined(context as Context.Context<DropScope<any>>, Sink)

export const withoutSink = (context: Context.Context<never>): Context.Context<never> =>
  sinkOf(context) === undefined ? context : Context.omit(Sink)(context)

/** Gives an error to the sink of `context`, else to its reporter; what the owner has to die of goes into `deaths`. */
export const deliver = (
  context: Context.Context<never>,
  error: DropError<unknown>,
  deaths: Array<DropError<unknown>>
): void => {
  const reporter = Context.get(context, DropReporter)
  const sink = sinkOf(context)
  const left = sink === undefined ? toReporter(error) : sink.add(error, reporter)
  if (left?.to === "owner") deaths.push(left.error)
  if (left?.to === "reporter") report(context, reporter, left.error)
}

/** For an error that has no owner left to die of it. */
export const deliverAway = (context: Context.Context<never>, error: DropError<unknown>): void => {
  const deaths: Array<DropError<unknown>> = []
  deliver(context, error, deaths)
  for (const death of deaths) report(context, Context.get(context, DropReporter), death)
}

export const toReporter = (error: DropError<unknown>): Verdict => ({ to: "reporter", error })

/** Started at once, not waited for; what it fails with, throws or waits for is its own affair. */
export const report = (context: Context.Context<never>, reporter: Reporter, error: DropError<unknown>): void => {
  const fiber = Effect.runForkWith(context)(Effect.suspend(() => reporter(error)))
  onItsWay(fiber)
}

/** A sink that hands errors on to `outer`, with what they failed with mapped; `any`: their type is gone by now. */
export const mapping = (outer: DropSink | undefined, f: (error: any) => unknown): DropSink => ({
  ...(outer?.startedAt === undefined ? {} : { startedAt: outer.startedAt }),
  ...(outer?.batch === undefined ? {} : { batch: outer.batch }),
  add: (error, reporter) => {
    const mapped = { ...error, cause: mapFails(error.cause, f) }
    return outer === undefined ? toReporter(mapped) : outer.add(mapped, reporter)
  }
})

/** A throwing `f` becomes a defect beside the error it was given, so that neither is lost. */
const mapFails = (cause: Cause.Cause<unknown>, f: (error: any) => unknown): Cause.Cause<unknown> =>
  Cause.fromReasons(cause.reasons.flatMap((reason): ReadonlyArray<Cause.Reason<unknown>> => {
    if (reason._tag !== "Fail") return [reason]
    const exit = Effect.runSyncExit(Effect.sync(() => f(reason.error)))
    return exit._tag === "Success"
      ? [Cause.makeFailReason(exit.value)]
      : [...exit.cause.reasons, Cause.makeDieReason(reason.error)]
  }))

/** Keeps the errors of one owner until its outcome is made. */
export class Collector implements DropSink {
  /** None, mostly, so there is no list until the first. */
  kept: Array<DropError<unknown>> | undefined = undefined
  /** How many came after the cap. */
  beyond = 0
  /** Whether one of these held an error of its type. */
  typedBeyond = false
  private open = true
  private others: Map<DropError<unknown>, Reporter> | undefined = undefined
  private readonly context: Context.Context<never>
  readonly maxErrors: number
  readonly startedAt: bigint

  constructor(context: Context.Context<never>, maxErrors: number, startedAt: bigint) {
    this.context = context
    this.maxErrors = maxErrors
    this.startedAt = startedAt
  }

  get errors(): ReadonlyArray<DropError<unknown>> {
    return this.kept ?? []
  }

  /** The reporter of the owner itself. */
  get reporter(): Reporter {
    return Context.get(this.context, DropReporter)
  }

  add(error: DropError<unknown>, reporter: Reporter): Verdict {
    if (!this.open) return toReporter(error)
    const kept = this.kept ??= []
    if (kept.length >= this.maxErrors) {
      this.beyond++
      this.typedBeyond ||= Cause.hasFails(error.cause)
      return toReporter(error)
    }
    if (reporter !== this.reporter) (this.others ??= new Map()).set(error, reporter)
    kept.push(error)
    return undefined
  }

  /** After this, errors of latecomers go to the reporter. */
  close(): void {
    this.open = false
  }

  reporterOf(error: DropError<unknown>): Reporter {
    return this.others?.get(error) ?? this.reporter
  }
}
