/**
 * A program as the process: it gives everything back before the process ends, whatever ends it.
 *
 * @since 0.1.0
 */
import type { DropReport } from "@async-drop/core/DropReport"
import * as DropReporter from "@async-drop/core/DropReporter"
import type { DropScope } from "@async-drop/core/DropScope"
import { DropUsageError } from "@async-drop/core/DropUsageError"
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { toErrorReporter } from "./internal/main/error-reporter.ts"
import { secondProgram, settingsOf } from "./internal/main/options.ts"
import { Run } from "./internal/main/run.ts"
import { say } from "./internal/main/say.ts"
import * as signal from "./internal/main/signal.ts"

/**
 * The options of `runMain`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How long the whole shutdown may take, from what asked for it to the exit. Default 10 seconds. */
  readonly budget?: Duration.Input | undefined
  /** What ends the program in order. Default SIGINT, SIGTERM and SIGHUP. */
  readonly signals?: ReadonlyArray<NodeJS.Signals> | undefined
  /**
   * The exit code after a signal: 128 and its number (`signal`, the default); or 0 where all was given back,
   * else 1 (`zero`). A function decides it for every end of the program; the usual code is in what it is given.
   */
  readonly exitCode?: "signal" | "zero" | ((report: Report) => number) | undefined
  /**
   * An error that nobody caught, or a rejected promise: it is printed, all is released, the exit code is 1
   * (`release`, the default); or the process exits at once, as without this module (`exit`).
   */
  readonly onUncaught?: "release" | "exit" | undefined
  /**
   * A second signal ends the process at once, and says what is left (`force`, the default), or changes nothing
   * (`ignore`). Within 500 ms after the first it is taken for the same, and so is what comes while the event loop is
   * blocked.
   */
  readonly secondSignal?: "force" | "ignore" | undefined
  /**
   * A thread kills the process when its event loop has been blocked for so long, or is blocked at the end of
   * the budget, until it is gone: an exit listener may block as well. At least 100 ms. Default: no such thread.
   */
  readonly watchdog?: Duration.Input | undefined
  /** When stderr gets the record of the shutdown: if something was not well (`failures`, the default), `always` or `never`. */
  readonly report?: "failures" | "always" | "never" | undefined
  /** As in `NodeRuntime.runMain`: `true` leaves out the log entry of what the program failed with. Default `false`. */
  readonly disableErrorReporting?: boolean | undefined
}

/**
 * How a program ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** The first signal that came. */
  readonly signal?: NodeJS.Signals
  /** What the program came to; not there where it was ended by force. */
  readonly exit?: Exit.Exit<unknown, unknown>
  /** What it had come to before the scope that `runMain` gave it was closed. */
  readonly bodyExit?: Exit.Exit<unknown, unknown>
  /** Whether an error that nobody caught ended it. */
  readonly uncaught: boolean
  /** What cut it short: its budget, or a second signal. */
  readonly forced?: "budget" | "signal"
  /**
   * The closes of the shutdown; where no signal came, with what ended right before. Of more than 100 the last one is
   * here, and those that were not well before those that were.
   */
  readonly closes: ReadonlyArray<DropReport>
  /** How many closes of the shutdown are not in `closes`. */
  readonly leftOut: number
  /** The closes before it that were not well, the last 20: they change no exit code. */
  readonly before: ReadonlyArray<DropReport>
  /** The resources that were not given back, by name, the newest first. */
  readonly open: ReadonlyArray<string>
  /** Those of them whose release has begun, and has not ended. */
  readonly releasing: ReadonlyArray<string>
  /** How long the shutdown took, in milliseconds. */
  readonly duration: number
  /** The exit code that it has unless `exitCode` is a function. */
  readonly code: number
}

