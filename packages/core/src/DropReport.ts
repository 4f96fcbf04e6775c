/**
 * The record of one close: what was released, how, when, and for how long.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as S from "effect/Schema"
import type { Phase } from "./DropError.ts"
import type { Limit } from "./DropTimeout.ts"
import { noted } from "./internal/noting.ts"
import { waterfall } from "./internal/waterfall.ts"

/**
 * The record of one close, as plain data.
 *
 * **Details**
 *
 * `scopes[0]` is the close itself. The others ran inside of it, and each comes
 * after the one that its `parent` points at: a tree in a list, as the spans of a
 * trace, so that no depth of nesting is too deep to be sent, read or walked.
 * All times are in milliseconds; each `startedAt` counts from the start of
 * `scopes[0]`, on the monotonic clock.
 *
 * It holds names, keys and error texts, and no value of a program.
 *
 * **Example** (The resources that did not end well)
 *
 * ```ts
 * import type { DropReport } from "@async-drop/core"
 *
 * const unwell = (report: DropReport.DropReport) =>
 *   report.scopes.flatMap((scope) => scope.resources).filter((resource) => resource.result !== "released")
 *
 * unwell({
 *   schemaVersion: 1,
 *   totals: {
 *     scopes: 1, resources: 1, released: 1, failed: 0, died: 0, interrupted: 0, abandoned: 0, unfinished: 0,
 *     forced: 0, late: 0, leftOut: 0
 *   },
 *   scopes: [{
 *     name: "app", concurrency: 1, startedAt: 0, duration: 12, finished: true, leftOut: 0,
 *     resources: [{ name: "log", phase: "graceful", result: "released", startedAt: 0, duration: 12 }]
 *   }]
 * }) // => []
 * ```
 *
 * @see `AsyncDrop.withReport`, which makes it
 * @category models
 * @since 0.1.0
 */
export interface DropReport {
  readonly schemaVersion: 1
  readonly totals: Totals
  readonly scopes: readonly [Scope, ...Array<Scope>]
}

/**
 * What came of all resources together, listed in `scopes` or left out there.
 *
 * **Details**
 *
 * `resources` is the sum of `released`, `failed`, `died`, `interrupted`,
 * `abandoned` and `unfinished`. `forced` counts those whose phase is `force`,
 * `late` those that ended after they were given up on, `leftOut` those that are
 * not listed; each is counted above as well.
 *
 * @category models
 * @since 0.1.0
 */
export interface Totals extends Readonly<Record<Result, number>> {
  readonly scopes: number
  readonly resources: number
  readonly forced: number
  readonly late: number
  readonly leftOut: number
}

/**
 * One close of one owner.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scope {
  readonly name: string
  /** Where in `scopes` the close is that it ran inside of. */
  readonly parent?: number
  /** Which of the parent's `resources` it was the release of: a map, a stack or a store. */
  readonly of?: number
  readonly concurrency: number | "unbounded"
  readonly budget?: Budget
  readonly startedAt: number
  readonly duration: number
  /** `false` where it was still under way when the report was made. */
  readonly finished: boolean
  /** In the order in which they were begun. */
  readonly resources: ReadonlyArray<Resource>
  /** How many more there were, beyond `maxResources`. */
  readonly leftOut: number
}

/**
 * The budget of a close, and how much of it went by, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Budget {
  readonly limit: number
  readonly spent: number
}

/**
 * What became of one resource.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resource {
  readonly name: string
  /** Its key in a map or a store, as text. */
  readonly key?: string
  /** How far its release got. */
  readonly phase: Phase
  readonly result: Result
  /** What its release came to, where that is not success, in one line. */
  readonly error?: string
  /** What its release said of itself, by `note`. */
  readonly note?: string
  /** The last limit that passed. */
  readonly limit?: Limit
  /** Not there where the release never started: its uses, or what depends on it, outlasted the limit. */
  readonly startedAt?: number
  /** From the start to the end of the release, or to the moment it was given up on. */
  readonly duration: number
  readonly waited?: Waited
  readonly late?: ReadonlyArray<Late>
}

