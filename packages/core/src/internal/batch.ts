// A batch hosts an owner's list in a foreign `Scope`: one finalizer for many resources.
//
// 1. Last in, first out, also among plain finalizers: a resource joins a batch only while that batch
//    is the newest entry of its scope; else it opens a new one.
// 2. A batch that has become empty leaves its scope, and the scope is as it was.
// 3. Looking, joining and opening are one synchronous step: no other fibre comes between.
//
// "Newest" is read from the scope's public state. Alone in it, the batch is its `finalizerKey`. Among
// others, a sentinel entry is kept at the end and an iterator behind the batch: whatever the iterator
// meets before the sentinel is newer than the batch. (Sizes do not tell: one entry may leave as another
// comes.)
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { AnyFiber, Lifetime } from "./lifetime.ts"
import { close, closeThen, type Done, List } from "./owner.ts"
import { now } from "./release.ts"
import { sinkOf } from "./sink.ts"

/** Links `lifetime` into the newest batch of an open scope. */
export const host = (scope: Scope.Scope, lifetime: Lifetime, fiber: AnyFiber): void => {
  const state = scope.state
  if (state._tag === "Open" && state.finalizers !== undefined) {
    return hostAmong(scope, state.finalizers, lifetime, fiber)
  }
  const alone = state._tag === "Open" && state.finalizerKey instanceof Batch ? state.finalizerKey : undefined
  const batch = alone ?? new Batch(scope, undefined, startOf(lifetime, fiber))
  batch.add(lifetime)
}

/**
 * Closes a scope in which a batch is all there is, as a part of what the fibre runs, and goes on with
 * `done`; `undefined` where that is not so. Only for a scope of ours, in order and without a parent.
 */
export const closeAlone = <A, E>(
  scope: Scope.Scope,
  exit: Exit.Exit<unknown, unknown>,
  fiber: AnyFiber,
  done: Done<A, E>
): Effect.Effect<A, E> | undefined => {
  const state = scope.state
  if (state._tag !== "Open" || !(state.finalizerKey instanceof Batch)) return undefined
  scope.state = { _tag: "Closed", exit }
  state.finalizerKey.closing = true
  return closeThen(state.finalizerKey, exit, fiber, done)
}

type Finalizers = NonNullable<Scope.State.Open["finalizers"]>

/** One entry of its scope, under itself as the key. */
class Batch extends List {
  readonly scope: Scope.Scope
  readonly cursor: Cursor | undefined
  closing = false

  constructor(scope: Scope.Scope, cursor: Cursor | undefined, startedAt: bigint) {
    super(startedAt)
    this.scope = scope
    this.cursor = cursor
    const finalizer = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
      this.closing = true
      return close(this, exit, scope.strategy === "parallel")
    }
    const state = scope.state
    if (state._tag !== "Open") scope.state = { _tag: "Open", finalizerKey: this, finalizer, finalizers: undefined }
    else if (state.finalizers !== undefined) state.finalizers.set(this, finalizer)
    else {
      // Open without a map: there is one entry.
      const finalizers = new Map([[state.finalizerKey!, state.finalizer!], [this, finalizer]])
      scope.state = { _tag: "Open", finalizerKey: undefined, finalizer: undefined, finalizers }
    }
  }

  override remove(lifetime: Lifetime): void {
    super.remove(lifetime)
    if (this.tail !== undefined || this.closing) return
    this.cursor?.left()
    const state = this.scope.state
    if (state._tag !== "Open") return
    state.finalizers?.delete(this)
    if (state.finalizerKey === this || state.finalizers?.size === 0) this.scope.state = { _tag: "Empty" }
  }
}

/** Where we are in a scope that holds more than one entry. */
class Cursor {
  readonly finalizers: Finalizers
  readonly keys: MapIterator<{}>
  private sentinel: {} = {}
  batch: Batch | undefined = undefined
  batches = 0

  constructor(finalizers: Finalizers) {
    this.finalizers = finalizers
    this.keys = finalizers.keys()
  }

  /** The batch, while it is the newest. */
  newest(): Batch | undefined {
    this.finalizers.delete(this.sentinel)
    // A new key each time: deleted entries of one key stay in its hash chain, and make the next look-up longer.
    this.sentinel = {}
    this.finalizers.set(this.sentinel, nothing)
    while (this.keys.next().value !== this.sentinel) this.batch = undefined
    return this.batch
  }

  opened(batch: Batch): void {
    this.batches++
    this.keys.next() // steps over its entry
    this.batch = batch
  }

  left(): void {
    if (--this.batches > 0) return
    this.finalizers.delete(this.sentinel)
    cursors.delete(this.finalizers)
  }
}

const cursors = new WeakMap<Finalizers, Cursor>()

const nothing = () => Exit.void

/** The owner's start where one collects here, else the batch's. */
const startOf = (lifetime: Lifetime, fiber: AnyFiber): bigint => sinkOf(lifetime.context)?.startedAt ?? now(fiber)

const hostAmong = (scope: Scope.Scope, finalizers: Finalizers, lifetime: Lifetime, fiber: AnyFiber): void => {
  let cursor = cursors.get(finalizers)
  if (cursor === undefined) {
    cursor = new Cursor(finalizers)
    cursors.set(finalizers, cursor)
  }
  let batch = cursor.newest()
  if (batch === undefined || batch.tail === undefined) {
    batch = new Batch(scope, cursor, startOf(lifetime, fiber))
    cursor.opened(batch)
  }
  batch.add(lifetime)
}