/**
 * Runs a program as the process, and gives back what it took before the process ends.
 *
 * **When to use**
 *
 * In place of `NodeRuntime.runMain`.
 *
 * **Details**
 *
 * A signal, or an error that nobody caught, interrupts the program; its
 * releases run, and reports that are on their way arrive. When the `budget` is
 * over the process exits, and says which resources of async-drop were not given
 * back, and which of these were being released. What a program fails with is logged and is exit code 1; after success the
 * process ends when nothing keeps it alive, and where something does, stderr is
 * told what, once, after a second.
 *
 * The program may leave its scope to `runMain`: what it acquires is then
 * released within the budget as `AsyncDrop.scoped` does, its last tenth kept for
 * what has to be forced. What a release fails with there goes to the
 * `DropReporter` at once, and makes the exit code 1 where it would be 0. The scopes inside it have a part in the same
 * budget, and for all of it the process exits when that is over.
 *
 * Bare (`program.pipe(NodeDrop.runMain)`) or with options
 * (`program.pipe(NodeDrop.runMain({ budget: "5 seconds" }))`). Options that make
 * no sense are a `DropUsageError` on stderr and exit code 1, before the
 * program is run.
 *
 * **Interruption**
 *
 * A signal that comes while the program is uninterruptible interrupts it as
 * soon as it is not. Of uninterruptible regions that follow each other at once it
 * waits for one that ends well; where all of them fail, for half of the budget.
 *
 * **Gotchas**
 *
 * An event loop that is blocked sees no signal and no limit: that is what
 * `watchdog` is for. It ends the process by SIGKILL, so nothing is released.
 *
 * What does not end may also be something that is not made by this library: it
 * is in no list, and stderr says so where nothing of ours is open.
 *
 * A process has one program: a second `runMain` while the first runs throws a
 * `DropUsageError`, and the first is released. In a worker thread no signal
 * comes, and what exits is the thread.
 *
 * Who exits at once, on a second signal, still ends what `ChildDrop` and
 * `TempDrop` have open: that needs no turn of the event loop.
 *
 * A program that provides a `DropObserver` of its own hides its resources from
 * the report, unless it hands the events on to the one that was there.
 *
 * **Example** (A program that holds something until it is told to stop)
 *
 * ```ts no-run
 * import { AsyncDrop } from "@async-drop/core"
 * import { NodeDrop } from "@async-drop/platform-node"
 * import { Console, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   yield* AsyncDrop.acquireRelease(Console.log("open"), () => Console.log("closed"), { name: "door" })
 *   return yield* Effect.never
 * })
 *
 * program.pipe(NodeDrop.runMain({ budget: "5 seconds" }))
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const runMain: {
  (options?: Options): <A, E>(effect: Effect.Effect<A, E, Scope.Scope | DropScope<any>>) => void
  // any: the errors of its releases, whatever they are, become what the program fails with
  <A, E>(effect: Effect.Effect<A, E, Scope.Scope | DropScope<any>>, options?: Options): void
} = ((first?: Options | Main, options: Options = {}) => {
  if (Effect.isEffect(first)) return run(first, options)
  return (effect: Main) => run(effect, first ?? {})
}) as never // an implementation cannot say that its result follows from its arguments

type Main = Effect.Effect<unknown, unknown, Scope.Scope | DropScope<any>>

const run = (effect: Main, options: Options): void => {
  // Thrown, and no exit: the one that runs is to be released.
  if (Run.isOne) throw secondProgram()
  const settings = settingsOf(options)
  if (settings instanceof DropUsageError) {
    say(`DropUsageError: ${settings.message}`)
    process.exit(1)
  }
  new Run(settings).start(effect)
}

/**
 * Gives the signal for which `runMain` interrupted the program, from the cause that the interrupt became.
 *
 * **When to use**
 *
 * Where a release, or what is said last, depends on what ended the program.
 *
 * **Details**
 *
 * None for any other cause: an error, an interrupt of the program's own. The
 * signal is in the cause of the program itself and of what it runs in place; a
 * fibre that it forked is interrupted by it, not by the signal.
 *
 * **Example** (A release that says why)
 *
 * ```ts no-run
 * import { AsyncDrop } from "@async-drop/core"
 * import { NodeDrop } from "@async-drop/platform-node"
 * import { Console, Effect, Exit, Option } from "effect"
 *
 * const whyOf = (exit: Exit.Exit<unknown, unknown>) =>
 *   Exit.isFailure(exit) ? Option.getOrElse(NodeDrop.signalOf(exit.cause), () => "an error") : "its end"
 *
 * const program = Effect.gen(function*() {
 *   yield* AsyncDrop.acquireRelease(Effect.void, (_, exit) => Console.log(`closed for ${whyOf(exit)}`), { name: "door" })
 *   return yield* Effect.never
 * })
 *
 * program.pipe(NodeDrop.runMain)
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const signalOf = (cause: Cause.Cause<unknown>): Option.Option<NodeJS.Signals> => signal.signalOf(cause)

/**
 * Hands the drop errors that no result carries to the reporters of Effect's `ErrorReporter` as well.
 *
 * **Details**
 *
 * They get an `Error` whose message is that of `DropError.toText`, with the
 * severity `Error` and the attributes `resource`, `phase` and `key`; its `cause` is
 * what the release failed with. One that is marked to be ignored is not handed
 * on. The `DropReporter` of the context gets each error as before.
 *
 * **Gotchas**
 *
 * `ErrorReporter` is an unstable module of Effect: a minor version may change it.
 *
 * **Example** (Both are told)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { NodeDrop } from "@async-drop/platform-node"
 * import { Effect, ErrorReporter, Layer } from "effect"
 *
 * const seen: Array<string> = []
 * const reporter = ErrorReporter.make(({ error }) => void seen.push(error.message))
 * const program = Effect.scoped(
 *   AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk gone"), { name: "log" })
 * ).pipe(Effect.provide(Layer.provideMerge(NodeDrop.layerErrorReporter, ErrorReporter.layer([reporter]))))
 *
 * await Effect.runPromise(program)
 * seen // => ["log: its release died of disk gone"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerErrorReporter: Layer.Layer<never> = Layer.effect(
  DropReporter.DropReporter,
  Effect.map(DropReporter.DropReporter, toErrorReporter)
)
