// What becomes of a hold: it belongs to the current scope, or lasts as long as one callback.
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { constFalse, constTrue, identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import type { DropError } from "../DropError.ts"
import { DropFailure, fromCause } from "../DropFailure.ts"
import { DropReporter } from "../DropReporter.ts"
import { Batch, host } from "./batch.ts"
import { insideOf } from "./cycle.ts"
import { answer, type Restore, restoring } from "./ending.ts"
import * as handle from "./handle.ts"
import { endOwned, endPlainly, isPlain } from "./instance-end.ts"
import { Hold, type Holder, type Instance, loadOf } from "./instance.ts"
import type { Keyed } from "./keyed.ts"
import { stepAside, surrender } from "./lease.ts"
import { type AnyFiber, live, type Mark } from "./lifetime.ts"
import { isPrimary } from "./outcome.ts"
import { dieOf } from "./owner.ts"
import { scopeOf } from "./place.ts"
import { claim } from "./settling.ts"
import { isExit } from "./shape.ts"
import { withoutSink } from "./sink.ts"
import type { ConcurrentStore as Contents } from "./store.ts"

// any, here and below: of the types that its store says.
type Use = (value: any) => Effect.Effect<any, any, any>

/**
 * Lends a value to `f`: one frame, which gives it back, and only who leaves last has more to do. What the
 * release fails with stands beside what `f` came to. Called uninterruptibly.
 */
export class Lending implements Holder {
  readonly fiber: AnyFiber
  readonly bound = true
  readonly keeper = undefined
  before: Holder | undefined = undefined
  after: Holder | undefined = undefined
  private readonly contents: Contents
  private readonly key: unknown
  private readonly f: Use
  private readonly restore: Restore
  /** What is lent without a handle. */
  private instance: Instance | undefined = undefined
  private hold: Hold | undefined = undefined
  private missed = false
  private readonly outer: Context.Context<never>
  private mark: Mark | undefined = undefined

  constructor(contents: Contents, key: unknown, f: Use, fiber: AnyFiber, restore: Restore) {
    this.contents = contents
    this.key = key
    this.f = f
    this.fiber = fiber
    this.outer = fiber.context
    this.restore = restore
  }

  run(): Effect.Effect<any, any, any> {
    const { contents } = this
    if (contents.closing) return Effect.interrupt
    const keyed = contents.use(this.key)
    return keyed.ready ? this.lendThere(keyed) : this.borrow(keyed)
  }

  /** With a value there already: an interrupt may wait for the end of this step, so the frame comes first. */
  private lendThere(keyed: Keyed): Effect.Effect<any, any, any> {
    const lent = restoring(this.restore, () => {
      // A yield may have come between the look and this step.
      this.missed = this.contents.closing || !keyed.ready
      if (this.missed) return Exit.void
      return this.body(this.instance = keyed.lend(this))
    })
    return Effect.matchCauseEffect(lent, this)
  }

  private borrow(keyed: Keyed): Effect.Effect<any, any, any> {
    this.missed = false
    const lend = (hold: Hold): Effect.Effect<any, any, any> => {
      this.hold = hold
      hold.bound = true
      return Effect.matchCauseEffect(this.restore(Effect.suspend(() => this.body(hold.value))), this)
    }
    return keyed.borrow(this.fiber, this.restore, undefined, lend, withoutSink)
  }

  /** What is started in here knows that it was. */
  private body(instance: Instance): Effect.Effect<any, any, any> {
    const { context, mark } = insideOf(instance, this.outer)
    mark.active++
    this.mark = mark
    this.fiber.setContext(context)
    return this.f(instance.lent)
  }

  readonly onSuccess = (value: unknown): Effect.Effect<any, any, any> =>
    this.missed ? this.again() : this.ended(Exit.succeed(value))

  readonly onFailure = (cause: Cause.Cause<unknown>): Effect.Effect<any, any> => this.ended(Exit.failCause(cause))

  private again(): Effect.Effect<any, any, any> {
    return this.contents.closing ? Effect.interrupt : this.borrow(this.contents.use(this.key))
  }

  private ended(exit: Exit.Exit<unknown, unknown>): Effect.Effect<any, any> {
    const { fiber, instance: lent, mark } = this
    if (mark !== undefined) {
      mark.active--
      fiber.setContext(this.outer)
    }
    if (lent !== undefined) {
      if (!lent.ending) {
        lent.leave(this)
        return exit
      }
      this.hold = lent.handleOf(this)
    }
    const { hold } = this
    // One who came too early, or was interrupted before, has nothing to give back.
    if (hold === undefined || stepAside(hold)) return exit
    const instance = hold.value
    if (hold.state === live && isPlain(instance, fiber)) {
      surrender(hold)
      return endPlainly(instance, fiber, exit, (failed) => {
        if (failed === undefined) return exit
        failed.claims++
        return this.heard(exit, claim(instance, failed, identity, constTrue))
      })
    }
    return this.heard(exit, handle.dropLease(hold, constTrue, exit))
  }

  private heard(exit: Exit.Exit<unknown, unknown>, end: Effect.Effect<void, unknown>): Effect.Effect<any, any> {
    const { fiber, restore } = this
    return Effect.matchCauseEffect(end, {
      onSuccess: (_) => exit,
      onFailure: (cause) => {
        const failure = fromCause(cause)
        if (failure._tag === "None") return isPrimary(exit) ? Exit.failCause(cause) : exit
        const { dropped, errors } = failure.value
        const reporter = Context.get(fiber.context, DropReporter)
        return answer(fiber.context, restore, exit, new DropFailure({ errors, dropped, exit }), false, () => reporter)
      }
    })
  }
}

/** Puts a hold into the current scope; where that has closed meanwhile, it is given back. */
export const keepHold = <B>(hold: Hold, fiber: AnyFiber, give: (hold: Hold) => B): Effect.Effect<B> => {
  const scope = scopeOf(fiber)
  if (scope.state._tag === "Closed") {
    return Effect.andThen(Effect.exit(handle.dropLease(hold, constFalse)), Effect.interrupt)
  }
  own(scope, hold, fiber)
  return Exit.succeed(give(hold))
}

/** Gives a hold to an open scope. */
export const own = (scope: Scope.Scope, hold: Hold, fiber: AnyFiber): void => {
  const keeper = loadOf(scope)
  hold.bound = keeper !== undefined
  if (keeper !== undefined) hold.value.keep(hold, keeper)
  host(scope, hold, fiber, HoldBatch)
}

/** A batch that begins with a hold: mostly that is all there will be in it. */
class HoldBatch extends Batch {
  override closeAtOnce(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    const aside = super.closeAtOnce(exit)
    const lone = this.tail
    const fiber = Fiber.getCurrent()
    if (aside !== undefined || !(lone instanceof Hold) || lone.prev !== undefined || fiber === undefined) return aside
    const instance = lone.value
    if (lone.state !== live || !isPlain(instance, fiber)) return undefined
    surrender(lone)
    const deaths: Array<DropError<unknown>> = []
    const ended = endOwned(instance, fiber, exit, deaths)
    return isExit(ended) ? ended : Effect.uninterruptible(Effect.flatMap(ended, () => dieOf(deaths, exit, 0)))
  }
}

/** The value, of the type that its store says. */
export const valueOf = (hold: Hold): any => hold.value.lent
