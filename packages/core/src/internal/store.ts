// What is in a ConcurrentStore: its keys, how many may live, and those that nobody holds.
//
// 1. A key is in the index while it is not absent, and no longer.
// 2. Live instances, those being dropped included, never exceed the capacity: a load has its place first.
// 3. Idle ones stand in the order in which they were last used; one timer serves them all. One that nobody holds,
//    but a use that outlasts its handle has, is not idle before that has ended.
// 4. Closing, it begins no load, lets nobody in, interrupts who waits, drops what is idle, and waits for the rest,
//    but for keys whose end waits for this close: it fails with their cycles, and has ended when they have.
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constTrue } from "effect/Function"
import type { DropCycle } from "../DropCycle.ts"
import type { Budget } from "./budget.ts"
import type { Closing } from "./closing.ts"
import { beginBoundWait, endWait, type Every, findCycle, warnIfLikely } from "./cycle.ts"
import { dropError, type Times } from "./errors.ts"
import type { Change, Home } from "./home.ts"
import { Instance } from "./instance.ts"
import { KeyIndex } from "./key-index.ts"
import { Keyed } from "./keyed.ts"
import { waiting } from "./lapse.ts"
import type { AnyFiber, Handled } from "./lifetime.ts"
import type { Contents, Nest } from "./nest.ts"
import { dieOf } from "./owner.ts"
import { now } from "./release.ts"
import { Room } from "./room.ts"
import type { Load } from "./waiters.ts"

export interface Config {
  readonly lookup: (key: unknown) => Effect.Effect<unknown, unknown, any> // any: what it needs is in the services
  /** Milliseconds; 0: dropped when the last borrower leaves. */
  readonly idleTimeToLive: number
  readonly capacity: number
  readonly onFull: "wait" | "fail"
  readonly concurrency: number | "unbounded"
}

export interface StoreEvent {
  readonly _tag: Change
  readonly key: unknown
}

/** Called as messages call it. */
export class ConcurrentStore implements Contents, Home {
  nest: Nest | undefined = undefined
  readonly config: Config
  readonly services: Context.Context<never>
  readonly keys = new KeyIndex<Keyed>()
  readonly listeners = new Set<(event: StoreEvent | undefined) => void>()
  closing = false
  private closed = false
  private gaveUp = false
  private readonly idle = new Map<Keyed, number>()
  /** Those that would be idle, but for a use that outlasts its handle. */
  private readonly used = new Set<Keyed>()
  private reaper: AnyFiber | undefined = undefined
  private readonly room: Room | undefined
  /** Keys whose instance someone has in hand, by its id. */
  private readonly inHand = new Map<number, Keyed>()
  /** Keys that its close does not wait for: they wait for it. */
  private readonly told = new Map<Keyed, DropCycle>()
  /** Drops under way whose errors are not delivered yet. */
  private ends = 0
  private emptied: (() => void) | undefined = undefined
  private ended: Deferred.Deferred<void> | undefined = undefined

  constructor(config: Config, services: Context.Context<never>) {
    this.config = config
    this.services = services
    this.room = config.capacity === Infinity ? undefined : new Room(this, config.capacity)
  }

  get name(): string {
    return this.nest?.label ?? "ConcurrentStore"
  }

  /** The end of all keys. Those who hold one by a scope count too, unless `bound`: another may close that. */
  atEnd(bound: boolean, counts: (keyed: Keyed) => boolean = constTrue): Every {
    const { keys, name: label } = this
    function* all() {
      for (const keyed of keys.values()) if (counts(keyed)) yield keyed.view(bound, true)
    }
    return {
      label,
      blockers: () => [],
      get allOf() {
        return all()
      }
    }
  }

  at(key: unknown): Keyed | undefined {
    return this.keys.find(key)
  }

  /** The machine of a key; one that stays absent is never put in. */
  use(key: unknown): Keyed {
    const known = this.at(key)
    if (known !== undefined) return known
    const keyed = new Keyed(this, key)
    this.keys.add(keyed)
    return keyed
  }

  load({ key }: Keyed): Load {
    return { effect: Effect.suspend(() => this.config.lookup(key)), services: this.services }
  }

  // ------------------------------------------------------------------ idle ones

  rests(): boolean {
    return !this.closing && this.config.idleTimeToLive > 0 && this.room?.wanted !== true
  }

