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
import * as Scope from "effect/Scope"
import type { AnyFiber, Lifetime } from "./lifetime.ts"
import { close, List } from "./owner.ts"
import { now } from "./release.ts"
import { sinkOf } from "./sink.ts"

/** Links `lifetime` into the newest batch of an open scope. */
export const host = (scope: Scope.Scope, lifetime: Lifetime, fiber: AnyFiber): void => {
  const state = scope.state
  if (state._tag === "Open" && state.finalizers !== undefined) {
    return hostAmong(scope, state.finalizers, lifetime, fiber)
  }
  // Any object may be a key; only our own carry a batch.
  const alone = state._tag === "Open" ? (state.finalizerKey as Partial<Hosted> | undefined)?.[batchKey] : undefined
  const batch = alone ?? new Batch(scope, undefined, startOf(lifetime, fiber))
  batch.add(lifetime)
}

type Finalizers = NonNullable<Scope.State.Open["finalizers"]>

const batchKey: unique symbol = Symbol("@async-drop/core/batch")

/** The child scope under which a batch stands in its parent. */
interface Hosted extends Scope.Closeable {
  [batchKey]?: Batch
}

class Batch extends List {
  readonly child: Hosted
  readonly cursor: Cursor | undefined
  private closing = false

  constructor(scope: Scope.Scope, cursor: Cursor | undefined, startedAt: bigint) {
    super(startedAt)
    const child: Hosted = Scope.forkUnsafe(scope)
    const parallel = scope.strategy === "parallel"
    child[batchKey] = this
    child.state = {
      _tag: "Open",
      finalizerKey: this,
      finalizer: (exit): Effect.Effect<void> => {
        this.closing = true
        return close(this, exit, parallel)
      },
      finalizers: undefined
    }
    this.child = child
    this.cursor = cursor
  }

  override remove(lifetime: Lifetime): void {
    super.remove(lifetime)
    if (this.tail !== undefined || this.closing) return
    this.cursor?.left()
    Scope.closeUnsafe(this.child, Exit.void)
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
