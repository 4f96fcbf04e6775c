// One key of a store: runs what slot.ts says is to be done. How it lets in and loads is in wanted.ts, how it ends here.
//
// 1. It ends when its last holder leaves, when it is idle and has to go, or by one who asked to end it himself.
// 2. The key is free for the next load only when the last instance has ended.
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { constFalse, constTrue, identity } from "effect/Function"
import type { Budget } from "./budget.ts"
import type { Closing } from "./closing.ts"
import { cutShort } from "./cut-short.ts"
import { beginBoundWait, beginWait, endWait, findCycle } from "./cycle.ts"
import type { Restore } from "./ending.ts"
import { dropError, type Times } from "./errors.ts"
import * as handle from "./handle.ts"
import { endPlainly, isPlain } from "./instance-end.ts"
import type { Instance, Key } from "./instance.ts"
import { type AnyFiber, nameOf, observe } from "./lifetime.ts"
import { Request } from "./request.ts"
import { claim } from "./settling.ts"
import { type Action, heldBy, transition } from "./slot.ts"
import { Wanted } from "./wanted.ts"

export class Keyed extends Wanted implements Key {
  /** Drops under way whose errors are not delivered yet. */
  ends = 0
  /** Who tries again when a drop has ended. */
  private over: { readonly done: Deferred.Deferred<void>; readonly waiting: Set<AnyFiber> } | undefined = undefined

  cloned(): void {
    if (this.state._tag === "Loaded") this.state = heldBy(this.state, this.state.holders + 1)
  }

  get ending(): boolean {
    if (this.shared) return false
    return transition(this.state, "giveBack", this.home.rests(this))[1].includes("drop")
  }

  get open(): boolean {
    return !this.home.closing && this.state._tag === "Loaded" && this.state.asked === "no"
  }

  /** Whether several hold it: then one who leaves changes nothing but their number. */
  private get shared(): boolean {
    return this.state._tag === "Loaded" && this.state.holders > 1
  }

  givenBack(): boolean {
    if (this.state._tag === "Loaded" && this.state.holders > 1) {
      this.state = heldBy(this.state, this.state.holders - 1)
      return false
    }
    const actions = this.step("giveBack")
    if (actions.includes("drop")) {
      this.home.changed(this, "Dropping")
      return true
    }
    if (actions.includes("rest")) {
      this.home.rest(this)
      this.home.changed(this, "Idle")
    }
    this.perform(actions)
    return false
  }

  /** The release of the instance has ended. */
  ended(): void {
    this.home.leave(this)
    this.gone()
  }

  /** Drops an instance that nobody holds, if there is one; its errors go to `place`. Called uninterruptibly. */
  end(event: "expire" | "invalidate", place: Context.Context<never>): Effect.Effect<void> {
    const fiber = Fiber.getCurrent()! // called inside the run loop, where there is a current fibre
    const cycle = this.state._tag === "Idle" && this.instance?.uses !== undefined
      ? findCycle(fiber, this.instance)
      : undefined
    if (cycle !== undefined) return Effect.die(cycle)
    return this.dropTaken(this.takeOut(event), place, Exit.void)
  }

  /** Takes an idle one out, in this step: whoever looks next finds another. What is given back drops it. */
  expire(place: Context.Context<never>, exit: Exit.Exit<unknown, unknown> = Exit.void): Effect.Effect<void> {
    return this.dropTaken(this.takeOut("expire"), place, exit)
  }

  private dropTaken(
    instance: Instance | undefined,
    place: Context.Context<never>,
    exit: Exit.Exit<unknown, unknown>
  ): Effect.Effect<void> {
    if (instance === undefined) return Effect.void
    instance.context = place
    this.ends++
    this.home.endBegins()
    const over = (): Effect.Effect<void> => {
      this.ends--
      this.home.endIsOver()
      return Exit.void
    }
    return Effect.withFiber((fiber) => {
      if (!isPlain(instance, fiber)) return Effect.flatMap(Effect.exit(handle.drop(instance, constFalse, exit)), over)
      return endPlainly(instance, fiber, exit, (failed) => {
        if (failed === undefined) return over()
        failed.claims++
        return Effect.flatMap(Effect.exit(claim(instance, failed, identity, constFalse)), over)
      })
    })
  }

