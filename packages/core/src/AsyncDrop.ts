/**
 * Resources whose releases may fail, and what owns them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { AsyncDropGuard } from "./AsyncDropGuard.ts"
import type { DropError } from "./DropError.ts"
import type { DropFailure } from "./DropFailure.ts"
import type { DropReport } from "./DropReport.ts"
import type { DropErrorOf, DropScope, Fails, Requires } from "./DropScope.ts"
import type { DropTimeout } from "./DropTimeout.ts"
import { acquireAs, given, own } from "./internal/acquire.ts"
import { allOrNothing } from "./internal/all.ts"
import { bracket } from "./internal/bracket.ts"
import { disposalOf } from "./internal/dispose.ts"
import { answer, pendingInterrupt } from "./internal/ending.ts"
import type { Release as AnyRelease } from "./internal/lifetime.ts"
import type { Only, OnlyOptions } from "./internal/only.ts"
import { failureOf } from "./internal/outcome.ts"
import { protocol } from "./internal/protocol.ts"
import { reporting } from "./internal/reporting.ts"
import { type Closed, runScoped } from "./internal/scoped.ts"
import { isEffect } from "./internal/shape.ts"
import { mapping, Sink, sinkOf } from "./internal/sink.ts"

/**
 * The key of a value's own release.
 *
 * @category symbols
 * @since 0.1.0
 */
export const asyncDrop: unique symbol = Symbol.for("@async-drop/core/asyncDrop") as typeof asyncDrop

/**
 * A value that knows how it is dropped.
 *
 * **Details**
 *
 * `[asyncDrop]` is read once, when the value is registered, and called once,
 * with the exit of its scope.
 *
 * In the seed: the trait `AsyncDrop`, its `async_drop_impl`.
 *
 * **Gotchas**
 *
 * In a class written without semicolons, put the method after the constructor:
 * below a field, `[AsyncDrop.asyncDrop]` reads on as an index of its value.
 *
 * **Example** (A connection that says goodbye)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * class Connection implements AsyncDrop.AsyncDrop<"refused"> {
 *   [AsyncDrop.asyncDrop]() {
 *     return Effect.fail("refused" as const)
 *   }
 * }
 *
 * const program = AsyncDrop.scoped(AsyncDrop.acquire(Effect.sync(() => new Connection()))).pipe(
 *   Effect.catchTag("DropFailure", (failure) => Effect.succeed(failure.errors.length))
 * )
 * Effect.runSync(program) // => 1
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface AsyncDrop<out E = never, out R = never> {
  readonly [asyncDrop]: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, E, R>
}

/**
 * The options of one resource.
 *
 * **Details**
 *
 * A limit counts from the moment in which the drop begins, on the monotonic
 * clock; a release with one runs in a fibre of its own, and one without where
 * it stands. When `timeout` passes, the release is interrupted; if there is a
 * `force`, that runs for at most `forceTimeout`; then the resource is given up
 * on, whatever its release still does. The `DropError` says by its `phase` how
 * far it got, and its cause is a `DropTimeout`. What ends later is reported
 * once as `late`. Negative and `NaN` times are a `DropUsageError` before
 * anything is acquired; zero lets only end what does not wait; `Infinity` is no
 * limit, but stands in the type as one.
 *
 * **Gotchas**
 *
 * A use that outlasts the limit is not interrupted: the resource is given up
 * on, and released late by whoever leaves last.
 *
 * @category options
 * @since 0.1.0
 */
