/**
 * Runs a program under every schedule: each order of its fibres and timers, each preemption, interruption
 * and fault within the bounds asked for.
 *
 * @since 0.1.0
 */
import * as Vitest from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { determinism } from "./internal/explore/determinism.ts"
import { explore } from "./internal/explore/explore.ts"
import { longer } from "./internal/explore/longer.ts"
import type { Determinism, Needs, Options, Program, Report } from "./internal/explore/model.ts"
import { render as renderReport } from "./internal/explore/print.ts"

export type {
  Control,
  Determinism,
  Failure,
  FailureKind,
  Needs,
  Options,
  Program,
  Report
} from "./internal/explore/model.ts"

/**
 * A schedule of an explored program fails, or there were more schedules than it was allowed to run. The
 * message says what failed, shows what each fibre did, and how to run that schedule again.
 *
 * @category errors
 * @since 0.1.0
 */
export class ExploreFailed extends Data.TaggedError("ExploreFailed")<{
  readonly report: Report
  readonly message: string
}> {}

/**
 * Runs a program under every schedule, and reports what it found as data.
 *
 * **When to use**
 *
 * To look at the report: how many schedules there are, what the failure's timeline and token are. In a
 * test, `effect` and `assert` fail by themselves.
 *
 * **Details**
 *
 * The program runs synchronously, once for each schedule, with a virtual clock, a seeded `Random`, no
 * logger and a `Scope` of its own. Where Effect's runtime could go on in more than one way there is a
 * choice: which ready task or due timer is next, whether a fibre is stopped between two steps, whether a
 * victim (`ctl.victim`) is interrupted here, what `ctl.choose` gives. The `exhaustive` strategy takes each
 * of them in turn; `preemptions` and `interrupts` bound how many of those one schedule has. A step is one
 * operation of Effect's run loop.
 *
 * Layers that the program provides itself are built anew in each run. Services of the caller are shared by
 * all runs.
 *
 * **Interruption**
 *
 * The caller can interrupt it between two schedules, at intervals of some 25 ms. The program's own fibres
 * are given up where they are.
 *
 * **Gotchas**
 *
 * State made outside the program is shared by all runs: make it inside. A loop that never comes back to
 * Effect (`while (true) {}`) cannot be stopped. A program that is no effect, a bad option and a token of
 * another program are a `DropUsageError`.
 *
 * **Example** (A lost update)
 *
 * ```ts
 * import { Explore } from "@async-drop/testing"
 * import { Effect } from "effect"
 *
 * const program = (ctl: Explore.Control) =>
 *   Effect.gen(function*() {
 *     let count = 0
 *     const increment = Effect.gen(function*() {
 *       const seen = yield* Effect.sync(() => count)
 *       yield* Effect.sync(() => count = seen + 1)
 *     })
 *     yield* Effect.all([increment, increment], { concurrency: 2 })
 *     ctl.invariant(count === 2, "an update was lost")
 *   })
 *
 * const report = await Effect.runPromise(Explore.check(program, { name: "counter" }))
 * report.failure?.kind // => "invariant"
 * report.failure?.message // => "an update was lost"
 *
 * const { failure } = await Effect.runPromise(Explore.check(program, { name: "counter", replay: report.failure!.token }))
 * failure?.timeline === report.failure?.timeline // => true
 * ```
 *
 * @see {@link effect} for a test
 * @category running
 * @since 0.1.0
 */
export const check = <A, E, R>(
  program: Program<A, E, R>,
  options: Options = {}
): Effect.Effect<Report, never, Needs<R>> => Effect.suspend(() => explore(program, options))

/**
 * Runs a program under every schedule, and fails when one of them fails, or when `exhaustive` could not
 * run them all.
 *
 * **When to use**
 *
 * Inside a test that exists already, as within `it.layer`: the program then uses the services of the test.
 *
 * **Interruption**
 *
 * As of `check`.
 *
 * @see {@link effect} for a test of its own
 * @category running
 * @since 0.1.0
 */
export const assert = <A, E, R>(
  program: Program<A, E, R>,
  options: Options = {}
): Effect.Effect<Report, ExploreFailed, Needs<R>> =>
  Effect.filterOrFail(
    check(program, options),
    (report) => report.failure === undefined && (report.ended || report.strategy !== "exhaustive"),
    (report) => new ExploreFailed({ report, message: render(report) })
  )

