// What is in a ConcurrentStore: its keys, how many may live, and those that nobody holds.
//
// 1. A key is in the index while it is not absent, and no longer.
// 2. Live instances, those being dropped included, never exceed the capacity: a load has its place first.
// 3. Idle ones stand in the order in which they were last used; one timer serves them all.
// 4. Closing, it begins no load, lets nobody in, interrupts who waits, drops what is idle, and waits for the rest.
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Closing } from "./closing.ts"
import { KeyIndex } from "./key-index.ts"
import { type Change, type Home, Keyed } from "./keyed.ts"
import { waiting } from "./lapse.ts"
import type { AnyFiber, Awaited } from "./lifetime.ts"
import type { Contents, Nest } from "./nest.ts"
import { Room } from "./room.ts"

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
export class ConcurrentStore implements Contents, Home, Awaited {
  nest: Nest | undefined = undefined
  readonly config: Config
  readonly services: Context.Context<never>
  readonly keys = new KeyIndex<Keyed>()
  readonly listeners = new Set<(event: StoreEvent | undefined) => void>()
  closing = false
  private closed = false
  private readonly idle = new Map<Keyed, number>()
  private reaper: AnyFiber | undefined = undefined
  private readonly room: Room | undefined
  private emptied: (() => void) | undefined = undefined
  /** Drops under way whose errors are not delivered yet. */
  private ends = 0

  constructor(config: Config, services: Context.Context<never>) {
    this.config = config
    this.services = services
    this.room = config.capacity === Infinity ? undefined : new Room(this, config.capacity)
  }

  get name(): string {
    return this.nest?.label ?? "ConcurrentStore"
  }

  get label(): string {
    return this.name
  }

  *blockers(): Generator<AnyFiber> {
    for (const keyed of this.keys.values()) yield* keyed.blockers()
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

  load(key: unknown) {
    return { effect: Effect.suspend(() => this.config.lookup(key)), services: this.services }
  }

  // ------------------------------------------------------------------ idle ones

  rests(): boolean {
    return !this.closing && this.config.idleTimeToLive > 0 && this.room?.wanted !== true
  }

  /** Where nothing is kept, only what was put in rests: until it is borrowed, or has to make room. */
  rest(keyed: Keyed): void {
    const { idleTimeToLive } = this.config
    this.idle.set(keyed, this.now() + idleTimeToLive)
    if (this.reaper === undefined && idleTimeToLive > 0 && idleTimeToLive !== Infinity) this.reap()
  }

  wake(keyed: Keyed): void {
    this.idle.delete(keyed)
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
    Effect.runForkWith(this.services)(Effect.uninterruptible(dropped))
  }

  // ------------------------------------------------------------------ room

  get full(): boolean {
    return this.room?.full === true
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

  /** Takes room for what is put in; only where it is not full. */
  occupy(keyed: Keyed): void {
    this.room?.take(keyed)
  }

  leave(keyed: Keyed): void {
    this.room?.leave(keyed)
  }

  // ------------------------------------------------------------------ ending

  free(keyed: Keyed): void {
    this.keys.remove(keyed)
    this.wakeCloser()
  }

  endBegins(): void {
    this.ends++
  }

  endIsOver(): void {
    this.ends--
    this.wakeCloser()
  }

  private get over(): boolean {
    return this.keys.size === 0 && this.ends === 0
  }

  private wakeCloser(): void {
    if (this.over) this.emptied?.()
  }

  close(nest: Nest, _: Exit.Exit<unknown, unknown>, closing: Closing | undefined): Effect.Effect<void> {
    this.closing = true
    const place = nest.owning(nest.services)
    this.reaper?.interruptUnsafe()
    for (const keyed of this.keys.values()) keyed.interruptWaiters()
    // Whose use waits for this close is told so, and dropped when that use has ended; the others are dropped here.
    const drop = (keyed: Keyed) =>
      Effect.catchCause(Effect.asVoid(keyed.end("expire", place)), (cycle) => {
        this.expire(keyed)
        cycles.push(...cycle.reasons)
        return Effect.void
      })
    const cycles: Array<Cause.Reason<never>> = []
    return Effect.andThen(
      Effect.forEach([...this.idle.keys()], drop, { concurrency: this.config.concurrency, discard: true }),
      Effect.suspend(() => {
        if (cycles.length > 0) return Effect.failCause(Cause.fromReasons(cycles))
        return this.over ? this.end() : this.untilEmpty(nest, closing)
      })
    )
  }

  private untilEmpty(nest: Nest, closing: Closing | undefined): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const begun = clock.monotonicTimeNanosUnsafe()
      const emptied = waiting(
        (over) => {
          if (this.over) return over()
          this.emptied = over
        },
        fiber,
        clock,
        Infinity,
        closing?.budget
      )
      return Effect.flatMap(emptied, (lapse) => {
        this.emptied = undefined
        const times = { base: nest.startedAt, start: begun, end: clock.monotonicTimeNanosUnsafe() }
        if (lapse?.by !== undefined) {
          for (const keyed of this.keys.values()) keyed.outlasted(lapse.by, times, closing)
        }
        return this.end()
      })
    })
  }

  private end(): Effect.Effect<void> {
    this.closed = true
    for (const listener of this.listeners) listener(undefined)
    this.listeners.clear()
    return Effect.void
  }

  /** Hears what happens; `undefined` says that nothing more will. */
  listen(listener: (event: StoreEvent | undefined) => void): void {
    if (this.closed) listener(undefined)
    else this.listeners.add(listener)
  }

  changed(keyed: Keyed, event: Change): void {
    for (const listener of this.listeners) listener({ _tag: event, key: keyed.key })
  }
}
