// One key of a store: runs what slot.ts says is to be done.
//
// 1. What is decided in a step is done in it: who is granted a value holds it before anyone else comes.
// 2. The parts of a load are released after its fibre has stopped, and before anyone hears that it failed.
//    Those who were started inside of a load do not keep it going: it may wait for them.
// 3. Whoever waits is in exactly one queue, or has been answered; who leaves is told apart by that.
// 4. The key is free for the next load only when the last instance has ended.
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { constFalse, constTrue, identity } from "effect/Function"
import type { Budget } from "./budget.ts"
import type { Closing } from "./closing.ts"
import { cutShort } from "./cut-short.ts"
import { beginBoundWait, beginWait, descendsFrom, endWait, findCycle, isFree, warnIfLikely } from "./cycle.ts"
import { text } from "./describe.ts"
import type { Restore } from "./ending.ts"
import { dropError, type Times } from "./errors.ts"
import * as handle from "./handle.ts"
import { endPlainly, isPlain } from "./instance-end.ts"
import { type Hold, type Holder, Instance, type Key, type KeyedNest } from "./instance.ts"
import { View, waitsFor } from "./keyed-waits.ts"
import { type AnyFiber, type Awaited, nameOf, observe } from "./lifetime.ts"
import { Loading } from "./loading.ts"
import { Request } from "./request.ts"
import { claim } from "./settling.ts"
import { absent, type Action, type Event, heldBy, type State, transition } from "./slot.ts"
import { type Load, Queue, Waiter } from "./waiters.ts"

/** What the keys of a store have in common. */
export interface Home {
  /** Of the maker. */
  readonly services: Context.Context<never>
  readonly name: string
  /** Nobody comes in any more. */
  readonly closing: boolean
  /** Whether a value is kept when nobody holds it. */
  rests(keyed: Keyed): boolean
  /** It begins to be idle, or is wanted again. */
  rest(keyed: Keyed): void
  wake(keyed: Keyed): void
  /** How a value is made where who wants it does not say. */
  load(keyed: Keyed): Load
  /** Waits for room before a load. */
  admit(keyed: Keyed, load: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown>
  /** Someone has its instance in hand, of that id; until it has left. */
  handOut(keyed: Keyed, id: number): void
  /** An instance or a load has ended: its room is free. */
  leave(keyed: Keyed): void
  /** The key is absent. */
  free(keyed: Keyed): void
  /** A drop that nobody asked for by a handle begins; its errors are delivered. */
  endBegins(): void
  endIsOver(): void
  /** Something has changed. */
  changed(keyed: Keyed, event: Change): void
}

const none: ReadonlyArray<Action> = []

export type Change = "Loaded" | "LoadFailed" | "Borrowed" | "Idle" | "Dropping" | "Dropped"

export class Keyed implements Key, Awaited {
  readonly home: Home
  readonly key: unknown
  state: State = absent
  instance: Instance | undefined = undefined
  request: Request | undefined = undefined
  /** Drops under way whose errors are not delivered yet. */
  ends = 0
  run: Loading | undefined = undefined
  private views: Array<Awaited> | undefined = undefined
  private readonly waiting = new Queue()
  private readonly later = new Queue()
  /** Who was started inside of the load that he waits for. */
  private readonly inner = new Queue()
  /** Who tries again when a drop has ended. */
  private over: { readonly done: Deferred.Deferred<void>; readonly waiting: Set<AnyFiber> } | undefined = undefined

  constructor(home: Home, key: unknown) {
    this.home = home
    this.key = key
  }

  get label(): string {
    return this.key === undefined ? this.home.name : `${this.home.name}(${text(this.key)})`
  }

  blockers(asking: AnyFiber): Generator<AnyFiber | Awaited> {
    return waitsFor(this, asking)
  }

  /** The same one each time: who looks knows by that where he has been. */
  view(bound: boolean, ending: boolean): Awaited {
    if (!bound && !ending) return this
    const at = (bound ? 1 : 0) + (ending ? 2 : 0)
    return (this.views ??= [])[at] ??= new View(this, bound, ending)
  }