/**
 * Runs schedules twice and says whether the same choices gave the same run, and what the program asked of
 * the outer world: `Math.random`, the wall clock, real timers.
 *
 * **Details**
 *
 * It draws 20 schedules, or as many as `schedules` says. While one runs, the functions it looks for are
 * replaced by ones that note their caller.
 *
 * **Interruption**
 *
 * None: it takes no time but its own.
 *
 * **Example** (A program that throws dice)
 *
 * ```ts
 * import { Explore } from "@async-drop/testing"
 * import { Effect, Random } from "effect"
 *
 * const dice = Effect.sync(() => Math.random())
 * const { calls, deterministic } = await Effect.runPromise(Explore.checkDeterminism(dice))
 * deterministic // => false
 * calls[0]?.startsWith("Math.random") // => true
 *
 * const seeded = await Effect.runPromise(Explore.checkDeterminism(Random.next))
 * seeded.deterministic // => true
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const checkDeterminism = <A, E, R>(
  program: Program<A, E, R>,
  options: Options = {}
): Effect.Effect<Determinism, never, Needs<R>> => Effect.suspend(() => determinism(program, options))

/**
 * Gives a report as text: for a failure what failed, the timeline, and the line that runs the schedule again.
 *
 * @category printing
 * @since 0.1.0
 */
export const render = (report: Report): string => renderReport(report)

/**
 * The options of a test: how to explore, and after how many milliseconds vitest gives up.
 *
 * @category options
 * @since 0.1.0
 */
export interface TestOptions extends Omit<Options, "name"> {
  /** Of the whole test. Default: 120,000. */
  readonly timeout?: number | undefined
}

/**
 * Makes a test of a name, options and a program.
 *
 * @category models
 * @since 0.1.0
 */
export interface Test {
  <A, E>(name: string, options: TestOptions, program: Program<A, E, Scope.Scope>): void
}

const register = (test: Vitest.Vitest.Test<Scope.Scope>): Test => (name, options, program) => {
  const { timeout = 120_000, ...rest } = longer(options)
  const says = (context: Vitest.TestContext, report: Report) =>
    rest.timeLimit === undefined ? Effect.void : Effect.promise(() => context.annotate(render(report)))
  test(name, (context) => Effect.tap(assert(program, { ...rest, name }), (report) => says(context, report)), timeout)
}

/**
 * A test that runs a program under every schedule, and fails with the timeline and the token of one that
 * fails.
 *
 * **Details**
 *
 * `skip`, `only` and `fails` are those of vitest. A token that was printed goes into the options, as
 * `replay`: then that schedule is run, and no other. With `EXPLORE_SECONDS=60` in the environment, and an
 * `EXPLORE_SEED` if one likes, each test draws schedules for that long, with one more preemption and interrupt
 * than it asks for. A test that has a time, by that or by `timeLimit`, says in an annotation how many
 * schedules it came to: `vitest run --reporter verbose` shows it.
 *
 * **Interruption**
 *
 * As of `check`: vitest interrupts it when the test takes too long.
 *
 * **Example** (Two fibres and a lock)
 *
 * ```ts no-run
 * import { Explore } from "@async-drop/testing"
 * import { Effect, Semaphore } from "effect"
 *
 * Explore.effect("never two at once", { preemptions: 2 }, (ctl) =>
 *   Effect.gen(function*() {
 *     const lock = yield* Semaphore.make(1)
 *     let inside = 0
 *     ctl.always("at most one holder", () => inside < 2)
 *     const visit = Effect.acquireUseRelease(
 *       Effect.sync(() => inside++),
 *       () => Effect.yieldNow,
 *       () => Effect.sync(() => inside--)
 *     )
 *     yield* Effect.all([visit, visit].map(lock.withPermits(1)), { concurrency: 2 })
 *   }))
 * ```
 *
 * @see {@link check} for a report instead
 * @see {@link assert} within a test that exists already
 * @category tests
 * @since 0.1.0
 */
export const effect: Test & { readonly skip: Test; readonly only: Test; readonly fails: Test } = Object.assign(
  register(Vitest.live),
  { skip: register(Vitest.live.skip), only: register(Vitest.live.only), fails: register(Vitest.live.fails) }
)
