// What `AsyncDrop.withReport` runs on: an observer that feeds a recorder, and the fibres of the reports.
//
// 1. The exit of the effect comes out as it went in, whatever becomes of the reports.
// 2. Whoever else observes here sees each event as before, and gets its stacks.
// 3. A report runs outside: what it acquires and drops itself is not observed here, so no report begets reports.
// 4. The wait for the reports is uninterruptible, since at a shutdown the interrupt is there already; a limit ends it.
// 5. After the end of the effect nothing is recorded, so nothing is kept for what is dropped later elsewhere.
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { DropObserver, type Event, type Observer } from "../DropObserver.ts"
import type { DropReport } from "../DropReport.ts"
import { restoring } from "./ending.ts"
import type { AnyFiber } from "./lifetime.ts"
import { badReport } from "./misuse.ts"
import { Recorder } from "./recorder.ts"

export interface ReportOptions {
  readonly maxResources?: number | undefined
  readonly timeout?: Duration.Input | undefined
}

export const reporting = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  f: (report: DropReport) => Effect.Effect<void>,
  options: ReportOptions = {}
): Effect.Effect<A, E, R> => {
  const bad = badReport("AsyncDrop.withReport", options)
  if (bad !== undefined) return Effect.die(bad)
  return Effect.uninterruptibleMask((restore) => {
    const reports = new Reports<A, E>(Fiber.getCurrent()!, f, options) // there is a current fibre here
    const observed = Effect.provideService(effect, DropObserver, reports.observer)
    return Effect.matchCauseEffect(restoring(restore, () => observed), {
      onSuccess: (value) => reports.ended(Exit.succeed(value)),
      onFailure: (cause) => reports.ended(Exit.failCause(cause))
    })
  })
}

class Reports<A, E> {
  readonly observer: Observer
  private recorder: Recorder | undefined
  private readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly f: (report: DropReport) => Effect.Effect<void>
  private readonly timeout: Duration.Duration
  private readonly running = new Set<Fiber.Fiber<void>>()

  constructor(fiber: AnyFiber, f: (report: DropReport) => Effect.Effect<void>, options: ReportOptions) {
    this.context = fiber.context
    this.clock = fiber.getRef(Clock.Clock)
    this.f = f
    this.timeout = Duration.fromInputUnsafe(options.timeout ?? "5 seconds")
    this.recorder = new Recorder(options.maxResources ?? 10_000)
    const outer = Context.get(this.context, DropObserver)
    // Kept by 2.
    this.observer = Object.assign((event: Event): void => {
      this.see(event)
      if (outer?.closes === true || (event._tag !== "Closing" && event._tag !== "Closed")) outer?.(event)
    }, { stacks: outer?.stacks, closes: true })
  }

  ended(exit: Exit.Exit<A, E>): Effect.Effect<A, E> {
    const rest = this.recorder?.rest(this.clock.monotonicTimeNanosUnsafe()) ?? []
    this.recorder = undefined
    for (const report of rest) this.start(report)
    if (this.running.size === 0) return exit
    const all = Effect.suspend(() => Fiber.awaitAll(this.running))
    return Effect.flatMap(Effect.timeoutOption(all, this.timeout), () => this.giveUp(exit))
  }

  private see(event: Event): void {
    const report = this.recorder?.see(event, this.clock.monotonicTimeNanosUnsafe())
    if (report !== undefined) this.start(report)
  }

  private start(report: DropReport): void {
    const told = Effect.catchCause(
      Effect.suspend(() => this.f(report)),
      (cause) =>
        Effect.logError(`AsyncDrop.withReport: the report of ${report.scopes[0].name} was not delivered`, cause)
    )
    const fiber = Effect.runForkWith(this.context)(told)
    this.running.add(fiber)
    fiber.addObserver(() => this.running.delete(fiber))
  }

  private giveUp(exit: Exit.Exit<A, E>): Effect.Effect<A, E> {
    const count = this.running.size
    if (count === 0) return exit
    for (const fiber of this.running) fiber.interruptUnsafe()
    const what = count === 1 ? "one report was" : `${count} reports were`
    return Effect.andThen(
      Effect.logWarning(`AsyncDrop.withReport: ${what} not delivered within ${Duration.format(this.timeout)}`),
      exit
    )
  }
}