  has(load: KeyedNest): boolean {
    return this.instance?.nest === load || this.run?.nest === load
  }

  // ------------------------------------------------------------------ borrowing

  /** Whether a borrow need not wait. */
  get ready(): boolean {
    const state = this.state
    return state._tag === "Idle" || state._tag === "Loaded" && state.asked === "no"
  }

  /** A hold at once; only where the key is `ready`. */
  grant(fiber: AnyFiber): Hold {
    return this.borrowed().hold(fiber.context, fiber)
  }

  /** As `grant`, for one who makes no handle of it. */
  lend(holder: Holder): Instance {
    const instance = this.borrowed()
    instance.join(holder)
    return instance
  }

  private borrowed(): Instance {
    const state = this.state
    // As the table says, without a look at its actions for each of the many who come and go.
    if (state._tag === "Loaded") this.state = heldBy(state, state.holders + 1)
    else for (const action of this.step("borrow")) if (action === "wake") this.home.wake(this)
    this.home.changed(this, "Borrowed")
    return this.instance! // there is one where it is ready
  }

  /**
   * Waits for a value and gives it to `give`, in the step that has it; called uninterruptibly. Without a `load` it
   * is made as its home makes it. Errors of what is given back unused go to `place`.
   */
  borrow<A, E, R>(
    fiber: AnyFiber,
    restore: Restore,
    load: Load | undefined,
    give: (hold: Hold) => Effect.Effect<A, E, R>,
    place: (context: Context.Context<never>) => Context.Context<never> = identity
  ): Effect.Effect<A, E, R> {
    if (this.home.closing) return Effect.interrupt
    if (this.ready) return give(this.grant(fiber))
    const cycle = this.waitsForNobody(fiber) ? undefined : findCycle(fiber, this)
    if (cycle !== undefined) return Effect.die(cycle)
    const waiter = new Waiter(fiber, load)
    const { run } = this
    const within = run !== undefined && this.state._tag === "Loading" && descendsFrom(fiber, run.nest)
    if (within) this.inner.add(waiter)
    const actions = within ? none : this.enqueue(waiter)
    beginWait(fiber, this)
    if (actions.includes("load")) {
      this.begin(load, fiber)
      // A load that ends at once is not waited for.
      if (waiter.granted) return give(waiter.hold!) // there is one where it is granted
    }
    const wait = Effect.callback<void, any>((resume) => waiter.wait(resume)) // any: what the load fails with
    const likely = within
      ? warnIfLikely(fiber, run.nest, "borrow", undefined, "load")
      : waiter.queue === this.later
      ? this.warning(fiber)
      : undefined
    const waiting = likely === undefined ? restore(wait) : Effect.andThen(likely, restore(wait))
    return Effect.matchCauseEffect(waiting, {
      // Whoever answered him has ended his wait.
      onSuccess: (_) => give(waiter.hold!), // as above
      onFailure: (cause) => {
        endWait(fiber)
        return this.left(waiter, cause, place(fiber.context))
      }
    })
  }

  private enqueue(waiter: Waiter): ReadonlyArray<Action> {
    const actions = this.step("borrow")
    const queue = actions[0] === "queue" ? this.later : this.waiting
    queue.add(waiter)
    return actions
  }

  /** The load is over, or ends: those who were started inside of it wait as all others do. */
  private enqueueInner(): void {
    if (this.inner.first !== undefined) { for (const waiter of this.inner.takeAll()) this.enqueue(waiter) }
  }

  /** Whether a look is enough to say that no circle leads back to `fiber`: many come while one load is under way. */
  private waitsForNobody(fiber: AnyFiber): boolean {
    if (this.state._tag !== "Loading") return this.state._tag === "Absent"
    const load = this.run?.fiber
    return load !== undefined && load !== fiber && this.run!.nest.state._tag === "Live" && isFree(load)
  }

  /** Where its instance is used by one whom the fibre descends from. */
  private warning(fiber: AnyFiber): Effect.Effect<unknown> {
    return this.instance === undefined ? Effect.void : warnIfLikely(fiber, this.instance, "borrow")
  }

