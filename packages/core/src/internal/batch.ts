// A batch hosts an owner's list in a foreign `Scope`: one finalizer for many resources.
//
// 1. Last in, first out, also among plain finalizers: a resource joins a batch only while that batch
//    is the newest entry of its scope; else it opens a new one.
// 2. A batch that has become empty leaves its scope, and the scope is as it was.
// 3. Looking, joining and opening are one synchronous step: no other fibre comes between.
//
// "Newest" is read from the scope's public state. Alone in it, the batch is its `finalizerKey`. Among
// others, the scope's map is replaced by one that remembers its newest key. (Sizes do not tell: one entry
// may leave as another comes. An iterator kept at the end does, but V8 then keeps every table that the
// map has outgrown.)
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { DropObserver, type Observer } from "../DropObserver.ts"
import { close } from "./close.ts"
import { Closing, closingOf, watching } from "./closing.ts"
import { isLease, stepAside } from "./lease.ts"
import type { AnyFiber, Lifetime } from "./lifetime.ts"
import { List } from "./owner.ts"
import { now } from "./release.ts"
import { sinkOf } from "./sink.ts"

/** Links `lifetime` into the newest batch of an open scope; where none is the newest, into one of that kind. */
export const host = (scope: Scope.Scope, lifetime: Lifetime, fiber: AnyFiber, kind = Batch): void => {
  const batch = newestOf(scope.state) ?? opened(scope, lifetime.context, fiber, kind)
  batch.link(lifetime)
}

/** The batch that a resource may join. */
const newestOf = (state: Scope.Scope["state"]): Batch | undefined => {
  if (state._tag !== "Open") return undefined
  const newest = state.finalizers instanceof Ordered ? state.finalizers.newest : state.finalizerKey
  return newest instanceof Batch && newest.tail !== undefined ? newest : undefined
}

/** Where an owner collects, it has a batch for its own scope, and its start is the batch's. */
const opened = (
  scope: Scope.Scope,
  context: Context.Context<never>,
  fiber: AnyFiber,
  kind: typeof Batch
): Batch => {
  const sink = sinkOf(context)
  const own = sink?.batch
  const batch = own?.scope === scope && own.tail === undefined ? own : new kind(scope, sink?.startedAt ?? now(fiber))
  batch.enter()
  return batch
}

/** The observer of a context; the newest batch mostly knows it. */
export const observerIn = (scope: Scope.Scope, context: Context.Context<never>): Observer | undefined => {
  const batch = newestOf(scope.state)
  if (batch === undefined) return Context.get(context, DropObserver)
  if (batch.seen !== context) {
    batch.seen = context
    batch.observer = Context.get(context, DropObserver)
  }
  return batch.observer
}

/** The batch that is all there is in an open scope. */
export const aloneIn = (scope: Scope.Scope): Batch | undefined => {
  const state = scope.state
  return state._tag === "Open" && state.finalizerKey instanceof Batch ? state.finalizerKey : undefined
}

/** A scope's entries, knowing which one came last; that one may have left since. */
class Ordered extends Map<{}, (exit: Exit.Exit<any, any>) => Effect.Effect<void>> {
  /** Only declared: a field would be set anew after the constructor had filled the map. */
  declare newest: {} | undefined
  override set(key: {}, finalizer: (exit: Exit.Exit<any, any>) => Effect.Effect<void>): this {
    if (!this.has(key)) this.newest = key
    return super.set(key, finalizer)
  }
}

/** One entry of its scope, under itself as the key. */
export class Batch extends List {
  readonly scope: Scope.Scope
  /** Whether its entries are on their way out, so that it need not leave its scope as it becomes empty. */
  leaving = false
  /** The last context that the observer was looked up in. */
  seen: Context.Context<never> | undefined = undefined
  observer: Observer | undefined = undefined

  constructor(scope: Scope.Scope, startedAt: bigint) {
    super(startedAt)
    this.scope = scope
  }

