// One resource, from the end of its acquire to the end of its release.
//
//   Live ──drop, close──▶ Dropping ──release ended──▶ Dropped
//     │ ▲                    ▲
//     │ └──transferred, interrupted──┐  drop, close
//     └──unwrap, map, transfer──▶ Reserved ──▶ Moved
//
// 1. Only Live lends its value: in every other state a new use is refused.
// 2. A release starts at most once: `Dropping` is entered once and left only for `Dropped`.
// 3. Reserved waits for the uses begun; a drop takes it over, and the one who reserved is refused.
// 4. A node is linked in at most one owner, from registration to the end of its release.
import * as Context from "effect/Context"
import type * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { DropError } from "../DropError.ts"
import { DropObserver, type Event, type Observer } from "../DropObserver.ts"
import { Identity } from "./identity.ts"
import type { Settings } from "./limits.ts"

export type State = Live | Reserved | Dropping | Dropped | Moved

interface Live {
  readonly _tag: "Live"
}

/** Someone waits for the uses to end so as to take the resource over. */
export interface Reserved {
  readonly _tag: "Reserved"
  readonly operation: string
  /** Called when a drop takes over. */
  readonly refuse: () => void
}

/** The release is running, or waits for the uses to end. */
export interface Dropping {
  readonly _tag: "Dropping"
  /** Who runs the release, while it runs. */
  fiber: AnyFiber | undefined
  /** What the release came to, once it has ended. */
  exit: Exit.Exit<unknown, unknown> | undefined
  /** Its error, until someone has got it. */
  error: DropError<unknown> | undefined
  /** Droppers who may still get the error. */
  claims: number
  /** Wakes who waits for the release to end. */
  ended: Deferred.Deferred<void> | undefined
  /** Wakes the owner that waits for its error to be delivered as well. */
  settled: (() => void) | undefined
}

interface Dropped {
  readonly _tag: "Dropped"
  readonly exit: Exit.Exit<unknown, unknown>
}

interface Moved {
  readonly _tag: "Moved"
  readonly operation: string
}

export type AnyFiber = Fiber.Fiber<unknown, unknown>

