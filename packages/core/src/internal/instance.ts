// A loaded value: a lifetime that is shared by all who hold it, and the scope of what its load acquired.
//
// 1. It ends with its last hold, or when its key lets it: never both.
// 2. Its key hears of the end in the step in which the release has ended.
// 3. What its parts fail with is given, under its key, to whoever ended it.
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { DropError } from "../DropError.ts"
import { ArcImpl } from "./arc.ts"
import { aloneIn } from "./batch.ts"
import type { Closing } from "./closing.ts"
import { Crowd } from "./cycle.ts"
import { closeScope } from "./entries.ts"
import type { Times } from "./errors.ts"
import { endOwned, isPlain } from "./instance-end.ts"
import { type Lease, Shared } from "./lease.ts"
import { type AnyFiber, type Awaited, type Handled, type Lifetime, live } from "./lifetime.ts"
import { type Contents, Nest, type NestOptions } from "./nest.ts"
import { errorsIn } from "./outcome.ts"
import { dieOf, failed, loneIn } from "./owner.ts"

/** Who is told what becomes of an instance. */
export interface Key {
  readonly key: unknown
  /** What messages call it. */
  readonly label: string
  /** What it is a key of. */
  readonly home: object
  /** Its value, if it has one. */
  readonly instance: Instance | undefined
  /** One more holder, by a clone. */
  cloned(): void
  /** One holder less; whether the life ends with that. */
  givenBack(): boolean
  /** Whether it would. */
  readonly ending: boolean
  /** Whether whoever finds it may hold it. */
  readonly open: boolean
  /** Whether a load is its own, or made what it has. */
  has(load: KeyedNest): boolean
  view(bound: boolean, ending: boolean): Awaited
  ended(): void
}

const ofLoad = Symbol("@async-drop/core/ofLoad")

interface LoadScope extends Scope.Closeable {
  [ofLoad]?: KeyedNest
}

/** The load that a scope is of. */
export const loadOf = (scope: LoadScope | Scope.Scope): KeyedNest | undefined =>
  ofLoad in scope ? scope[ofLoad] : undefined

/** The last of its heirs, or itself. */
const presentOf = (keeper: KeyedNest): KeyedNest => {
  let nest = keeper
  while (nest.heir !== undefined) nest = nest.heir
  return nest
}

/** What a load acquires. */
export class Parts implements Contents {
  nest: Nest | undefined = undefined
  readonly scope: LoadScope = Scope.makeUnsafe()
  /** What the release of the only part failed with, where that has ended already. */
  failed: Failed | undefined = undefined

  /** Whether there is at most one release, known from outside. */
  get few(): boolean {
    const { state } = this.scope
    if (state._tag !== "Open") return state._tag === "Empty"
    const batch = aloneIn(this.scope)
    return batch === undefined ? state.finalizers === undefined : loneIn(batch) !== undefined
  }
  /** Closes the scope; the one release that was in it is left to who asks. Only where there are few. */
  takeOnly(exit: Exit.Exit<unknown, unknown>): Lifetime | undefined {
    const batch = aloneIn(this.scope)
    if (batch === undefined) return undefined
    batch.leaving = true
    this.scope.state = { _tag: "Closed", exit }
    return loneIn(batch)
  }
  close(nest: Nest, exit: Exit.Exit<unknown, unknown>, closing: Closing | undefined): Effect.Effect<void> {
    if (this.failed === undefined) return closeScope(this.scope, exit, nest, closing)
    const { cause, part, times } = this.failed
    if (part === undefined) return Exit.failCause(cause as Cause.Cause<never>) // a plain finalizer fails with no error of its type
    const deaths: Array<DropError<unknown>> = []
    failed(part, cause, times, deaths)
    return dieOf(deaths, exit, 0)
  }
}

interface Failed {
  /** Absent where it was a plain finalizer. */
  readonly part: Lifetime | undefined
  readonly cause: Cause.Cause<unknown>
  readonly times: Times
}

/** Each has the same. */
const none: NestOptions = {}

/** The owner of the parts, with the key that their errors carry. */
export class KeyedNest extends Nest {
  readonly at: Key
  readonly parts: Parts
  /** What has its parts by now, where its value was moved to another key. */
  heir: KeyedNest | undefined = undefined

  constructor(at: Key, place: Context.Context<never>, startedAt: bigint) {
    const parts = new Parts()
    super(parts, place, startedAt, none)
    this.parts = parts
    this.at = at
    parts.scope[ofLoad] = this
  }
  override get key(): unknown {
    return this.at.key
  }
  override get named(): string {
    return this.at.label
  }
}

export class Instance extends Shared {
  readonly nest: KeyedNest
  readonly at: Key
  private holds: Holder | undefined = undefined
  private crowd: Crowd | undefined = undefined
  /** Those beside the crowd. */
  private kept: Set<Hold> | undefined = undefined

  constructor(nest: KeyedNest, value: unknown, at: Key) {
    super(nest, (_, exit) => this.end(exit))
    this.lent = value
    this.nest = nest
    this.at = at
  }