  /** Where nothing is kept, only what was put in rests: until it is borrowed, or has to make room. */
  rest(keyed: Keyed): void {
    if (keyed.instance?.uses !== undefined) return this.restLater(keyed, keyed.instance)
    const { idleTimeToLive } = this.config
    this.idle.set(keyed, this.now() + idleTimeToLive)
    if (this.reaper === undefined && idleTimeToLive > 0 && idleTimeToLive !== Infinity) this.reap()
  }

  private restLater(keyed: Keyed, instance: Instance): void {
    this.used.add(keyed)
    instance.drained = () => {
      if (!this.used.delete(keyed)) return undefined
      this.rest(keyed)
      this.makeRoom()
      return undefined
    }
  }

  wake(keyed: Keyed): void {
    if (!this.idle.delete(keyed)) this.used.delete(keyed)
  }

  touch(keyed: Keyed): void {
    if (!this.idle.delete(keyed)) return
    this.rest(keyed)
  }

  private now(): number {
    return Number(this.clock().monotonicTimeNanosUnsafe() / 1_000n) / 1_000
  }

  private clock(): Clock.Clock {
    return Context.get(this.services, Clock.Clock)
  }

  /** Sleeps until the first is due; lasts as long as there are idle ones. */
  private reap(): void {
    const next: Effect.Effect<void> = Effect.suspend(() => {
      for (const [keyed, due] of this.idle) {
        const left = due - this.now()
        if (left > 0) return Effect.andThen(Effect.sleep(Math.ceil(left)), next)
        this.expire(keyed)
      }
      this.reaper = undefined
      return Effect.void
    })
    const fiber = Effect.runForkWith(this.services)(next)
    if (fiber.pollUnsafe() === undefined) this.reaper = fiber
  }

  /** Takes an idle one out, and drops it in a fibre of its own. */
  private expire(keyed: Keyed): void {
    const dropped = keyed.expire(this.services)
    Effect.runForkWith(this.services)(dropped, { uninterruptible: true })
  }

  // ------------------------------------------------------------------ room

  /** Whether there is no room for a life of that id: one that leaves its key brings its own. */
  fullFor(id: number): boolean {
    return this.room?.full === true && !this.inHand.has(id)
  }

  admit(keyed: Keyed, load: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    if (this.closing) return Effect.interrupt
    const room = this.room
    if (room === undefined) return load
    const entered = room.wait(keyed, () => {
      if (this.evict() !== undefined || this.config.onFull === "wait") return undefined
      return Effect.fail(new Cause.ExceededCapacityError(`${this.name} has no room for another key`))
    })
    return Effect.andThen(entered, Effect.suspend(() => this.closing ? Effect.interrupt : load))
  }

  /** Drops the one that has been idle longest, if one is. */
  evict(): Keyed | undefined {
    for (const keyed of this.idle.keys()) {
      this.expire(keyed)
      return keyed
    }
    return undefined
  }

  /** Takes room for a life that is put in; only where it is not full for that. */
  occupy(keyed: Keyed, id: number): void {
    const from = this.inHand.get(id)
    this.inHand.delete(id)
    if (from === undefined) this.room?.take(keyed)
    else this.room?.pass(from, keyed)
  }

  /** Nothing begins to be idle while someone waits for its room. */
  makeRoom(): void {
    if (this.room?.wanted === true) this.evict()
  }

  handOut(keyed: Keyed, id: number): void {
    this.inHand.set(id, keyed)
  }

  leave(keyed: Keyed): void {
    const id = keyed.instance?.id
    if (id !== undefined) this.inHand.delete(id)
    this.room?.leave(keyed)
  }

  // ------------------------------------------------------------------ ending

  free(keyed: Keyed): void {
    this.keys.remove(keyed)
    this.wakeClosers()
  }

  endBegins(): void {
    this.ends++
  }

  endIsOver(): void {
    this.ends--
    this.wakeClosers()
  }

