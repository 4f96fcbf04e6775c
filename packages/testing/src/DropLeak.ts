/**
 * Finds what a program leaves behind.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { NodeInspectSymbol } from "effect/Inspectable"
import type * as Scope from "effect/Scope"
import { callerOf } from "./internal/leak/lines.ts"
import { CurrentLonger, type Longer } from "./internal/leak/longer.ts"
import { describe, forget, isInOpenScope, type Leak as AnyLeak, remains } from "./internal/leak/remains.ts"
import { settle } from "./internal/leak/settle.ts"
import { type Resource, tracing, Watch } from "./internal/leak/watch.ts"
import { here } from "./internal/leak/yields.ts"

/**
 * One thing that was left behind.
 *
 * @category models
 * @since 0.1.0
 */
export type Leak = AnyLeak

/**
 * A program has ended and something of it goes on.
 *
 * @category errors
 * @since 0.1.0
 */
export class DropLeak extends Data.TaggedError("DropLeak")<{
  readonly leaks: ReadonlyArray<Leak>
  readonly message: string
}> {
  constructor(args: { readonly leaks: ReadonlyArray<Leak> }) {
    super({ ...args, message: describe(args.leaks) })
    const places = args.leaks.flatMap(({ where }) => where === undefined ? [] : [`\n    at ${where}`])
    // The lines of the leaks are what a reader looks for, not the line that found them.
    if (places.length > 0) this.stack = `DropLeak: ${this.message}${places.join("")}`
  }
  /** Printed as an error: its message says all that its fields do. */
  override [NodeInspectSymbol](): string {
    return this.stack ?? this.toString()
  }
}

/**
 * Runs a program in a scope of its own, and dies with a `DropLeak` if it leaves
 * something behind.
 *
 * **When to use**
 *
 * Where `it.drop` is not at hand: with another test runner, or inside a test.
 *
 * **Details**
 *
 * Left behind is: a resource of this library that was acquired and neither
 * dropped nor unwrapped; a release that failed and whose error no one saw, which
 * means that it reached the default `DropReporter`; a fibre that still runs. A failure of the program stays first. What still moves at the end gets 100 ms to come to
 * rest; a program that leaves nothing behind does not wait. A fibre that still
 * runs is interrupted once it has been told of.
 *
 * **Interruption**
 *
 * Interrupts the program, waits for its end, and does not look for leaks.
 *
 * **Gotchas**
 *
 * It sees what runs in the program's own context. A resource acquired with
 * another `DropObserver`, a fibre started by a bare `Effect.runFork`, an
 * `Effect.acquireRelease` are not seen: use a `Probe` for those.
 *
 * **Example** (A guard that nobody drops)
 *
 * ```ts
 * import { AsyncDropGuard } from "@async-drop/core"
 * import { DropLeak } from "@async-drop/testing"
 * import { Cause, Effect, Exit } from "effect"
 *
 * const program = AsyncDropGuard.makeUnscoped(Effect.succeed(1), () => Effect.void, { name: "db" })
 * const exit = await Effect.runPromiseExit(DropLeak.check(program))
 * const leak = Exit.isFailure(exit) ? Cause.squash(exit.cause) as DropLeak.DropLeak : undefined
 * leak?.leaks.map(({ kind, what }) => `${what} was ${kind}`) // => ["db was never dropped"]
 * ```
 *
 * @see {@link CheckOptions} for what it says where no line is known
 * @category running
 * @since 0.1.0
 */
export const check = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  options?: CheckOptions
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> => {
  const at = options?.at ?? callerOf(here(8))
  return Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope>>) => {
    const watch = new Watch(context)
    return Effect.acquireUseRelease(
      Effect.sync(tracing),
      () =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.provideContext(Effect.scoped(self), watch.context()), {
            startImmediately: true
          })
          const exit = yield* Fiber.await(fiber) // a child: interrupted and waited for with this fibre
          yield* settle(watch)
          return yield* withLeaks(exit, leaksOf(watch, at, Context.get(context, CurrentLonger)))
        }),
      (stop) => Effect.sync(stop)
    )
  })
}

/**
 * The options of a check.
 *
 * @category options
 * @since 0.1.0
 */
export interface CheckOptions {
  /** The line that is named where no better one is known. Default: the line that called `check`. */
  readonly at?: string | undefined
}

const leaksOf = (watch: Watch, at: string | undefined, longer: Longer | undefined): ReadonlyArray<Leak> => {
  const stays = (left: Resource | "fiber"): boolean => longer !== undefined && (left === "fiber" || isInOpenScope(left))
  const leaks = remains(watch, at, stays)
  forget(watch, stays)
  longer?.keep(watch, at)
  return leaks
}

const withLeaks = <A, E>(exit: Exit.Exit<A, E>, leaks: ReadonlyArray<Leak>): Exit.Exit<A, E> => {
  if (leaks.length === 0) return exit
  const leak = Cause.die(new DropLeak({ leaks }))
  return Exit.failCause(exit._tag === "Success" ? leak : Cause.combine(exit.cause, leak))
}
