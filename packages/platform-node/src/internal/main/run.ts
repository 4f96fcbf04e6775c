// One program as the process: what ends it, by when, and with which exit code.
//
//   Running ──signal, uncaught error, end of the body──▶ Ending ──main has ended, or time is over──▶ Ended
//
// 1. The budget is counted once, from the first of what ends the program; whatever comes later does not move it.
// 2. Everything is told once: the errors, the report, the code.
// 3. The listeners are there from the start of the run to its end, and at no other time. Where the process exits, that
//    is when it is gone: a signal that comes again must not end it in another way. The watchdog is there as long.
// 4. One timer keeps the process alive during the run, and no other: a program may look at what does.
// 5. The main fibre is interrupted once.
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import * as DropDeadline from "@async-drop/core/DropDeadline"
import * as DropFailure from "@async-drop/core/DropFailure"
import { DropObserver } from "@async-drop/core/DropObserver"
import * as DropReporter from "@async-drop/core/DropReporter"
import * as DropScope from "@async-drop/core/DropScope"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { constVoid } from "effect/Function"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { constants } from "node:os"
import type { Report } from "../../NodeDrop.ts"
import { Closes } from "./closes.ts"
import { interrupt } from "./interrupt.ts"
import { exitWith, untold } from "./leave.ts"
import { Open } from "./open.ts"
import type { Settings } from "./options.ts"
import { say, textOf, wordsOf, wordsOfAlive } from "./say.ts"
import { annotation } from "./signal.ts"
import { watch, type Watchdog } from "./watchdog.ts"

type AnyExit = Exit.Exit<unknown, unknown>

/** Two signals in so short a time are one: a package manager sends on what the terminal has sent already. */
const sameSignal = 500

/** Whether there is a program of this process, or of this thread. */
let running = false

export class Run {
  private readonly settings: Settings
  private readonly open = new Open()
  private readonly closes = new Closes()
  /** What the main fibre came to, or nothing where it has not ended in time. */
  private readonly over = Deferred.makeUnsafe<AnyExit | undefined>()
  private readonly cut = Deferred.makeUnsafe<void>()
  private main: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** For the scopes inside the program, which know nothing of the budget. */
  private readonly within = Effect.runSync(DropDeadline.make)
  private context: Context.Context<never> = Context.empty()
  private bodyExit: AnyExit | undefined = undefined
  private signal: { readonly name: NodeJS.Signals; readonly at: number } | undefined = undefined
  private uncaught = false
  private forced: "budget" | "signal" | undefined = undefined
  private begun: number | undefined = undefined
  private deadline: NodeJS.Timeout | undefined = undefined
  private interrupted = false
  private stopped = false
  private readonly alive = setInterval(constVoid, 2_147_483_647)
  private readonly watchdog: Watchdog | undefined

  constructor(settings: Settings) {
    this.settings = settings
    this.watchdog = settings.watchdog === undefined ? undefined : watch(settings.watchdog)
  }

  static get isOne(): boolean {
    return running
  }

  start(effect: Effect.Effect<unknown, unknown, Scope.Scope | DropScope.DropScope<any>>): void {
    running = true
    this.listen()
    // A drop error is told at once, and does not wait, perhaps for weeks, for the end of the program.
    const body = DropScope.toReporter(effect)
    const noted = Effect.onExit(body, (exit) => Effect.sync(() => this.bodyEnded(exit)))
    const scoped = DropDeadline.provide(AsyncDrop.scoped(noted), this.within)
    const supervised = Effect.contextWith((context: Context.Context<never>) => {
      this.context = context
      this.main = Effect.runForkWith(context)(scoped)
      this.main.addObserver((exit) => this.end(exit))
      return Deferred.await(this.over)
    })
    const program = this.observes
      ? AsyncDrop.withReport(supervised, (report) => Effect.sync(() => this.closes.add(report)))
      : supervised
    const observed = Effect.provideService(program, DropObserver, this.open.observer)
    Effect.runFork(Effect.flatMap(observed, (exit) => Effect.catchCause(this.conclude(exit), untold)))
  }

