// Who wants the value of a key: from when he asks for it until he has it, or goes without.
//
// 1. What is decided in a step is done in it: who is granted a value holds it before anyone else comes.
// 2. The parts of a load are released after its fibre has stopped, and before anyone hears that it failed.
//    Those who were started inside of a load do not keep it going: it may wait for them.
// 3. Whoever waits is in exactly one queue, or has been answered; who leaves is told apart by that.
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { constFalse, identity } from "effect/Function"
import { beginWait, descendsFrom, endWait, findCycle, isFree, warnIfLikely } from "./cycle.ts"
import { text } from "./describe.ts"
import type { Restore } from "./ending.ts"
import * as handle from "./handle.ts"
import type { Home } from "./home.ts"
import { type Hold, type Holder, Instance, type KeyedNest } from "./instance.ts"
import { View, waitsFor, warnOfHolders } from "./keyed-waits.ts"
import type { Keyed } from "./keyed.ts"
import type { AnyFiber, Awaited } from "./lifetime.ts"
import { Loading } from "./loading.ts"
import type { Request } from "./request.ts"
import { absent, type Action, type Event, heldBy, type State, transition } from "./slot.ts"
import { type Load, Queue, Waiter } from "./waiters.ts"

const none: ReadonlyArray<Action> = []

/** The half of a key that lets in and loads; the other half ends what it holds. */
export abstract class Wanted implements Awaited {
  readonly home: Home
  readonly key: unknown
  state: State = absent
  instance: Instance | undefined = undefined
  request: Request | undefined = undefined
  run: Loading | undefined = undefined
  private views: Array<Awaited> | undefined = undefined
  private readonly waiting = new Queue()
  private readonly later = new Queue()
  /** Who was started inside of the load that he waits for. */
  private readonly inner = new Queue()

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
  grant(this: Keyed, fiber: AnyFiber): Hold {
    return this.borrowed().hold(fiber.context, fiber)
  }

  /** As `grant`, for one who makes no handle of it. */
  lend(this: Keyed, holder: Holder): Instance {
    const instance = this.borrowed()
    instance.join(holder)
    return instance
  }

  private borrowed(this: Keyed): Instance {
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
    this: Keyed,
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

  private enqueue(this: Keyed, waiter: Waiter): ReadonlyArray<Action> {
    const actions = this.step("borrow")
    const queue = actions[0] === "queue" ? this.later : this.waiting
    queue.add(waiter)
    return actions
  }

  /** The load is over, or ends: those who were started inside of it wait as all others do. */
  private enqueueInner(this: Keyed): void {
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
    return this.instance === undefined ? Effect.void : warnOfHolders(fiber, this.instance, "borrow")
  }

  /** One who waited goes without: interrupted, or with the failure that he was given. */
  private left(
    this: Keyed,
    waiter: Waiter,
    cause: Cause.Cause<any>,
    place: Context.Context<never>
  ): Effect.Effect<never, any> {
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

  private begin(this: Keyed, wanted: Load | undefined, waiting: AnyFiber): void {
    const { home } = this
    const run = this.run = new Loading(this, home.services, wanted ?? home.load(this))
    run.start(waiting, (load) => home.admit(this, load), (exit) => this.loaded(run, exit))
  }

  private loaded(this: Keyed, run: Loading, exit: Exit.Exit<unknown, unknown>): void {
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

  private rolledBack(this: Keyed, run: Loading, exit: Exit.Exit<unknown, unknown>): void {
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

  /** For all who waited for the end of the last one. */
  protected loadAfresh(this: Keyed): void {
    const first = this.later.first! // one at least waits where a load is wanted
    this.later.moveTo(this.waiting)
    this.begin(first.load, first.fiber)
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

  protected step(this: Keyed, event: Event): ReadonlyArray<Action> {
    const [state, actions] = transition(this.state, event, this.home.rests(this))
    this.state = state
    return actions
  }
}
