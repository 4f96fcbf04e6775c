// What is in a ConcurrentStore: its keys, how many may live, and those that nobody holds.
//
// 1. A key is in the index while it is not absent, and no longer.
// 2. Live instances, those being dropped included, never exceed the capacity: a load has a permit first.
// 3. Idle ones stand in the order in which they were last used; one timer serves them all.
// 4. Closed, it lets nobody in, interrupts who waits, drops what is idle, and waits for the rest.
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { KeyIndex } from "./key-index.ts"
import { type Change, type Home, Keyed } from "./keyed.ts"
import type { AnyFiber, Awaited } from "./lifetime.ts"
import type { Contents, Nest } from "./nest.ts"

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
  private readonly room: Semaphore.Semaphore | undefined
  private readonly permits = new Map<Keyed, Scope.Closeable>()
  private wantRoom = 0
  private emptied: Deferred.Deferred<void> | undefined = undefined

  constructor(config: Config, services: Context.Context<never>) {
    this.config = config
    this.services = services
    this.room = config.capacity === Infinity ? undefined : Semaphore.makeUnsafe(config.capacity)
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
    return !this.closing && this.config.idleTimeToLive > 0 && this.wantRoom === 0
  }

  rest(keyed: Keyed): void {
    this.idle.set(keyed, this.now() + this.config.idleTimeToLive)
    if (this.reaper === undefined && this.config.idleTimeToLive !== Infinity) this.reap()
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
    this.reaper = Effect.runForkWith(this.services)(Effect.withFiber((fiber) => {
      this.reaper = fiber
      return next
    }))
  }

  /** Drops an idle one, in a fibre of its own. */
  private expire(keyed: Keyed): void {
    Effect.runForkWith(this.services)(Effect.uninterruptible(Effect.suspend(() => keyed.end("expire", this.services))))
  }

  // ------------------------------------------------------------------ room

  admit(keyed: Keyed, load: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    const room = this.room
    if (room === undefined) return load
    const permit = Scope.makeUnsafe()
    this.permits.set(keyed, permit)
    return Effect.flatMap(this.enter(room, permit), () => load)
  }

  private enter(room: Semaphore.Semaphore, permit: Scope.Scope): Effect.Effect<void, Cause.ExceededCapacityError> {
    const enter = Effect.provideService(room.takeScoped(1), Scope.Scope, permit)
    return Effect.suspend(() => {
      const full = this.permits.size > this.config.capacity
      if (!full) return enter
      const first = this.idle.keys().next()
      if (!first.done) this.expire(first.value)
      else if (this.config.onFull === "fail") {
        return Effect.fail(new Cause.ExceededCapacityError(`${this.name} has no room for another key`))
      }
      this.wantRoom++
      return Effect.onExit(enter, () => Effect.sync(() => void this.wantRoom--))
    })
  }

  leave(keyed: Keyed): void {
    const permit = this.permits.get(keyed)
    if (permit === undefined) return
    this.permits.delete(keyed)
    Effect.runForkWith(this.services)(Scope.close(permit, Exit.void))
  }

  // ------------------------------------------------------------------ ending

  free(keyed: Keyed): void {
    this.keys.remove(keyed)
    if (this.emptied !== undefined && this.keys.size === 0) Deferred.doneUnsafe(this.emptied, Exit.void)
  }

  close(nest: Nest): Effect.Effect<void> {
    this.closing = true
    const place = nest.owning(nest.services)
    for (const keyed of this.keys.values()) keyed.interruptWaiters()
    const drop = (keyed: Keyed) => keyed.end("expire", place)
    // Also what was put in and never borrowed, which no timer knows.
    const idle = [...this.keys.values()].filter((keyed) => keyed.state._tag === "Idle")
    return Effect.andThen(
      Effect.forEach(idle, drop, { concurrency: this.config.concurrency, discard: true }),
      Effect.suspend(() => {
        this.reaper?.interruptUnsafe()
        if (this.keys.size === 0) return this.end()
        this.emptied = Deferred.makeUnsafe()
        return Effect.andThen(Deferred.await(this.emptied), Effect.suspend(() => this.end()))
      })
    )
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
