/**
 * The place for what releases fail with.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type { DropError } from "./DropError.ts"
import type { DropFailure } from "./DropFailure.ts"
import { annotations, describe } from "./internal/describe.ts"
import { report, Sink, withoutSink } from "./internal/sink.ts"

const TypeId = "~@async-drop/core/DropScope"

/**
 * What stands in `R` of an effect whose release may fail with `E`.
 *
 * **When to use**
 *
 * You seldom name it: `AsyncDrop.scoped` provides it and turns it into a
 * `DropFailure<E>` in the error channel. The compiler's message
 * "`DropScope<X>` is not assignable to `never`" says that a release can fail
 * with `X` and that nothing says where that failure goes: wrap the effect in
 * `AsyncDrop.scoped`, or name a policy by layer.
 *
 * @see {@link layerReport}, {@link layerIgnoreLogged} and {@link layerOrDie} for policies
 * @category models
 * @since 0.1.0
 */
export interface DropScope<in out E> {
  readonly [TypeId]: { readonly _E: (_: E) => E }
}

/**
 * The requirement that a release failing with `DE` brings; none for `never`.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Requires<DE> = [DE] extends [never] ? never : DropScope<DE>

/**
 * The drop errors that an environment asks a place for.
 *
 * @category utility types
 * @since 0.1.0
 */
export type DropErrorOf<R> = R extends DropScope<infer E> ? E : never

/**
 * The failure that `AsyncDrop.scoped` adds for an environment.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Fails<R> = [DropErrorOf<R>] extends [never] ? never : DropFailure<DropErrorOf<R>>

/**
 * Gives each drop error to `f` and lets the program go on.
 *
 * **Details**
 *
 * `f` is started at once, with the services the layer was built with, and not
 * waited for: one that fails, dies or hangs harms nothing. Prefer it to `layerOrDie`.
 *
 * **Example** (A layer whose release may fail)
 *
 * ```ts
 * import { AsyncDrop, DropScope } from "@async-drop/core"
 * import { Context, Effect, Layer } from "effect"
 *
 * class Db extends Context.Service<Db, { readonly url: string }>()("Db") {}
 *
 * const seen: Array<string> = []
 * const DbLive = Layer.effect(
 *   Db,
 *   AsyncDrop.acquireRelease(Effect.succeed({ url: "db" }), () => Effect.fail("bye refused"), { name: "db" })
 * ).pipe(Layer.provide(DropScope.layerReport((error) => Effect.sync(() => seen.push(error.resource)))))
 *
 * Effect.runSync(Effect.provide(Effect.map(Db, (db) => db.url), DbLive)) // => "db"
 * seen // => ["db"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerReport = (f: (error: DropError<unknown>) => Effect.Effect<unknown>): Layer.Layer<DropScope<any>> =>
  Layer.effect(Sink, Effect.contextWith((context) => Effect.succeed(reportingTo(context, f))))

/**
 * Gives one effect a place that hands each drop error to `f`: `layerReport` without a layer.
 *
 * **Example** (A script that prints what it could not give back)
 *
 * ```ts
 * import { AsyncDrop, DropScope } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const seen: Array<string> = []
 * const program = Effect.scoped(
 *   AsyncDrop.acquireRelease(Effect.succeed("log"), () => Effect.fail("disk full"), { name: "log" })
 * ).pipe(DropScope.provideReport((error) => Effect.sync(() => seen.push(error.resource))))
 *
 * Effect.runSync(program) // => "log"
 * seen // => ["log"]
 * ```
 *
 * @category providing
 * @since 0.1.0
 */
export const provideReport: {
  (
    f: (error: DropError<unknown>) => Effect.Effect<unknown>
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, DropScope<any>>> // any: of all errors
  <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    f: (error: DropError<unknown>) => Effect.Effect<unknown>
  ): Effect.Effect<A, E, Exclude<R, DropScope<any>>> // any: as above
} = dual(
  2,
  <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    f: (error: DropError<unknown>) => Effect.Effect<unknown>
  ): Effect.Effect<A, E, Exclude<R, DropScope<any>>> =>
    // any: as above
    // The key stands for every `DropScope`, which the type of `updateContext` cannot say.
    Effect.updateContext(effect, (context: Context.Context<never>) =>
      Context.add(context, Sink, reportingTo(context, f)) as Context.Context<any>)
)

/**
 * Takes the place away from an effect: each drop error in it goes to the `DropReporter` at once.
 *
 * **When to use**
 *
 * Inside a scope that lasts as long as the program. Its collector would keep a
 * drop error, perhaps for weeks, until the scope closes.
 *
 * **Details**
 *
 * The reporter is that of the context in which the resource was acquired. The
 * scope around it then knows of no failure.
 *
 * **Example** (Told before the scope closes)
 *
 * ```ts
 * import { AsyncDrop, DropReporter, DropScope } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const seen: Array<string> = []
 * const request = Effect.scoped(
 *   AsyncDrop.acquireRelease(Effect.succeed("log"), () => Effect.fail("disk full"), { name: "log" })
 * )
 * const program = AsyncDrop.scoped(DropScope.toReporter(Effect.map(request, () => seen.length))).pipe(
 *   Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => void seen.push(error.resource)))
 * )
 *
 * Effect.runSync(program) // => 1
 * seen // => ["log"]
 * ```
 *
 * @category providing
 * @since 0.1.0
 */
export const toReporter = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, DropScope<any>>> =>
  // any: as above
  // The key stands for every `DropScope`, which the type of `updateContext` cannot say.
  Effect.updateContext(effect, (context: Context.Context<never>) => withoutSink(context) as Context.Context<any>)

const reportingTo = (
  context: Context.Context<never>,
  f: (error: DropError<unknown>) => Effect.Effect<unknown>
) =>
  Sink.of({
    add: (error) => {
      report(context, (error) => Effect.asVoid(f(error)), error)
      return undefined
    }
  })

/**
 * Logs each drop error at level `Warn` and lets the program go on.
 *
 * **Example** (The program goes on, and the log has the error)
 *
 * ```ts
 * import { AsyncDrop, DropScope } from "@async-drop/core"
 * import { Effect, Logger } from "effect"
 *
 * const lines: Array<unknown> = []
 * const program = Effect.scoped(
 *   AsyncDrop.acquireRelease(Effect.succeed("log"), () => Effect.fail("disk full"), { name: "log" })
 * ).pipe(
 *   Effect.provide(DropScope.layerIgnoreLogged),
 *   Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(message))]))
 * )
 * await Effect.runPromise(program) // => "log"
 * lines // => [["log: its release failed with disk full"]]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerIgnoreLogged: Layer.Layer<DropScope<any>> = layerReport((error) =>
  Effect.annotateLogs(Effect.logWarning(describe(error), error.cause), annotations(error))
)

/**
 * Makes the owner die with a `DropFailure` when a release fails.
 *
 * **Gotchas**
 *
 * Effect lets a defect win: where the body had failed with a typed error, that
 * error becomes part of the defect and `catch` no longer sees it. Prefer
 * `layerReport`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOrDie: Layer.Layer<DropScope<any>> = Layer.succeed(Sink, {
  add: (error) => ({ to: "owner", error })
})