export interface DropOptions<in A = unknown> {
  /** What messages call it. Default: the name of the value's class, else `resource`, with `#n`. */
  readonly name?: string | undefined
  /** Whether the acquire can be interrupted. Default `false`, as in `Effect.acquireRelease`. */
  readonly interruptible?: boolean | undefined
  /**
   * How long its drop may take, with the wait for those who use it. Then the release is interrupted, `force`
   * runs, and at last the resource is given up on. Zero: only what ends at once. Default: no limit.
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * What is run when the release did not end in time. What it fails with goes to the `DropReporter`, also where that
   * is because it is given up on, which interrupts it.
   */
  readonly force?: ((a: A, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, unknown>) | undefined
  /** How long `force` may take after a `timeout`. Default 1 second; within a `budget`, what is left of that. */
  readonly forceTimeout?: Duration.Input | undefined
  /** What this resource needs until its own end: with a `concurrency` above 1 these are released after it. */
  readonly dependsOn?: ReadonlyArray<AsyncDropGuard<any, any>> | undefined // any: only their order counts
}

/**
 * The options of an owner.
 *
 * **Details**
 *
 * A `budget` is for the whole close. What is closed inside of it, however deep
 * (a child scope, a layer, a stack, a map, a store), has no more time than is
 * left of it. What it cuts short is a `DropError` of the owner that has the
 * budget: phase `force` where the resource's `force` has ended, else
 * `abandoned`. `dependsOn` is kept as long as there is time for order.
 *
 * @category options
 * @since 0.1.0
 */
export interface ScopeOptions {
  /** How many releases may run at once; with 1, the default, last in first out. */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * How long the whole close may take; the body's time is not counted. After nine tenths of it what is left is
   * forced, all together, and at its end given up on. Zero: only what ends at once. Default: no limit.
   */
  readonly budget?: Duration.Input | undefined
  /** How many errors its `DropFailure` keeps; the rest are counted and go to the reporter. At least 1; default 1,000,000. */
  readonly maxErrors?: number | undefined
}

/**
 * What limits add to the typed drop errors, as `Effect.timeout` adds `TimeoutError`.
 *
 * @category models
 * @since 0.1.0
 */
export type Limit<O> = O extends { readonly timeout: Duration.Input } ? DropTimeout
  : O extends { readonly budget: Duration.Input } ? DropTimeout
  : never

/**
 * What a scope fails with: the drop errors that its body asks a place for, and its own limit.
 *
 * @category models
 * @since 0.1.0
 */
export type FailsWith<R, O> = [DropErrorOf<R> | Limit<O>] extends [never] ? never
  : DropFailure<DropErrorOf<R> | Limit<O>>

/**
 * How a resource is given back; called once, with the exit of its scope.
 *
 * @category models
 * @since 0.1.0
 */
export type Release<A, DE, R> = (a: A, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, DE, R>

/**
 * What is left of an environment when its owner is provided.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Owned<R> = Exclude<R, Scope.Scope | DropScope<any>> // any: whatever its errors are

/**
 * Acquires a resource into the current `Scope`, with a release that may fail.
 *
 * **Details**
 *
 * Works like `Effect.acquireRelease`, but the release's errors are typed: they
 * ask for a `DropScope` in `R`. Releases run last in, first out, also among
 * plain finalizers of the scope, with the services of the acquire. Any scope
 * will do: `AsyncDrop.scoped`, `Effect.scoped`, a `Layer`, a `ManagedRuntime`.
 * In a scope that is closed already nothing is acquired and the fibre is
 * interrupted.
 *
 * In the seed: `AsyncDropGuard::new` of a value whose owner drops it.
 *
 * **Interruption**
 *
 * The acquire is uninterruptible unless `interruptible` is set; the release is
 * uninterruptible. A scope that closes during the acquire releases the resource
 * and then interrupts.
 *
 * **Example** (A release that fails)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const file = AsyncDrop.acquireRelease(
 *   Effect.succeed("log.txt"),
 *   () => Effect.fail("disk full"),
 *   { name: "log" }
 * )
 * const program = AsyncDrop.scoped(file).pipe(
 *   Effect.catchTag("DropFailure", (failure) => Effect.succeed(failure.errors[0].resource))
 * )
 * Effect.runSync(program) // => "log"
 * ```
 *
 * @see {@link acquireUseRelease} for a resource with one user
 * @category constructors
 * @since 0.1.0
 */
export const acquireRelease = <A, E, R, DE = never, R2 = never, const O extends DropOptions<any> = {}>(
  acquire: Effect.Effect<A, E, R>,
  release: Release<A, DE, R2>,
  options?: O & DropOptions<A> & Only<O, DropOptions>
): Effect.Effect<A, E, R | R2 | Scope.Scope | Requires<DE | Limit<O>>> =>
  acquireAs(given, acquire, release, "AsyncDrop.acquireRelease", options)

/**
 * Acquires a value with a release of its own into the current `Scope`.
 *
 * **Details**
 *
 * A value without a callable `[asyncDrop]` is a `DropUsageError` that names it,
 * raised at registration.
 *
 * **Interruption**
 *
 * As `acquireRelease`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acquire = <A, E, R, DE = never, R2 = never, const O extends DropOptions<any> = {}>(
  effect: Effect.Effect<A & AsyncDrop<DE, R2>, E, R>,
  options?: O & DropOptions<A> & Only<O, DropOptions>
): Effect.Effect<A, E, R | R2 | Scope.Scope | Requires<DE | Limit<O>>> =>
  acquireAs(own, Effect.flatMap(effect, withProtocol), undefined, "AsyncDrop.acquire", options)

/**
 * Acquires a resource, uses it, and releases it when the use has ended.
 *
 * **When to use**
 *
 * For a resource with one user and no scope: it costs about as much as
 * `Effect.acquireUseRelease`, half of a scope, and loses no error.
 *
 * **Details**
 *
 * The release's error comes as a `DropFailure` beside the body's own, in the
 * place that the table of `DropFailure` gives it. Its `startedAt` is 0: the
 * owner starts with the release.
 *
 * In the seed: `with_async_drop_2!` and `with_async_drop`.
 *
 * **Interruption**
 *
 * Acquire and release are uninterruptible, the use is not.
 *
 * **Example** (Both errors are kept)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { Effect, Exit } from "effect"
 *
 * const exit = Effect.runSyncExit(AsyncDrop.acquireUseRelease(
 *   Effect.succeed("file"),
 *   () => Effect.fail("cannot write"),
 *   () => Effect.fail("cannot close")
 * ))
 * Exit.isFailure(exit) && exit.cause.reasons.length // => 2
 * ```
 *
 * @category resource management
 * @since 0.1.0
 */
export const acquireUseRelease = <
  A,
  E,
  R,
  B,
  E2,
  R2,
  DE = never,
  R3 = never,
  const O extends DropOptions<any> = {}
>(
  acquire: Effect.Effect<A, E, R>,
  use: (a: A) => Effect.Effect<B, E2, R2>,
  release: Release<A, DE, R3>,
  options?: O & DropOptions<A> & Only<O, DropOptions>
): Effect.Effect<B, E | E2 | Fails<Requires<DE | Limit<O>>>, R | R2 | R3> =>
  bracket(acquire, use, release, "AsyncDrop.acquireUseRelease", options)

/**
 * Uses a value that knows how it is dropped, and drops it when the use has ended.
 *
 * **Details**
 *
 * In the seed: `with_async_drop_2!(value, { ... })`; `mapDropError` or
 * `Effect.mapError` do what its error-mapping form does.
 *
 * **Interruption**
 *
 * As `acquireUseRelease`.
 *
 * @category resource management
 * @since 0.1.0
 */
export const use: {
  <A, DE, R2, B, E3, R3>(
    f: (a: A) => Effect.Effect<B, E3, R3>
  ): <E, R>(
    acquire: Effect.Effect<A & AsyncDrop<DE, R2>, E, R>
  ) => Effect.Effect<B, E | E3 | Fails<Requires<DE>>, R | R2 | R3>
  <A, E, R, DE, R2, B, E3, R3>(
    acquire: Effect.Effect<A & AsyncDrop<DE, R2>, E, R>,
    f: (a: A) => Effect.Effect<B, E3, R3>
  ): Effect.Effect<B, E | E3 | Fails<Requires<DE>>, R | R2 | R3>
} = dual(
  2,
  <A, E, R, DE, R2, B, E3, R3>(
    acquire: Effect.Effect<A & AsyncDrop<DE, R2>, E, R>,
    f: (a: A) => Effect.Effect<B, E3, R3>
  ): Effect.Effect<B, E | E3 | Fails<Requires<DE>>, R | R2 | R3> =>
    Effect.suspend(() => {
      let release: AnyRelease = () => Effect.void
      const registered = Effect.tap(acquire, (value) => Effect.map(withProtocol(value), (own) => (release = own[1])))
      return bracket(registered, f, (value, exit) => release(value, exit), "AsyncDrop.use", undefined)
    })
)

/**
 * Runs an effect in a scope of its own and closes that when the effect has ended.
 *
 * **Details**
 *
 * What releases fail with becomes one `DropFailure` in the error channel, after
 * the body's own failure; the table of `DropFailure` says where it stands.
 * Bare (`effect.pipe(AsyncDrop.scoped)`) or with options
 * (`effect.pipe(AsyncDrop.scoped({ budget: "10 seconds" }))`). Negative or `NaN`
 * options are a `DropUsageError` before the body runs. The time of the body is
 * never limited.
 *
 * **Interruption**
 *
 * The body can be interrupted, the close cannot: it runs to its end, and what
 * failed is then an annotation of the interrupt and was given to the reporter.
 *
 * **Example** (A close that ends, whatever hangs)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const connection = AsyncDrop.acquireRelease(Effect.succeed("db"), () => Effect.never, { name: "db" })
 *
 * const program = connection.pipe(
 *   AsyncDrop.scoped({ budget: "20 millis" }),
 *   Effect.catchTag("DropFailure", ({ errors: [{ phase, resource }] }) => Effect.succeed(`${resource}: ${phase}`))
 * )
 * await Effect.runPromise(program) // => "db: abandoned"
 * ```
 *
 * @see {@link scopedExit} for the body's exit and the drop errors apart
 * @category resource management
 * @since 0.1.0
 */
export const scoped: <
  const Arg extends Effect.Effect<any, any, any> | ScopeOptions | undefined,
  const O extends ScopeOptions = {}
>(
  effectOrOptions: Arg & OnlyOptions<Arg>,
  options?: O & Only<O, ScopeOptions>
) => [Arg] extends [Effect.Effect<infer A, infer E, infer R>] ? Effect.Effect<A, E | FailsWith<R, O>, Owned<R>>
  : <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | FailsWith<R, Arg>, Owned<R>> = bareOr((
    effect,
    options
  ) => runScoped(effect, "AsyncDrop.scoped", options, concluded))

/**
 * A body's exit, and what its releases failed with, apart from each other.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScopedExit<out A, out E, out DE> {
  readonly exit: Exit.Exit<A, E>
  readonly dropErrors: ReadonlyArray<DropError<DE>>
}

/**
 * As `scoped`, but gives the body's exit and the drop errors as data and never fails.
 *
 * **Interruption**
 *
 * A fibre interrupted from outside gets no data: it ends interrupted, with the
 * errors as in `scoped`.
 *
 * **Example** (Looking at both)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { Effect, Exit } from "effect"
 *
 * const both = Effect.runSync(AsyncDrop.scopedExit(
 *   AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.fail("late"))
 * ))
 * both.exit // => Exit.succeed(1)
 * both.dropErrors.length // => 1
 * ```
 *
 * @category resource management
 * @since 0.1.0
 */
export const scopedExit: <
  const Arg extends Effect.Effect<any, any, any> | ScopeOptions | undefined,
  const O extends ScopeOptions = {}
>(
  effectOrOptions: Arg & OnlyOptions<Arg>,
  options?: O & Only<O, ScopeOptions>
) => [Arg] extends [Effect.Effect<infer A, infer E, infer R>]
  ? Effect.Effect<ScopedExit<A, E, DropErrorOf<R> | Limit<O>>, never, Owned<R>>
  : <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<ScopedExit<A, E, DropErrorOf<R> | Limit<Arg>>, never, Owned<R>> = bareOr((effect, options) =>
    runScoped(effect, "AsyncDrop.scopedExit", options, concludedAsData)
  )

/**
 * Runs effects as `Effect.all` does, all or nothing: if one fails or the whole
 * is interrupted, everything acquired so far is dropped, newest first.
 *
 * **Details**
 *
 * Takes tuples, iterables and records and all options of `Effect.all`. On
 * success the resources stay in the current scope. Drop errors of a roll-back go
 * to the `DropScope` of the context, so none is lost.
 *
 * In the seed: `flatten_async_drop`, for any number of values and with every
 * error kept.
 *
 * **Interruption**
 *
 * Returns only after the roll-back has ended.
 *
 * **Gotchas**
 *
 * What is inside runs in a scope of its own, which ends with the last resource
 * in it, or at once where there is none: do not keep the `Scope` that is seen there.
 *
 * **Example** (The second cannot be opened)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { Effect, Exit } from "effect"
 *
 * const log: Array<string> = []
 * const open = (name: string) =>
 *   AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.sync(() => log.push(`close ${name}`)))
 * const program = Effect.gen(function*() {
 *   const exit = yield* Effect.exit(AsyncDrop.all([open("a"), open("b"), Effect.fail("no c")]))
 *   log.push("after")
 *   return exit
 * })
 * Effect.runSync(AsyncDrop.scoped(program)) // => Exit.fail("no c")
 * log // => ["close b", "close a", "after"]
 * ```
 *
 * @category combining
 * @since 0.1.0
 */
export const all: typeof Effect.all = ((
  effects: Parameters<typeof Effect.all>[0],
  options?: Parameters<typeof Effect.all>[1]
) => allOrNothing(Effect.all(effects, options))) as typeof Effect.all // the types of the arguments pass through

/**
 * Takes a foreign disposable into the current `Scope`; `null` and `undefined`
 * pass through.
 *
 * **Details**
 *
 * `[Symbol.asyncDispose]` is taken before `[Symbol.dispose]`. The method is read
 * once, here, and called with the value as `this` when the scope closes; what an
 * asynchronous one returns is awaited. What it throws is a defect of the
 * release. A value that has neither is a `DropUsageError`, here.
 *
 * In the language: `await using value = ...` and `stack.use(value)`.
 *
 * **Interruption**
 *
 * It does not wait, and the value is there before it: where that is made in the
 * same program, do both inside `Effect.uninterruptible`, or an interrupt between
 * the two loses it. In a closed scope nothing is taken and the fibre is interrupted.
 *
 * **Example** (A value of another library)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log: Array<string> = []
 * const foreign = { port: 80, [Symbol.dispose]: () => void log.push("disposed") }
 * const program = Effect.map(AsyncDrop.fromDisposable(foreign), (server) => server.port)
 * Effect.runSync(AsyncDrop.scoped(program)) // => 80
 * log // => ["disposed"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDisposable = <
  A extends AsyncDisposable | Disposable | null | undefined,
  const O extends DropOptions<any> = {}
>(
  value: A,
  options?: O & DropOptions<A> & Only<O, DropOptions>
): Effect.Effect<A, never, Scope.Scope | Requires<Limit<O>>> =>
  Effect.suspend(() => {
    const disposal = disposalOf(value)
    return disposal === undefined
      ? Effect.succeed(value)
      : acquireAs(given, Effect.succeed(value), disposal, "AsyncDrop.fromDisposable", options)
  })

/**
 * Maps what the releases inside an effect fail with.
 *
 * **Details**
 *
 * Only typed failures are mapped; defects stay. An `f` that throws becomes a
 * defect beside the error it was given.
 *
 * In the seed: the error-mapping form of `with_async_drop_2!`.
 *
 * **Example** (One error type for all releases)
 *
 * ```ts
 * import { AsyncDrop, DropError } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const log = AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("disk full"), { name: "log" })
 * const socket = AsyncDrop.acquireRelease(Effect.void, () => Effect.fail({ code: 104 }), { name: "socket" })
 *
 * const program = AsyncDrop.all([log, socket]).pipe(
 *   AsyncDrop.mapDropError((error) => typeof error === "string" ? error : `code ${error.code}`),
 *   AsyncDrop.scopedExit
 * )
 * const { dropErrors } = Effect.runSync(program)
 * const lines = dropErrors.map(DropError.toText)
 * lines // => ["socket: its release failed with code 104", "log: its release failed with disk full"]
 * ```
 *
 * @category error handling
 * @since 0.1.0
 */
export const mapDropError: {
  <R, DE2>(
    f: (error: DropErrorOf<R>) => DE2
  ): <A, E>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, DropScope<any>> | Requires<DE2>>
  <A, E, R, DE2>(
    effect: Effect.Effect<A, E, R>,
    f: (error: DropErrorOf<R>) => DE2
  ): Effect.Effect<A, E, Exclude<R, DropScope<any>> | Requires<DE2>>
} = dual(
  2,
  <A, E, R, DE2>(
    effect: Effect.Effect<A, E, R>,
    f: (error: DropErrorOf<R>) => DE2
  ): Effect.Effect<A, E, Exclude<R, DropScope<any>> | Requires<DE2>> =>
    // The key stands for every `DropScope`, which the type of `updateContext` cannot say.
    Effect.updateContext(effect, (context: Context.Context<never>) =>
      Context.add(context, Sink, mapping(sinkOf(context), f)) as Context.Context<any>)
)

/**
 * Builds a layer, keeps it until interrupted, and closes it as `scoped` does.
 *
 * **When to use**
 *
 * As the entry point of an app, in place of `Layer.launch`: what its releases
 * fail with is in the error channel.
 *
 * **Interruption**
 *
 * Interrupting it closes the layer and returns after that.
 *
 * @category running
 * @since 0.1.0
 */
export const launch: <
  const Arg extends Layer.Any | ScopeOptions | undefined,
  const O extends ScopeOptions = {}
>(
  layerOrOptions: Arg & OnlyOptions<Arg>,
  options?: O & Only<O, ScopeOptions>
) => [Arg] extends [Layer.Layer<infer _A, infer E, infer R>]
  ? Effect.Effect<never, E | FailsWith<R, O>, Exclude<R, DropScope<any>>>
  : <A, E, R>(
    layer: Layer.Layer<A, E, R>
  ) => Effect.Effect<never, E | FailsWith<R, Arg>, Exclude<R, DropScope<any>>> = dual(
    (args) => Layer.isLayer(args[0]),
    // any: what is left of errors and services is what the signature says
    (layer: Layer.Layer<any, any, any>, options?: ScopeOptions): Effect.Effect<never, any, any> =>
      runScoped(Effect.andThen(Layer.build(layer), Effect.never), "AsyncDrop.launch", options, concluded)
  )

/**
 * The options of `withReport`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReportOptions {
  /** How many resources a report lists; the others are counted, and whatever went wrong goes first. Default 10,000. */
  readonly maxResources?: number | undefined
  /** How long to wait at the end for what `f` still does; `Infinity` is for ever, zero not at all. Default 5 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * Runs an effect, and gives `f` the record of each close inside it.
 *
 * **When to use**
 *
 * To learn what a shutdown spent its time on, and what it left behind: around
 * `launch` or `scoped`. Nothing is collected elsewhere.
 *
 * **Details**
 *
 * `f` is called once for each close that is no part of another one inside
 * `effect`; a close inside a release is in the tree of its report. It runs in a
 * fibre of its own, with the context of `withReport`, from when the close has
 * ended; where several end, side by side. What it dies of is logged, and harms
 * nothing. A close that is still under way when `effect` ends is reported as
 * unfinished; what begins after that, by a fibre that outlives `effect`, is not.
 * A resource that was acquired outside is in no report.
 *
 * It is a `DropObserver` beside the one of the context, if there is one, which
 * sees all it saw before. The times are from the monotonic clock of the context.
 *
 * **Interruption**
 *
 * The exit of `effect` comes through as it is, interrupted or not. Before that,
 * what `f` still does is waited for, uninterruptibly: when a program is shut
 * down, the interrupt has already been. What has not ended by `timeout` is
 * interrupted, and there is one warning in the log.
 *
 * **Example** (Drawing what a program spent its shutdown on)
 *
 * ```ts
 * import { AsyncDrop, DropReport } from "@async-drop/core"
 * import { Console, Effect } from "effect"
 *
 * const program = AsyncDrop.scoped(
 *   AsyncDrop.acquireRelease(Effect.succeed("rows"), () => Effect.void, { name: "database" })
 * ).pipe(
 *   AsyncDrop.withReport((report) => Console.error(DropReport.toText(report, { width: 100 })))
 * )
 * Effect.runSync(program) // => "rows"
 * ```
 *
 * @see {@link DropReport} for what is in it
 * @category running
 * @since 0.1.0
 */
export const withReport: {
  (
    f: (report: DropReport) => Effect.Effect<void>,
    options?: ReportOptions
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    f: (report: DropReport) => Effect.Effect<void>,
    options?: ReportOptions
  ): Effect.Effect<A, E, R>
} = dual((args) => isEffect(args[0]), reporting)

/**
 * `dual` for what is given bare or with options, without its list of arguments, which costs as much as a
 * step of the run loop. The types are those of the public signature.
 */
function bareOr(
  run: (effect: Effect.Effect<any, any, any>, options: ScopeOptions | undefined) => Effect.Effect<any, any, any>
): (effectOrOptions: any, options?: ScopeOptions) => any { // any: as above
  return (effectOrOptions, options) =>
    isEffect(effectOrOptions)
      ? run(effectOrOptions, options)
      : (effect: Effect.Effect<any, any, any>) => run(effect, effectOrOptions) // any: as above
}

const withProtocol = (value: unknown): Effect.Effect<readonly [any, AnyRelease]> => protocol(value, asyncDrop)

const concluded = ({ collector, context, exit, restore }: Closed): Effect.Effect<any, any> => {
  if (collector === undefined) return exit
  const failure = failureOf(collector.errors, collector.beyond, exit)
  if (failure === undefined) return exit
  return answer(context, restore, exit, failure, collector.typedBeyond, (error) => collector.reporterOf(error))
}

const concludedAsData = ({ collector, context, exit, restore }: Closed): Effect.Effect<any, any> =>
  Effect.flatMap(pendingInterrupt(restore), (interrupt) =>
    interrupt === undefined
      ? Effect.succeed({ exit, dropErrors: collector?.errors ?? [] })
      : concluded({ collector, context, exit, restore }))
