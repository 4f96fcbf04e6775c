/**
 * An owner of one's own: a scope that can be filled, moved and closed by hand.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import * as Scope from "effect/Scope"
import { acquireRelease, type DropOptions, type Limit, type Release, type ScopeOptions } from "./AsyncDrop.ts"
import type { DropFailure } from "./DropFailure.ts"
import type { Requires } from "./DropScope.ts"
import { acquired, type AnyFiber } from "./internal/lifetime.ts"
import { badLimits, refusal } from "./internal/misuse.ts"
import { Nest } from "./internal/nest.ts"
import type { Only } from "./internal/only.ts"
import { place } from "./internal/place.ts"
import { now } from "./internal/release.ts"
import { closeStack, Contents, implOf, StackImpl, TypeId } from "./internal/stack.ts"
import { giveAway } from "./internal/taking.ts"

/**
 * A closeable scope, in the shape of the language's `AsyncDisposableStack`.
 *
 * **Details**
 *
 * It is closed once, by hand or by the scope that owns it; every closer waits
 * for the same close and gets the same outcome, children close before parents.
 * Once it closes, whoever wants to put something in is interrupted. Using a
 * stack whose contents were moved is a `DropUsageError`; closing it does nothing.
 *
 * @category models
 * @since 0.1.0
 */
export interface DropStack extends AsyncDisposable, Pipeable {
  readonly [TypeId]: typeof TypeId
  /** What messages call it. */
  readonly name: string
  /** For anything that wants a `Scope`. What is put in here by others reports to their own `DropScope`. */
  readonly scope: Scope.Scope
  /** Whether it is being closed, was closed, or was moved. */
  readonly disposed: boolean
}

/**
 * The options of a stack.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends ScopeOptions {
  /** What messages call it. Default: `DropStack`, with `#n`. */
  readonly name?: string | undefined
}

/**
 * Whether a value is a `DropStack`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isDropStack = (u: unknown): u is DropStack => hasProperty(u, TypeId)

/**
 * Makes an empty stack that the current `Scope` owns.
 *
 * **When to use**
 *
 * Where resources are put together in one place and given back in another: in a
 * constructor that may fail half-way, or across callbacks.
 *
 * **Details**
 *
 * Closed by its owner, each error goes to the `DropScope` where that resource
 * was put in; closed by hand, all of them to the closer. A `concurrency` or
 * `maxErrors` below 1 or `NaN`, or a `budget` below 0 or `NaN`, is a
 * `DropUsageError`.
 *
 * **Interruption**
 *
 * It does not wait. In a closed scope no stack is made and the fibre is interrupted.
 *
 * **Example** (Filled, then moved out)
 *
 * ```ts
 * import { AsyncDrop, DropStack } from "@async-drop/core"
 * import { Effect, Scope } from "effect"
 *
 * const log: Array<string> = []
 * const open = (name: string) =>
 *   AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.sync(() => log.push(`close ${name}`)))
 *
 * // If the second cannot be opened, the first is closed; else both are the caller's.
 * const both = Effect.gen(function*() {
 *   const caller = yield* Effect.scope
 *   return yield* AsyncDrop.scoped(Effect.gen(function*() {
 *     const stack = yield* DropStack.make()
 *     yield* DropStack.use(stack, open("a"))
 *     yield* DropStack.use(stack, open("b"))
 *     return yield* Scope.provide(DropStack.move(stack), caller)
 *   }))
 * })
 * const program = Effect.gen(function*() {
 *   const stack = yield* both
 *   log.push("both are open")
 *   yield* DropStack.close(stack)
 *   log.push("both are closed")
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program))
 * log // => ["both are open", "close b", "close a", "both are closed"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const O extends Options = {}>(
  options?: O & Only<O, Options>
): Effect.Effect<DropStack, never, Scope.Scope | Requires<Limit<O>>> =>
  Effect.withFiber((fiber) => {
    const misuse = badLimits("DropStack.make", options ?? {})
    if (misuse !== undefined) return Effect.die(misuse)
    const contents = new Contents(options)
    return place(
      fiber,
      () => acquired(new Nest(contents, fiber.context, now(fiber), options ?? {})),
      (nest) => new StackImpl(contents, nest)
    )
  })

/**
 * Makes an empty stack that nothing owns: whoever holds it has to close it.
 *
 * **When to use**
 *
 * At the edge to plain code, with `await using`. Else prefer `make`.
 *
 * **Details**
 *
 * Each error goes to the closer. Options are refused as by `make`.
 *
 * **Interruption**
 *
 * It does not wait. A stack that an interrupt keeps from arriving is empty, so
 * nothing is lost with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeUnscoped = (options?: Options): Effect.Effect<DropStack> =>
  Effect.withFiber((fiber) => {
    const misuse = badLimits("DropStack.makeUnscoped", options ?? {})
    if (misuse !== undefined) return Effect.die(misuse)
    const contents = new Contents(options)
    const nest = acquired(new Nest(contents, fiber.context, now(fiber), options ?? {}))
    return Effect.succeed(new StackImpl(contents, nest))
  })

/**
 * Runs an effect with the stack as its scope: what it acquires belongs to the stack.
 *
 * **Details**
 *
 * Takes anything scoped, of this library or not. In the language:
 * `stack.use(value)`; for a foreign disposable use `AsyncDrop.fromDisposable`.
 *
 * **Interruption**
 *
 * On a stack that closes or is closed nothing is acquired and the fibre is
 * interrupted; closed meanwhile, the resource is released and then the fibre is
 * interrupted.
 *
 * @category operations
 * @since 0.1.0
 */