  private get observes(): boolean {
    return this.settings.report !== "never" || this.settings.exitCode !== "signal"
  }

  private readonly onSignal = (name: NodeJS.Signals): void => {
    const at = performance.now()
    if (this.signal === undefined) {
      this.signal = { name, at }
      this.shutDown()
    } else if (this.settings.secondSignal === "force" && at - this.signal.at > sameSignal) {
      this.force("signal")
    }
  }

  private readonly onUncaught = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void => {
    const what = origin === "unhandledRejection" ? "A promise was rejected, and nobody caught it" : "An uncaught error"
    say(`${what}: ${textOf(error)}`)
    if (this.uncaught) return
    this.uncaught = true
    this.shutDown()
  }

  private shutDown(): void {
    this.begin(false)
    this.interrupt()
  }

  /** Its own scope is closed next. */
  private bodyEnded(exit: AnyExit): void {
    this.bodyExit = exit
    this.open.closing = true
    this.begin(true)
  }

  private begin(ended: boolean): void {
    if (this.begun !== undefined) return // kept by 1
    this.begun = performance.now()
    this.closes.begin(ended)
    this.deadline = setTimeout(() => this.force("budget"), this.settings.budget).unref()
    const { budget } = this.settings
    // A little less, so that what is forced and given up on is told before the process has to end.
    Effect.runSyncWith(this.context)(DropDeadline.begin(this.within, budget - Math.min(50, budget / 10)))
    this.watchdog?.limit(this.settings.budget + 100)
  }

  private interrupt(): void {
    if (this.interrupted || this.main === undefined) return // kept by 5
    this.interrupted = true
    interrupt({
      main: this.main,
      within: this.settings.budget / 2,
      bodyEnded: () => this.bodyExit !== undefined,
      annotations: () => this.signal === undefined ? undefined : annotation(this.signal.name)
    })
  }

  private force(why: "budget" | "signal"): void {
    if (this.forced !== undefined) return
    this.forced = why
    this.end(undefined)
    Deferred.doneUnsafe(this.cut, Exit.void)
  }

  private end(exit: AnyExit | undefined): void {
    Deferred.doneUnsafe(this.over, Exit.succeed(exit))
  }

  private conclude(exit: AnyExit | undefined): Effect.Effect<void> {
    this.begin(true) // the reports have their limit, too
    return Effect.gen({ self: this }, function*() {
      yield* this.logged(exit)
      yield* Effect.raceFirst(DropReporter.awaitAll, Deferred.await(this.cut))
      yield* Effect.sync(() => this.leave(exit))
    })
  }

  /** The error of the body too, where an interrupt has taken its place since. */
  private logged(exit: AnyExit | undefined): Effect.Effect<void> {
    if (this.settings.disableErrorReporting) return Effect.void
    const causes = exit === undefined ? [this.bodyExit] : isFailure(exit) ? [exit] : [this.bodyExit, bodyOf(exit)]
    const cause = causes.find(isFailure)?.cause
    if (cause === undefined) return Effect.void
    const error = Cause.squash(cause)
    const logged = Effect.suspend(() => Runtime.getErrorReported(error) ? Effect.logError(cause) : Effect.void)
    return Effect.catchCause(
      logged,
      (why) =>
        Effect.sync(() =>
          say(`The program failed with ${textOf(error)}. That could not be logged: ${textOf(Cause.squash(why))}`)
        )
    )
  }

  private leave(exit: AnyExit | undefined): void {
    const report = this.reportOf(exit)
    const ends = this.signal !== undefined || this.uncaught || this.forced !== undefined
    if (!ends && report.code === 0) this.stop()
    if (this.tells(report)) say(wordsOf(report))
    const code = this.codeOf(report)
    if (ends || code !== 0) exitWith(code)
    this.stop()
    if (this.settings.report !== "never") this.tellWhatStays()
  }