  close(nest: Nest, exit: Exit.Exit<unknown, unknown>, closing: Closing | undefined): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const begun = now(fiber)
      this.closing = true
      this.reaper?.interruptUnsafe()
      for (const keyed of this.keys.values()) keyed.interruptWaiters()
      this.findCycles(fiber)
      beginBoundWait(fiber, this.atEnd(true, (keyed) => !this.told.has(keyed)))
      this.dropIdle(nest.owning(nest.services), fiber, exit)
      const clock = fiber.getRef(Clock.Clock)
      const over = (done: () => void): void => {
        this.wakeClosers()
        if (this.over) done()
        else this.emptied = done
      }
      const isMine = (held: Handled): boolean => held instanceof Instance && held.at.home === this
      const warning = this.over ? Effect.void : warnIfLikely(fiber, nest, "close", isMine)
      const warned = Effect.andThen(warning, this.over ? Effect.void : this.warnOfHolds(fiber, nest))
      const waited = Effect.andThen(warned, waiting(over, fiber, clock, Infinity, closing?.budget))
      return Effect.flatMap(waited, (lapse) => {
        endWait(fiber)
        const times = { base: nest.startedAt, start: begun, end: now(fiber) }
        if (lapse?.by !== undefined) this.giveUp(lapse.by, times, closing)
        const error = (cycle: DropCycle, key: unknown) => ({ ...dropError(nest, Cause.die(cycle), times), key })
        return dieOf(Array.from(this.told, ([{ key }, cycle]) => error(cycle, key)), exit, 0)
      })
    })
  }

  /** Another may close the scope by which this fibre holds a key, so that is no error. */
  private warnOfHolds(fiber: AnyFiber, nest: Nest): Effect.Effect<unknown> {
    const cycle = nest.warned || this.told.size > 0 ? undefined : findCycle(fiber, this.atEnd(false))
    if (cycle === undefined) return Effect.void
    nest.warned = true
    return Effect.exit(Effect.logWarning(
      `close of ${this.name} waits for a key that its own fibre holds by a scope (${cycle.chain.join(" -> ")}): ` +
        `if that fibre is to close that scope, it hangs`
    ))
  }

  /** There is no time left for those who still hold a key; its value is dropped, late, when they let go. */
  private giveUp(by: Budget, times: Times, closing: Closing | undefined): void {
    this.emptied = undefined
    this.gaveUp = true
    for (const keyed of this.keys.values()) if (!this.told.has(keyed)) keyed.outlasted(by, times, closing)
  }

  /** Whose end waits for this close is told so, and dropped when he has let go; the others are waited for. */
  private findCycles(fiber: AnyFiber): void {
    if (findCycle(fiber, this.atEnd(true)) === undefined) return
    for (const keyed of this.keys.values()) {
      const cycle = findCycle(fiber, this.atEnd(true, (each) => each === keyed))
      if (cycle !== undefined) this.told.set(keyed, cycle)
    }
  }

  /** In fibres of their own: the closer does nothing but wait. */
  private dropIdle(place: Context.Context<never>, closer: AnyFiber, exit: Exit.Exit<unknown, unknown>): void {
    const run = (drops: Effect.Effect<unknown>) => Effect.runForkWith(closer.context)(drops, { uninterruptible: true })
    const idle = [...this.idle.keys(), ...this.used]
    for (const keyed of idle) if (this.told.has(keyed)) run(keyed.expire(place, exit))
    const { concurrency } = this.config
    const others = idle.filter((keyed) => !this.told.has(keyed))
    if (others.length === 0) return
    run(Effect.forEach(others, (keyed) => keyed.expire(place, exit), { concurrency, discard: true }))
  }

  /** Waits for the keys that the close did not wait for. */
  untilEnded(fiber: AnyFiber): Effect.Effect<void> {
    if (this.closed || this.gaveUp || !this.closing) return Effect.void
    const rest = this.atEnd(true)
    const cycle = findCycle(fiber, rest)
    if (cycle !== undefined) return Effect.die(cycle)
    beginBoundWait(fiber, rest)
    return Effect.map(Deferred.await(this.ended ??= Deferred.makeUnsafe()), () => endWait(fiber))
  }

  /** Whether nothing is left that the closer waits for. */
  private get over(): boolean {
    let [keys, ends] = [this.keys.size, this.ends]
    for (const keyed of this.told.keys()) {
      if (keyed.state._tag !== "Absent") keys--
      ends -= keyed.ends
    }
    return keys === 0 && ends === 0
  }

  private wakeClosers(): void {
    if (!this.closing) return
    if (this.keys.size === 0 && this.ends === 0) this.end()
    if (this.over) this.emptied?.()
  }

  private end(): void {
    if (this.closed) return
    this.closed = true
    for (const listener of this.listeners) listener(undefined)
    this.listeners.clear()
    if (this.ended !== undefined) Deferred.doneUnsafe(this.ended, Exit.void)
  }

  /** Hears what happens; `undefined` says that nothing more will. */
  listen(listener: (event: StoreEvent | undefined) => void): void {
    if (this.closed) listener(undefined)
    else this.listeners.add(listener)
  }

  changed(keyed: Keyed, event: Change): void {
    if (this.listeners.size === 0) return
    for (const listener of this.listeners) listener({ _tag: event, key: keyed.key })
  }
}