/**
 * Says a word about the release that is running, for its row in the report.
 *
 * **When to use**
 *
 * To tell how something ended that is no error: with which status a process
 * exited, how many jobs a queue still had.
 *
 * **Details**
 *
 * A release may say it before it ends, well or not, and so may what was given as
 * `force`. The last word counts. Outside of a release, and where nobody watches,
 * it is said to nobody.
 *
 * **Interruption**
 *
 * It waits for nothing.
 *
 * **Example** (A queue that says what it still did)
 *
 * ```ts
 * import { AsyncDrop, DropReport } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const notes: Array<string | undefined> = []
 * const queue = AsyncDrop.acquireRelease(
 *   Effect.succeed(["a", "b"]),
 *   (jobs) => DropReport.note(`${jobs.length} jobs flushed`),
 *   { name: "queue" }
 * )
 * const program = AsyncDrop.scoped(queue).pipe(
 *   AsyncDrop.withReport((report) =>
 *     Effect.sync(() => notes.push(...report.scopes[0].resources.map(({ note }) => note)))
 *   )
 * )
 *
 * await Effect.runPromise(program) // => ["a", "b"]
 * notes // => ["2 jobs flushed"]
 * ```
 *
 * @category reporting
 * @since 0.1.0
 */
export const note = (text: string): Effect.Effect<void> => noted(text)

/**
 * What had to end before a release could start, and for how many milliseconds it waited.
 *
 * @category models
 * @since 0.1.0
 */
export interface Waited {
  readonly for: ReadonlyArray<string>
  readonly duration: number
}

/**
 * What ended after it had been given up on, before the close did: `phase` says
 * which of its attempts that was, `duration` is from the start of its release.
 *
 * @category models
 * @since 0.1.0
 */
export interface Late {
  readonly phase: Phase
  readonly duration: number
  readonly result: Ended
  readonly error?: string
}

/**
 * What something came to that has ended: `failed` with an error of its type,
 * `died` of a defect, or was `interrupted`.
 *
 * @category models
 * @since 0.1.0
 */
export type Ended = "released" | "failed" | "died" | "interrupted"

/**
 * What a resource came to: `abandoned` where its release was given up on, or
 * never started, `unfinished` where the close around it ended before it did.
 *
 * @category models
 * @since 0.1.0
 */
export type Result = Ended | "abandoned" | "unfinished"

/**
 * A report as JSON, both ways.
 *
 * **Details**
 *
 * The encoded form is the report itself; what is read must be consistent: each
 * `parent` points at an earlier scope, each `of` at a resource of it.
 *
 * **Example** (To text and back)
 *
 * ```ts
 * import { DropReport } from "@async-drop/core"
 * import { Effect, Schema } from "effect"
 *
 * const Json = Schema.fromJsonString(DropReport.Schema)
 * const text = `{
 *   "schemaVersion": 1,
 *   "totals": {
 *     "scopes": 1, "resources": 0, "released": 0, "failed": 0, "died": 0, "interrupted": 0, "abandoned": 0,
 *     "unfinished": 0, "forced": 0, "late": 0, "leftOut": 0
 *   },
 *   "scopes": [{
 *     "name": "app", "concurrency": 1, "startedAt": 0, "duration": 2.5, "finished": true, "resources": [], "leftOut": 0
 *   }]
 * }`
 * const report = Effect.runSync(Schema.decodeEffect(Json)(text))
 * report.scopes[0].duration // => 2.5
 * JSON.parse(Effect.runSync(Schema.encodeEffect(Json)(report))) // => JSON.parse(text)
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const Schema: S.Codec<DropReport> = /* @__PURE__ */ makeSchema()

/**
 * How `toText` draws.
 *
 * @category options
 * @since 0.1.0
 */
export interface TextOptions {
  /** How many columns a line may take; at least 40, which is also what `NaN` is taken for. Default 80. */
  readonly width?: number | undefined
  /** Whether to use the colours of a terminal; core cannot know: give `process.stdout.isTTY`. Default `false`. */
  readonly colors?: boolean | undefined
  /** How many rows are drawn; lines that say how many are not come on top. At least 8. Default 40. */
  readonly maxRows?: number | undefined
}