  private reportOf(exit: AnyExit | undefined): Report {
    const { bodyExit, closes, forced, open, signal, uncaught } = this
    const told = {
      closes: closes.all,
      leftOut: closes.leftOut,
      before: closes.before,
      open: open.resources,
      releasing: open.releasing,
      uncaught,
      duration: performance.now() - this.begun!, // it has begun
      ...(exit === undefined ? {} : { exit }),
      ...(bodyExit === undefined ? {} : { bodyExit }),
      ...(signal === undefined ? {} : { signal: signal.name }),
      ...(forced === undefined ? {} : { forced })
    }
    return { ...told, code: this.usualCode(told) }
  }

  private usualCode(report: Omit<Report, "code">): number {
    const { exit, forced, signal, uncaught } = report
    if (uncaught) return 1
    const interrupted = exit !== undefined && exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)
    if (this.settings.exitCode === "zero" && (signal !== undefined || interrupted)) return this.isWell(report) ? 0 : 1
    if (signal !== undefined) return 128 + constants.signals[signal]
    if (forced !== undefined || exit === undefined) return 1
    if (exit._tag === "Success") return this.open.failed ? 1 : 0
    return interrupted ? 130 : Runtime.getErrorExitCode(Cause.squash(exit.cause))
  }

  /** A code that is none would throw in the last moment. */
  private codeOf(report: Report): number {
    const { exitCode } = this.settings
    if (typeof exitCode !== "function") return report.code
    const chosen = Effect.runSyncExit(Effect.sync(() => exitCode(report)))
    if (chosen._tag === "Success" && Number.isInteger(chosen.value) && chosen.value >= 0 && chosen.value <= 255) {
      return chosen.value
    }
    const what = chosen._tag === "Success"
      ? `returned ${textOf(chosen.value)}`
      : `failed: ${textOf(Cause.squash(chosen.cause))}`
    say(`NodeDrop.runMain: exitCode ${what}. Return a whole number from 0 to 255`)
    return report.code === 0 ? 1 : report.code
  }

  private tells(report: Report): boolean {
    if (this.settings.report !== "failures") return this.settings.report === "always"
    const ended = report.signal !== undefined || report.uncaught
    const failed = isFailure(report.bodyExit) || isFailure(report.exit)
    return !this.wasReleased || (ended && failed)
  }

  private get wasReleased(): boolean {
    return this.forced === undefined && this.closes.allWell
  }

  private isWell(report: Omit<Report, "code">): boolean {
    return this.wasReleased && !isFailure(report.exit) && !isFailure(report.bodyExit)
  }

  /** Whatever stays: this timer does not. */
  private tellWhatStays(): void {
    const tell = () => {
      const all = process.getActiveResourcesInfo()
      say(wordsOfAlive(withoutOutput(all), this.open.resources))
    }
    setTimeout(tell, 1000).unref()
  }

  private listen(): void {
    for (const signal of this.settings.signals) process.on(signal, this.onSignal)
    if (this.settings.onUncaught === "release") process.on("uncaughtException", this.onUncaught)
  }

  /** The process is left to itself. */
  private stop(): void {
    if (this.stopped) return
    this.stopped = true
    running = false
    for (const signal of this.settings.signals) process.off(signal, this.onSignal)
    process.off("uncaughtException", this.onUncaught)
    clearInterval(this.alive)
    clearTimeout(this.deadline)
    Effect.runSync(DropDeadline.end(this.within))
    this.watchdog?.unlimit()
  }
}

const isFailure = (exit: AnyExit | undefined): exit is Exit.Failure<unknown, unknown> =>
  exit !== undefined && exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause)

/** A scope that was interrupted while it closed says what its body had come to. */
const bodyOf = (exit: AnyExit): AnyExit | undefined =>
  exit._tag === "Success" ? undefined : Option.getOrUndefined(DropFailure.fromCause(exit.cause))?.exit

/** Without stdout and stderr, which are named there once they were used and keep nothing alive. */
const withoutOutput = (alive: ReadonlyArray<string>): ReadonlyArray<string> => {
  let left = 2
  const others = alive.filter((name) => !((name === "TTYWrap" || name === "PipeWrap") && left-- > 0))
  return others.length > 0 ? others : alive
}
