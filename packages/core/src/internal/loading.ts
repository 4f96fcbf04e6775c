// One load under way, from its beginning until its value is an instance, or its parts are gone.
//
// 1. It runs in a fibre of its own, with the services of whoever supplied it, and tells of its end in the step in
//    which that fibre has stopped.
// 2. Whoever stops it waits until its parts are gone; the errors of these are his.
// 3. It is known of before it runs: what it borrows looks for circles through it.
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constFalse } from "effect/Function"
import * as Scope from "effect/Scope"
import { beginBoundWait, endWait, findCycle, loadingIn } from "./cycle.ts"
import * as handle from "./handle.ts"
import { inline } from "./inline.ts"
import { type Key, KeyedNest } from "./instance.ts"
import type { AnyFiber, Awaited } from "./lifetime.ts"
import type { Load } from "./waiters.ts"

export class Loading {
  /** Owns what it acquires. */
  readonly nest: KeyedNest
  fiber: AnyFiber | undefined = undefined
  private readonly load: Load
  /** Its parts are gone, or are an instance's. */
  private over = false
  /** Whoever stopped it waits for its end. */
  private stopped: { readonly by: AnyFiber; readonly done: Deferred.Deferred<void> } | undefined = undefined

  constructor(at: Key, place: Context.Context<never>, load: Load) {
    this.nest = new KeyedNest(at, place, Context.get(load.services, Clock.Clock).monotonicTimeNanosUnsafe())
    this.load = load
  }

  /** Runs it inside of a step of `waiting`, once it is admitted. */
  start(
    waiting: AnyFiber,
    admit: (load: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>,
    ended: (exit: Exit.Exit<unknown, unknown>) => void
  ): void {
    const { load, nest } = this
    const loading = Effect.withFiber((fiber) => {
      this.fiber = fiber
      return admit(load.effect as Effect.Effect<unknown, unknown>) // what it needs is in its services
    })
    const services = Context.add(nest.owning(load.services), Scope.Scope, nest.parts.scope)
    const { context: inside, mark } = loadingIn(nest, services)
    inline(waiting, () => {
      const fiber = Effect.runForkWith(inside)(loading)
      this.fiber ??= fiber // it may not have begun
      fiber.addObserver((exit) => {
        mark.active = 0
        ended(exit)
      })
      if (this.stopped !== undefined) fiber.interruptUnsafe()
    })
  }

  /** Releases its parts, in a fibre of its own; `done` is called in the step in which they are gone. */
  rollBack(exit: Exit.Exit<unknown, unknown>, services: Context.Context<never>, done: () => void): void {
    const rollBack = Effect.exit(handle.drop(this.nest, constFalse, exit))
    Effect.runForkWith(services)(Effect.andThen(rollBack, Effect.sync(done)))
  }

  /** Stops it, and waits until `ending`; called uninterruptibly. */
  stop(by: AnyFiber, place: Context.Context<never>, ending: Awaited): Effect.Effect<void> {
    const { done } = this.stopped = { by, done: Deferred.makeUnsafe<void>() }
    this.nest.context = place
    inline(by, () => this.fiber?.interruptUnsafe())
    if (this.over) return Effect.void
    const cycle = findCycle(by, ending)
    if (cycle !== undefined) return Effect.die(cycle)
    beginBoundWait(by, ending)
    return Deferred.await(done)
  }

  /** What comes next begins before the one who stopped it goes on. */
  end(next: () => void): void {
    const { stopped } = this
    this.over = true
    if (stopped !== undefined) endWait(stopped.by)
    next()
    if (stopped !== undefined) inline(stopped.by, () => Deferred.doneUnsafe(stopped.done, Exit.void))
  }
}