  /** As `end`, failing with the errors. */
  endHeard(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, unknown> {
    const instance = this.takeOut("expire")
    return instance === undefined ? Effect.void : handle.drop(instance, constTrue, exit)
  }

  /** The close of its home is given up on: what is held, or being loaded or dropped, is left to who does that. */
  outlasted(by: Budget, times: Times, closing: Closing | undefined): void {
    const left = this.instance ?? this.run?.nest
    if (left === undefined) return
    const { cause } = cutShort(left, "budget", "abandoned", by)
    const close = closing === undefined ? {} : { close: closing.id }
    observe(left, (id, resource) => ({ _tag: "Abandoned", id, resource, limit: "budget", ...close }))
    by.deliver(dropError(left, cause, times))
    closing?.gaveUp(nameOf(left), left)
  }

  private takeOut(event: "expire" | "invalidate"): Instance | undefined {
    const instance = this.instance
    if (!this.step(event).includes("drop")) return undefined
    this.home.wake(this)
    this.home.changed(this, "Dropping")
    return instance
  }

  /** Puts a value in that is there already: only where the key is absent. */
  put(instance: Instance): void {
    this.instance = instance
    if (this.step("insert").includes("rest")) this.home.rest(this)
    this.home.changed(this, "Loaded")
  }

  /** Waits for the end of the drop that is under way, if one is. */
  untilOver(fiber: AnyFiber, restore: Restore): Effect.Effect<void> {
    if (this.state._tag !== "Dropping") return Effect.void
    const cycle = findCycle(fiber, this)
    if (cycle !== undefined) return Effect.die(cycle)
    const { done, waiting } = this.over ??= { done: Deferred.makeUnsafe(), waiting: new Set() }
    waiting.add(fiber)
    if (restore === identity) beginBoundWait(fiber, this)
    else beginWait(fiber, this)
    return Effect.onExit(restore(Deferred.await(done)), () =>
      Effect.sync(() => {
        waiting.delete(fiber)
        endWait(fiber)
      }))
  }

  /** Asks for a drop that `body` runs, with the value in its hands; `undefined` where one is asked for already. */
  ask(
    body: (instance: Instance | undefined) => Effect.Effect<unknown, unknown>,
    asker: AnyFiber
  ): Request | undefined {
    const instance = this.instance
    const actions = this.step("request")
    if (actions.includes("refuse")) return undefined
    const request = this.request = new Request(this)
    if (actions.includes("wake")) this.home.wake(this)
    if (actions.includes("answer")) this.answer(instance)
    request.run(body, asker, () => {
      this.request = undefined
      this.home.leave(this)
      this.gone()
    })
    return request
  }

  private answer(instance: Instance | undefined): void {
    this.home.changed(this, "Dropping")
    if (instance !== undefined) this.home.handOut(this, instance.id)
    this.request!.answer(instance) // there is one where a drop was asked for
  }

  /** Nothing is live any more. */
  gone(): void {
    const { over } = this
    this.instance = this.over = undefined
    // Before anything goes on: what comes next does not wait for those whose wait is over.
    over?.waiting.forEach(endWait)
    const actions = this.step("ended")
    this.home.changed(this, "Dropped")
    this.perform(actions)
    if (over !== undefined) Deferred.doneUnsafe(over.done, Exit.void)
  }

  perform(actions: ReadonlyArray<Action>): void {
    if (actions.includes("answer")) this.answer(this.instance)
    if (actions.includes("load")) this.loadAfresh()
    if (actions.includes("free")) this.home.free(this)
  }
}