  /** One who waited goes without: interrupted, or with the failure that he was given. */
  private left(waiter: Waiter, cause: Cause.Cause<any>, place: Context.Context<never>): Effect.Effect<never, any> {
    const { hold, queue } = waiter
    const out = Effect.failCause(cause)
    if (hold !== undefined) {
      hold.context = place
      return Effect.andThen(Effect.exit(handle.dropLease(hold, constFalse)), out)
    }
    if (queue === undefined) return out
    queue.remove(waiter)
    if (queue === this.inner) return out
    if (queue === this.later) {
      this.step("leaveLater")
      return out
    }
    if (!this.step("leave").includes("stop")) return out
    this.enqueueInner()
    // There is one while the key is loading; its errors are those of the last who left.
    return Effect.matchCauseEffect(this.run!.stop(waiter.fiber, place, this.view(false, true)), {
      onSuccess: () => out,
      onFailure: (cycle) => Effect.failCause(Cause.combine(cause, cycle))
    })
  }

  // ------------------------------------------------------------------ loading

  private begin(wanted: Load | undefined, waiting: AnyFiber): void {
    const { home } = this
    const run = this.run = new Loading(this, home.services, wanted ?? home.load(this))
    run.start(waiting, (load) => home.admit(this, load), (exit) => this.loaded(run, exit))
  }

  private loaded(run: Loading, exit: Exit.Exit<unknown, unknown>): void {
    if (exit._tag === "Failure" || this.state._tag !== "Loading") {
      return run.rollBack(exit, this.home.services, () => this.rolledBack(run, exit))
    }
    this.run = undefined
    this.enqueueInner()
    const instance = this.instance = new Instance(run.nest, exit.value, this)
    this.step("loaded")
    const waiters = this.waiting.takeAll()
    for (const waiter of waiters) {
      waiter.hold = instance.hold(waiter.fiber.context, waiter.fiber)
      endWait(waiter.fiber)
    }
    this.home.changed(this, "Loaded")
    // Whoever is answered goes on at once, and may interrupt another: all of them hold it by now.
    for (const waiter of waiters) {
      this.home.changed(this, "Borrowed")
      waiter.grant()
    }
  }

  private rolledBack(run: Loading, exit: Exit.Exit<unknown, unknown>): void {
    this.run = undefined
    this.home.leave(this)
    if (this.state._tag !== "Loading") return run.end(() => this.gone())
    this.enqueueInner()
    const failed = this.waiting.takeAll()
    for (const waiter of failed) endWait(waiter.fiber)
    const actions = this.step("failed")
    this.home.changed(this, "LoadFailed")
    this.perform(actions)
    // A failure: a load that has succeeded is rolled back only where nobody waits for it.
    for (const waiter of failed) waiter.fail(exit as Exit.Exit<never, unknown>)
  }

  // ------------------------------------------------------------------ ending

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
  private gone(): void {
    const { over } = this
    this.instance = this.over = undefined
    // Before anything goes on: what comes next does not wait for those whose wait is over.
    over?.waiting.forEach(endWait)
    const actions = this.step("ended")
    this.home.changed(this, "Dropped")
    this.perform(actions)
    if (over !== undefined) Deferred.doneUnsafe(over.done, Exit.void)
  }

  private perform(actions: ReadonlyArray<Action>): void {
    if (actions.includes("answer")) this.answer(this.instance)
    if (actions.includes("load")) {
      const first = this.later.first! // one at least waits where a load is wanted
      this.later.moveTo(this.waiting)
      this.begin(first.load, first.fiber)
    }
    if (actions.includes("free")) this.home.free(this)
  }

  /** Interrupts everyone who waits, as the store closes. */
  interruptWaiters(): void {
    for (const queue of [this.waiting, this.later, this.inner]) {
      // Each leaves its queue by itself, when it runs.
      for (const waiter of queue.all()) {
        endWait(waiter.fiber)
        waiter.interrupt()
      }
    }
  }

  private step(event: Event): ReadonlyArray<Action> {
    const [state, actions] = transition(this.state, event, this.home.rests(this))
    this.state = state
    return actions
  }
}
