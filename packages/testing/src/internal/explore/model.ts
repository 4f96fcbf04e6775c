// What a user of `Explore` meets: what a program is given, the options, the report.
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * What an explored program is given. All but `victim` are plain functions, to be called while the program
 * runs: they take no step of their own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Control {
  /** One of `0` to `n - 1`: each is explored. For faults: `ctl.choose(2) === 1`. */
  readonly choose: (n: number) => number
  /** One of the given values: each is explored. */
  readonly oneOf: <const A extends ReadonlyArray<unknown>>(...options: A) => A[number]
  /** While `effect` runs, its fibre may be interrupted at any step, or while it waits. */
  readonly victim: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Fails the schedule, whoever catches what this throws. */
  readonly invariant: (condition: boolean, message: string) => void
  /** Asked at each step from now on: `false`, or a thrown value, fails the schedule. */
  readonly always: (message: string, holds: () => boolean | void) => void
  /** Asked when nothing is left to run. */
  readonly atEnd: (message: string, holds: () => boolean | void) => void
  /** Names the current fibre in the timeline. */
  readonly name: (name: string) => void
  /** A line in the timeline. */
  readonly log: (text: string) => void
}

/**
 * A program to explore: an effect, or a function that gives one. It runs once for each schedule, so it makes
 * the state that it shares between its fibres itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Program<A, E, R> = Effect.Effect<A, E, R> | ((ctl: Control) => Effect.Effect<A, E, R>)

/** The services that a program needs from outside: each run has a scope of its own. */
export type Needs<R> = Exclude<R, Scope.Scope>

/**
 * How to explore.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Says what is explored; a token belongs to this name. Default: `"program"`. */
  readonly name?: string | undefined
  /**
   * `"exhaustive"`: every schedule within the bounds, depth first. `"random"`: schedules drawn by `seed`, for
   * programs that are too large. Default: `"exhaustive"`.
   */
  readonly strategy?: "exhaustive" | "random" | undefined
  /** The token of a failed schedule: that one is run, and no other. The bounds are in the token. */
  readonly replay?: string | undefined
  /** At most so many schedules. Default: 100,000 exhaustive, 1,000 random. */
  readonly schedules?: number | undefined
  /** At most so much time, measured on the real clock. Default: no limit. */
  readonly timeLimit?: Duration.Input | undefined
  /** How often a fibre may be stopped between two steps, in one schedule. Default: 2. */
  readonly preemptions?: number | undefined
  /** How often a victim may be interrupted, in one schedule. Default: 1. */
  readonly interrupts?: number | undefined
  /** How often the next timer may fire though tasks are ready, in one schedule. Default: 0. */
  readonly delays?: number | undefined
  /** After so many steps a run is a livelock. Default: 10,000. */
  readonly steps?: number | undefined
  /** Of the random strategy. Default: 1. */
  readonly seed?: number | undefined
  /** Of the random strategy: how likely each is, times what spreads the bound over a run. Default: 1 each. */
  readonly weights?: { readonly preempt?: number | undefined; readonly interrupt?: number | undefined } | undefined
  /** Whether a fibre that still waits at the end is a failure. Default: `true`. */
  readonly leaks?: boolean | undefined
  /**
   * Whether a schedule is left out that differs from another only by stopping or interrupting a fibre
   * before a step that no other fibre can tell. Default: `true`.
   */
  readonly prune?: boolean | undefined
  /** At most so many runs to make a failing schedule smaller. Default: 1,000. */
  readonly shrinks?: number | undefined
}

/**
 * What is wrong with a schedule.
 *
 * - `failed`: the program's exit is a failure, or an assertion failed in one of its fibres
 * - `invariant`: `invariant`, `always` or `atEnd` does not hold
 * - `deadlock`: the program waits, and nothing is left that could wake it
 * - `livelock`: it used up its steps
 * - `escape`: it waited for something outside, a promise say, which came
 * - `leak`: it ended, and a fibre of it still waits
 * - `nondeterministic`: the same choices led to another run
 *
 * @category models
 * @since 0.1.0
 */
export type FailureKind = "failed" | "invariant" | "deadlock" | "livelock" | "escape" | "leak" | "nondeterministic"

/**
 * A failing schedule, made as small as it would get.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure {
  readonly kind: FailureKind
  /** One line. */
  readonly message: string
  /** The cause, of `failed` and `invariant`. */
  readonly cause: Cause.Cause<unknown> | undefined
  /** Replays this schedule: `{ replay: token }`. */
  readonly token: string
  /** What each fibre did, in the order in which it happened. */
  readonly timeline: string
  /** It was found in this schedule, counted from 1. */
  readonly schedule: number
  /** How many choices were not the first option, when found and after shrinking. */
  readonly shrunk: { readonly from: number; readonly to: number }
}

/**
 * What an exploration came to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly name: string
  readonly strategy: "exhaustive" | "random" | "replay"
  /** How many runs there were, without those that were given up and those that made a failure smaller. */
  readonly schedules: number
  /** How many runs were given up early, because another schedule is equal. */
  readonly pruned: number
  /** The steps of all these runs. */
  readonly steps: number
  /** Whether every schedule within the bounds was run. Never so for the random strategy. */
  readonly ended: boolean
  /** The first failing schedule; exploring stops at it. */
  readonly failure: Failure | undefined
  readonly millis: number
}

/**
 * Whether the same choices give the same run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Determinism {
  readonly deterministic: boolean
  /** How many schedules were run, each twice. */
  readonly schedules: number
  /** What the program asked of the outer world, with the line that did: `Math.random (…/store.ts:12:20)`. */
  readonly calls: ReadonlyArray<string>
  /** Why it is not deterministic. */
  readonly message: string | undefined
}