  /** Its release: closes what its load acquired. */
  end(exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown> {
    this.nest.context = this.context
    const ended = (result: Exit.Exit<unknown, unknown>) => {
      this.at.ended()
      return result
    }
    return Effect.matchCauseEffect(this.nest.closed(exit), {
      onSuccess: (_) => ended(Exit.void),
      onFailure: (cause) => ended(Exit.failCause(cause))
    })
  }

  override endHere(fiber: AnyFiber, exit: Exit.Exit<unknown, unknown>, deaths: Array<DropError<unknown>>) {
    return isPlain(this, fiber) ? endOwned(this, fiber, exit, deaths) : undefined
  }
  override get composition() {
    return "owner" as const
  }
  override get key(): unknown {
    return this.nest.key
  }
  override get named(): string {
    return this.nest.named
  }
  override get shareable(): boolean {
    return this.count > 0 && this.state === live && this.at.open
  }
  override get ending(): boolean {
    return this.at.ending
  }
  /** Never: the store has it too. */
  override get sole(): boolean {
    return false
  }
  override clone(context: Context.Context<never>, fiber: AnyFiber): Hold {
    this.at.cloned()
    return this.hold(context, fiber)
  }
  /** A holder whom the key has counted. */
  hold(context: Context.Context<never>, fiber: AnyFiber): Hold {
    return new Hold(this, context, fiber)
  }
  override giveBack(hold: Lease): boolean {
    return this.leave(hold as Hold) // each lease of an instance is a hold
  }
  /** One who holds it without a handle; he is counted by the key. */
  join(holder: Holder): void {
    this.count++
    this.link(holder)
  }
  /** Whether the life ends with that. */
  leave(holder: Holder): boolean {
    this.count--
    this.unlink(holder)
    return this.at.givenBack()
  }
  /** Makes a handle of such a hold, with which it is to end. */
  handleOf(holder: Holder): Hold {
    const hold = this.hold(holder.fiber.context, holder.fiber)
    this.count--
    this.unlink(holder)
    return hold
  }
  link(holder: Holder): void {
    this.crowd?.join(holder.fiber)
    holder.after = this.holds
    if (this.holds !== undefined) this.holds.before = holder
    this.holds = holder
  }
  private unlink(holder: Holder): void {
    if (holder.before === undefined) this.holds = holder.after
    else holder.before.after = holder.after
    if (holder.after !== undefined) holder.after.before = holder.before
    holder.before = holder.after = undefined
    if (this.kept?.delete(holder as Hold) !== true) this.crowd?.leave(holder.fiber) // what is in there is one
  }
  /** From now on it is held by a load, and by what that makes. */
  keep(hold: Hold, keeper: KeyedNest): void {
    hold.keeper = keeper
    if (this.crowd === undefined) return
    this.crowd.leave(hold.fiber)
    this.kept?.add(hold)
  }
  /** Those who hold it, a key that does as `seen`; the crowd is kept as nobody comes in any more. */
  *holders(asking: AnyFiber, seen: (keeper: Key) => Awaited): Generator<AnyFiber | Awaited> {
    if (this.crowd === undefined && !this.at.open && this.count > few) this.gather()
    if (this.crowd !== undefined) yield* this.crowd.blockers(asking)
    if (this.kept !== undefined) { for (const hold of this.kept) yield blockerOf(hold, seen) }
    else for (let hold = this.holds; hold !== undefined; hold = hold.after) yield blockerOf(hold, seen)
  }
  *boundHolders(seen: (keeper: Key) => Awaited): Generator<AnyFiber | Awaited> {
    for (let hold = this.holds; hold !== undefined; hold = hold.after) if (hold.bound) yield blockerOf(hold, seen)
  }
  /** Whether that is a value that keeps it, or the load of one, by way of others too. */
  keptBy(held: Handled): boolean {
    const seen = new Set<KeyedNest>()
    const kept: Array<Instance> = [this]
    for (let next = kept.pop(); next !== undefined; next = kept.pop()) {
      for (let hold = next.holds; hold !== undefined; hold = hold.after) {
        if (hold.keeper === undefined) continue
        const keeper = presentOf(hold.keeper)
        if (seen.has(keeper)) continue
        seen.add(keeper)
        const by = keeper.at.instance
        if (keeper === held || by === held) return true
        if (by?.nest === keeper) kept.push(by)
      }
    }
    return false
  }
  private gather(): void {
    const crowd = this.crowd = new Crowd()
    const kept = this.kept = new Set<Hold>()
    for (let hold = this.holds; hold !== undefined; hold = hold.after) {
      if (hold.keeper === undefined) crowd.join(hold.fiber)
      else kept.add(hold as Hold) // none but a handle is kept
    }
  }
  override scatter(
    error: DropError<unknown>,
    give: (place: Context.Context<never>, error: DropError<unknown>) => void
  ) {
    for (const each of errorsIn(error)) give(this.context, each)
  }
}

/** So many are looked at one by one. */
const few = 16

/** A load's own fibre has ended when its value is there: it is the key that goes on holding. */
const blockerOf = (holder: Holder, seen: (keeper: Key) => Awaited): AnyFiber | Awaited => {
  const keeper = holder.keeper && presentOf(holder.keeper)
  return keeper?.at.has(keeper) === true ? seen(keeper.at) : holder.fiber
}

/** One who holds an instance. */
export interface Holder {
  readonly fiber: AnyFiber
  /** Whether nobody else can end it: one of a callback, or of a load and what that made. */
  readonly bound: boolean
  /** The load in whose scope it is. */
  readonly keeper: KeyedNest | undefined
  before: Holder | undefined
  after: Holder | undefined
}

/** One who holds it by a handle. */
export class Hold extends ArcImpl<any, any> implements Holder { // any: of the types that its store says
  declare readonly value: Instance
  readonly fiber: AnyFiber
  bound = false
  keeper: KeyedNest | undefined = undefined
  before: Holder | undefined = undefined
  after: Holder | undefined = undefined

  constructor(instance: Instance, context: Context.Context<never>, fiber: AnyFiber) {
    super(instance, context)
    this.fiber = fiber
    instance.link(this)
  }
  override get key(): unknown {
    return this.value.key
  }
}