export const use: {
  <A, E, R>(
    resource: Effect.Effect<A, E, R>
  ): (stack: DropStack) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>
  <A, E, R>(stack: DropStack, resource: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>>
} = dual(
  2,
  <A, E, R>(stack: DropStack, resource: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
    filled(stack, "use", resource)
)

/**
 * Puts a value in that is there already, with its release.
 *
 * **Interruption**
 *
 * As `use`; what could not be put in is not released.
 *
 * @category operations
 * @since 0.1.0
 */
export const adopt: {
  <A, DE, R, const O extends DropOptions<any> = {}>(
    value: A,
    release: Release<A, DE, R>,
    options?: O & DropOptions<A> & Only<O, DropOptions>
  ): (stack: DropStack) => Effect.Effect<A, never, R | Requires<DE | Limit<O>>>
  <A, DE, R, const O extends DropOptions<any> = {}>(
    stack: DropStack,
    value: A,
    release: Release<A, DE, R>,
    options?: O & DropOptions<A> & Only<O, DropOptions>
  ): Effect.Effect<A, never, R | Requires<DE | Limit<O>>>
} = dual(
  isDataFirst,
  <A, DE, R>(
    stack: DropStack,
    value: A,
    release: Release<A, DE, R>,
    options?: DropOptions<A>
  ): Effect.Effect<A, never, any> =>
    // any: what is left of the environment is what the signature says
    filled(stack, "adopt", acquireRelease(Effect.succeed(value), release, options))
)

/**
 * Puts an effect in that runs when the stack is closed, with the exit it is closed with.
 *
 * **Interruption**
 *
 * As `use`.
 *
 * @category operations
 * @since 0.1.0
 */
export const defer: {
  <DE, R, const O extends DropOptions<any> = {}>(
    release: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, DE, R>,
    options?: O & DropOptions<void> & Only<O, DropOptions>
  ): (stack: DropStack) => Effect.Effect<void, never, R | Requires<DE | Limit<O>>>
  <DE, R, const O extends DropOptions<any> = {}>(
    stack: DropStack,
    release: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, DE, R>,
    options?: O & DropOptions<void> & Only<O, DropOptions>
  ): Effect.Effect<void, never, R | Requires<DE | Limit<O>>>
} = dual(
  isDataFirst,
  <DE, R>(
    stack: DropStack,
    release: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, DE, R>,
    options?: DropOptions<void>
  ): Effect.Effect<void, never, any> =>
    // any: as above
    filled(stack, "defer", acquireRelease(Effect.void, (_, exit) => release(exit), options))
)

/**
 * Moves everything into a new stack that the current `Scope` owns; this one is left
 * empty and disposed.
 *
 * **Interruption**
 *
 * It does not wait. Into a closed scope, and of a stack that closes, nothing is
 * moved and the fibre is interrupted.
 *
 * @category operations
 * @since 0.1.0
 */
export const move = (stack: DropStack): Effect.Effect<DropStack, never, Scope.Scope> =>
  inside(stack, "move", (impl, fiber) =>
    place(fiber, () => {
      giveAway(impl.nest, "DropStack.move")
      return inNewHands(impl, fiber)
    }, (nest) => new StackImpl(impl.contents, nest)))

/**
 * Closes the stack: releases everything in it, last in first out, with this exit.
 *
 * **Details**
 *
 * Fails with one `DropFailure` that holds every error. Who closes it again, and
 * the owning scope, join the first and get the same outcome. From inside a
 * release of its own it is a `DropCycle`.
 *
 * **Interruption**
 *
 * Uninterruptible: it returns only after every release has ended. Errors that
 * find every closer interrupted go to the `DropScope` where each resource was put in.
 *
 * @category operations
 * @since 0.1.0
 */
export const close = (
  stack: DropStack,
  exit: Exit.Exit<unknown, unknown> = Exit.void
): Effect.Effect<void, DropFailure<unknown>> =>
  // What the close of a nest fails with, by construction.
  closeStack(implOf(stack), exit) as Effect.Effect<void, DropFailure<unknown>>

function isDataFirst(args: IArguments): boolean {
  return isDropStack(args[0])
}

/** Runs an effect with the stack as its scope. */
const filled = <A, E, R>(
  stack: DropStack,
  operation: string,
  resource: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  inside(stack, operation, (impl) =>
    Effect.updateContext(
      resource,
      (context: Context.Context<Exclude<R, Scope.Scope>>) =>
        // The scope is what is missing from the services that the resource needs.
        Context.add(impl.nest.within(context), Scope.Scope, impl.contents.scope) as Context.Context<R>
    ))

/** `f` is called in the step that has seen the stack open. */
const inside = <A, E, R>(
  stack: DropStack,
  operation: string,
  f: (impl: StackImpl, fiber: AnyFiber) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const impl = implOf(stack)
    if (impl.nest.state._tag === "Moved") return Effect.die(refusal(impl.nest, operation))
    return impl.disposed ? Effect.interrupt : f(impl, fiber)
  })

/** The nest goes on under its name and number: to an observer it is the same. */
const inNewHands = ({ contents, nest }: StackImpl, fiber: AnyFiber): Nest =>
  new Nest(contents, fiber.context, now(fiber), nest.options, 1, nest.id)