/**
 * Draws a report as a waterfall: what was released when, for how long, and what went wrong.
 *
 * **Details**
 *
 * A bar spans a release on the time axis of the whole close: `█` as asked, `▓`
 * by force, `░` given up on, `·` the wait before it, `─` the close of a whole
 * scope. Words say which was slow (a quarter of the close, and 100 ms or more),
 * failed, forced, abandoned or late; so nothing is in the colours alone. What a
 * release said of itself stands beside them, or below where that is too long.
 * Where there are more rows than `maxRows`, the middle is left out, with its count,
 * and of that what is marked by a word stays as long as there is room.
 * Characters of names that would move a cursor are not printed.
 *
 * In Node: `DropReport.toText(report, { width: process.stdout.columns, colors: process.stdout.isTTY })`.
 *
 * **Example** (Two resources of one scope)
 *
 * ```ts
 * import { DropReport } from "@async-drop/core"
 *
 * const text = DropReport.toText({
 *   schemaVersion: 1,
 *   totals: {
 *     scopes: 1, resources: 2, released: 1, failed: 1, died: 0, interrupted: 0, abandoned: 0, unfinished: 0,
 *     forced: 0, late: 0, leftOut: 0
 *   },
 *   scopes: [{
 *     name: "app", concurrency: 1, startedAt: 0, duration: 40, finished: true, leftOut: 0,
 *     resources: [
 *       { name: "server", phase: "graceful", result: "released", startedAt: 0, duration: 30 },
 *       { name: "log", phase: "graceful", result: "failed", error: "failed with disk full", startedAt: 30, duration: 10 }
 *     ]
 *   }]
 * }, { width: 50 })
 * ```
 *
 * @category conversions
 * @since 0.1.0
 */
export const toText = (report: DropReport, options?: TextOptions): string => waterfall(report, options)

/** In a function, so that a bundle without `Schema` has none of it. */
function makeSchema(): S.Codec<DropReport> {
  const phase = S.Literals(["graceful", "force", "abandoned"])
  const ended = ["released", "failed", "died", "interrupted"] as const
  const late = S.Struct({
    phase,
    duration: S.Finite,
    result: S.Literals(ended),
    error: S.optionalKey(S.String)
  })
  const resource = S.Struct({
    name: S.String,
    key: S.optionalKey(S.String),
    phase,
    result: S.Literals([...ended, "abandoned", "unfinished"]),
    error: S.optionalKey(S.String),
    note: S.optionalKey(S.String),
    limit: S.optionalKey(S.Literals(["timeout", "forceTimeout", "budget"])),
    startedAt: S.optionalKey(S.Finite),
    duration: S.Finite,
    waited: S.optionalKey(S.Struct({ for: S.Array(S.String), duration: S.Finite })),
    late: S.optionalKey(S.Array(late))
  })
  const scope = S.Struct({
    name: S.String,
    parent: S.optionalKey(S.Natural),
    of: S.optionalKey(S.Natural),
    concurrency: S.Union([S.Finite, S.Literal("unbounded")]),
    budget: S.optionalKey(S.Struct({ limit: S.Finite, spent: S.Finite })),
    startedAt: S.Finite,
    duration: S.Finite,
    finished: S.Boolean,
    resources: S.Array(resource),
    leftOut: S.Natural
  })
  const totals = S.Struct({
    scopes: S.Natural,
    resources: S.Natural,
    released: S.Natural,
    failed: S.Natural,
    died: S.Natural,
    interrupted: S.Natural,
    abandoned: S.Natural,
    unfinished: S.Natural,
    forced: S.Natural,
    late: S.Natural,
    leftOut: S.Natural
  })
  const isTree = S.makeFilter((scopes: readonly [Scope, ...Array<Scope>]) => {
    const at = scopes.findIndex((scope, index) => !hangsIn(scopes, scope, index))
    return at < 0 || `scope ${at} is not inside of an earlier one`
  })
  return S.Struct({
    schemaVersion: S.Literal(1),
    totals,
    scopes: S.NonEmptyArray(scope).check(isTree)
  })
}

const hangsIn = (scopes: ReadonlyArray<Scope>, { of, parent }: Scope, index: number): boolean => {
  if (index === 0) return parent === undefined && of === undefined
  const around = parent === undefined || parent >= index ? undefined : scopes[parent]
  return around !== undefined && (of === undefined || around.resources[of] !== undefined)
}