  /** Makes it the newest entry of its scope. */
  enter(): void {
    const scope = this.scope
    const finalizer = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
      this.leaving = true
      return this.closeAtOnce(exit) ?? Effect.withFiber((fiber) => closeBatch(this, exit, fiber))
    }
    const state = scope.state
    if (state._tag !== "Open") {
      scope.state = { _tag: "Open", finalizerKey: this, finalizer, finalizers: undefined }
      return
    }
    // Open without a map: there is one entry.
    const entries = state.finalizers ?? [[state.finalizerKey!, state.finalizer!] as const]
    const finalizers = entries instanceof Ordered ? entries : new Ordered(entries)
    finalizers.set(this, finalizer)
    scope.state = { _tag: "Open", finalizerKey: undefined, finalizer: undefined, finalizers }
  }

  /** Closes it in this step, where all there is in it can be given up so. */
  closeAtOnce(_: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    const lone = this.tail
    return lone !== undefined && lone.prev === undefined && isLease(lone) && stepAside(lone) ? Exit.void : undefined
  }

  /** Hands everything over to another list, oldest first. */
  giveAll(list: List): void {
    this.leaving = true
    let oldest = this.tail
    while (oldest?.prev !== undefined) oldest = oldest.prev
    for (let next: Lifetime | undefined; oldest !== undefined; oldest = next) {
      next = oldest.next
      this.remove(oldest)
      list.link(oldest)
    }
  }

  override remove(lifetime: Lifetime): void {
    super.remove(lifetime)
    if (this.tail === undefined && !this.leaving) leave(this.scope, this)
  }
}

/** A part of its scope's close where that is known; else a close of its own, if anyone has to know. */
const closeBatch = (batch: Batch, exit: Exit.Exit<unknown, unknown>, fiber: AnyFiber): Effect.Effect<void> => {
  const limit = batch.scope.strategy === "parallel" ? Infinity : 1
  const around = closingOf(fiber)
  if (around?.scope === batch.scope) return close(batch, exit, fiber, limit, around)
  const observer = watching(batch.tail?.meta?.observer)
  if (around === undefined && observer === undefined) return close(batch, exit, fiber, limit, undefined)
  const closing = new Closing(fiber, { label: "scope", limit, observer })
  return Effect.ensuring(close(batch, exit, fiber, limit, closing), Effect.sync(() => closing.end()))
}

/** Takes an entry out of its scope; a scope made to be left empty then leaves its parent. */
const leave = (scope: Scope.Scope, key: {}): void => {
  const state = scope.state
  if (state._tag !== "Open") return
  state.finalizers?.delete(key)
  if (state.finalizerKey !== key && state.finalizers?.size !== 0) return
  scope.state = { _tag: "Empty" }
  leaveIfEmpty(scope)
}

const fleeting = new WeakSet<object>()

/** Lets a child scope leave its parent when nothing of ours is left in it, now or later. */
export const leaveWhenEmpty = (scope: Scope.Closeable): void => {
  fleeting.add(scope)
  leaveIfEmpty(scope)
}

let moving: Set<Scope.Scope> | undefined = undefined

/**
 * Runs what moves lives from owner to owner: a scope that it leaves empty on the way is let go afterwards, if
 * it is empty still.
 */
export const inOneMove = <A>(move: () => A): A => {
  if (moving !== undefined) return move()
  const left = moving = new Set<Scope.Scope>()
  try {
    return move()
  } finally {
    moving = undefined
    for (const scope of left) leaveIfEmpty(scope)
  }
}

const leaveIfEmpty = (scope: Scope.Scope): void => {
  if (moving !== undefined) return void moving.add(scope)
  if (scope.state._tag !== "Empty" || !fleeting.has(scope)) return
  Scope.closeUnsafe(scope as Scope.Closeable, Exit.void) // only closeable ones are let go
  if (scope.parent !== undefined) leaveIfEmpty(scope.parent)
}