// any: the value is of the type that its public constructor says.
export type Release = (value: any, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, unknown, any>

/** What the caller named and limited, and who watches; absent where there is none of it. */
export interface Meta extends Settings {
  readonly observer: Observer | undefined
  readonly acquiredAt: string | undefined
}

/** What an owner keeps its lifetimes in: an intrusive list, so that leaving it is O(1). */
export interface Owner {
  readonly startedAt: bigint
  remove(lifetime: Lifetime): void
  replace(old: Lifetime, next: Lifetime): void
}

export const live: Live = { _tag: "Live" }

let ids = 0

// Eight fields: 88 bytes a resource. Nobody but its owner ends it: what has a handle has a state as well.
export class Lifetime extends Identity {
  prev: Lifetime | undefined = undefined
  next: Lifetime | undefined = undefined
  owner: Owner | undefined = undefined
  readonly id: number
  readonly value: any // as above
  readonly release: Release
  /** Where its present owner took it: the sink and the reporter are found here. */
  context: Context.Context<never>
  readonly meta: Meta | undefined

  constructor(
    value: unknown,
    release: Release,
    context: Context.Context<never>,
    meta: Meta | undefined,
    id = ++ids
  ) {
    super()
    this.id = id
    this.value = value
    this.release = release
    this.context = context
    this.meta = meta
  }

  /** The context whose sink gets its errors. */
  get place(): Context.Context<never> {
    return this.context
  }

  /** What it was named, if it was; asked for only when someone wants to know. */
  get named(): string | undefined {
    return this.meta?.name
  }

  /**
   * What its release is made of: limits are for `one`; an `owner` has them for what is in it, each by itself; a
   * `foreign` finalizer may close the scopes of others.
   */
  get composition(): "one" | "owner" | "foreign" {
    return "one"
  }

  /** Its key, where its owner has an index. */
  get key(): unknown {
    return undefined
  }
}

/** One that somebody has a handle of. */
export type Stated = Lifetime & { readonly state: State }

/** Something that a fibre can wait for. */
export interface Awaited {
  /** What messages call it. */
  readonly label: string
  /** The fibres that it waits for in turn, or what these wait for, as `asking` wants to know. */
  blockers(asking: AnyFiber): Iterable<AnyFiber | Awaited>
}

/** A lifetime with a handle: it can be used, dropped and moved by hand. */
export class Handled extends Lifetime implements Awaited {
  state: State = live
  uses: Use | undefined = undefined
  /** Called when the last use has left; what it returns is run by who left. */
  drained: (() => Effect.Effect<void> | undefined) | undefined = undefined
  warned = false
  /** Where it was used last. */
  inside: Inside | undefined = undefined
  /** What a use gets: the acquired value, or what it was mapped to. */
  lent: any // of the type that its guard says
  /** The services of the acquire: the release runs with these, whoever owns it now. */
  readonly services: Context.Context<never>
  /** When it was acquired, for errors of a resource that has no owner. */
  startedAt: bigint

  constructor(
    value: unknown,
    release: Release,
    context: Context.Context<never>,
    meta: Meta | undefined,
    services: Context.Context<never>,
    startedAt: bigint,
    id?: number
  ) {
    super(value, release, context, meta, id)
    this.lent = value
    this.services = services
    this.startedAt = startedAt
  }

  /**
   * Ends it for its owner, in this step, where that is quickly done: what is left to run. Errors that the owner must
   * die of are put into `deaths`.
   */
  endHere(
    _fiber: AnyFiber,
    _exit: Exit.Exit<unknown, unknown>,
    _deaths: Array<DropError<unknown>>
  ): Effect.Effect<void> | undefined {
    return undefined
  }

  /** Tells those who wait for their turn that none will come; run as a drop begins. */
  refuseWaiters(): Effect.Effect<unknown> | undefined {
    return undefined
  }

  /** What a dropper hears of the end. */
  heard(exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> {
    return exit
  }

  /** Gives the error of the release to where it belongs; an owner gives each of its many to its own place. */
  scatter(error: DropError<unknown>, give: (context: Context.Context<never>, error: DropError<unknown>) => void): void {
    give(this.context, error)
  }

  get label(): string {
    return nameOf(this)
  }

  *blockers(): Generator<AnyFiber> {
    for (let use = this.uses; use !== undefined; use = use.next) yield use.fiber
    yield* this.working()
  }

  /** The fibres that this life cannot end without, but for those that use it. */
  *working(): Generator<AnyFiber> {
    if (this.state._tag === "Dropping" && this.state.fiber !== undefined) yield this.state.fiber
  }
}

/** The same resource in the next hands: its former life has been given away. */
export class Taken extends Handled {
  constructor(from: Handled, context: Context.Context<never> = from.context, release: Release = from.release) {
    super(from.value, release, context, from.meta, from.services, from.startedAt, from.id)
    this.lent = from.lent
  }
}

/** One borrow by `use`, while it lasts. */
export interface Use {
  readonly lifetime: Handled
  readonly fiber: AnyFiber
  readonly mark: Mark
  prev: Use | undefined
  next: Use | undefined
}

/** What the uses of a resource from one context leave in the context inside: who has it descends from one of them. */
export interface Mark {
  readonly lifetime: Handled
  readonly outer: Mark | undefined
  /** How many of the uses last. */
  active: number
}

/** The context inside of uses, made once for all uses from the same context. */
export interface Inside {
  readonly outer: Context.Context<never>
  readonly context: Context.Context<never>
  readonly mark: Mark
}

export const enter = (lifetime: Handled, fiber: AnyFiber, mark: Mark): Use => {
  const use: Use = { lifetime, fiber, mark, prev: undefined, next: lifetime.uses }
  mark.active++
  if (lifetime.uses !== undefined) lifetime.uses.prev = use
  lifetime.uses = use
  return use
}

/** Ends a use; the last one to leave gets what waits for that, to run it. */
export const leave = (use: Use): Effect.Effect<void> | undefined => {
  const lifetime = use.lifetime
  use.mark.active--
  if (use.prev === undefined) lifetime.uses = use.next
  else use.prev.next = use.next
  if (use.next !== undefined) use.next.prev = use.prev
  if (lifetime.uses !== undefined) return undefined
  const drained = lifetime.drained
  lifetime.drained = undefined
  return drained?.()
}

export const metaOf = (context: Context.Context<never>, settings: Settings | undefined): Meta | undefined =>
  metaWith(Context.get(context, DropObserver), settings)

/** As `metaOf`, where the observer of the context is known. */
export const metaWith = (observer: Observer | undefined, settings: Settings | undefined): Meta | undefined => {
  if (settings === undefined && observer === undefined) return undefined
  const acquiredAt = observer?.stacks === true ? new Error().stack : undefined
  return { name: settings?.name, limits: settings?.limits, observer, acquiredAt }
}

/** The same resource, lending another value. */
export const lending = (lifetime: Handled, lent: unknown): Handled => {
  const next = new Taken(lifetime)
  next.lent = lent
  return next
}

export const nameOf = (lifetime: Lifetime): string => lifetime.named ?? `${typeName(lifetime.value)}#${lifetime.id}`

/** The constructor's name where the value has a class of its own, and lets itself be asked. */
export const typeName = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return "resource"
  try {
    const prototype = Object.getPrototypeOf(value)
    if (prototype === null || prototype === Object.prototype || prototype === Array.prototype) return "resource"
    const name = prototype.constructor?.name
    return typeof name === "string" && name !== "" ? name : "resource"
  } catch {
    return "resource"
  }
}

/** A life begins: called once it is certain to end. */
export const acquired = <L extends Lifetime>(lifetime: L): L => {
  const meta = lifetime.meta
  if (meta !== undefined) {
    const stack = meta.acquiredAt === undefined ? {} : { acquiredAt: meta.acquiredAt }
    observe(lifetime, (id, resource) => ({ _tag: "Acquired", id, resource, ...stack }))
  }
  return lifetime
}

/** Tells the observer; what it throws is its own affair. */
export const observe = (lifetime: Lifetime, event: (id: number, resource: string) => Event): void => {
  const observer = lifetime.meta?.observer
  if (observer === undefined) return
  // A watcher must not change a life: this is the one place where its throw is dropped.
  try {
    observer(event(lifetime.id, nameOf(lifetime)))
  } catch {}
}
