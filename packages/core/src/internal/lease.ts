// Counted handles of one lifetime.
//
// 1. The count never goes from 0 to 1: who has seen it fall to 0 is the one who ends the life.
// 2. A lease is given up once, and counts once.
// 3. The last lease gives its place in its owner to the lifetime itself, in the step that gives it up: the
//    place stays taken until the release has ended, and the error goes to where that lease belonged.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type AnyFiber, type Handled, Lifetime, live, nameOf, type Release, type State, Taken } from "./lifetime.ts"
import { withoutSink } from "./sink.ts"

/** A lifetime that is held by its leases. */
export abstract class Shared extends Taken {
  count = 0
  weak = 0
  /** The lease that was given up last. */
  last: Lease | undefined = undefined
  private nowhere: Context.Context<never> | undefined = undefined

  constructor(from: Handled, release: Release = from.release) {
    super(from, from.context, release)
  }

  /** Whether another lease may be made. */
  get shareable(): boolean {
    return this.count > 0 && this.state === live
  }

  /** Whether the life ends with the one lease that is held. */
  get ending(): boolean {
    return this.count === 1
  }

  /** Whether the one lease that is held is all there is of it. */
  get sole(): boolean {
    return this.count === 1
  }

  /** Another lease, taken by `fiber`; the caller has seen that the life goes on. */
  abstract clone(context: Context.Context<never>, fiber: AnyFiber): Lease

  /** A lease is given up; whether the life ends with it. */
  giveBack(_: Lease): boolean {
    return --this.count === 0
  }

  /** Where a handle belongs that nothing owns: its errors are the reporter's. */
  get unowned(): Context.Context<never> {
    return this.nowhere ??= withoutSink(this.services)
  }
}

/** One holder's place: in the owner's list, if it has one. */
export class Lease extends Lifetime {
  declare readonly value: Shared
  state: State = live

  constructor(shared: Shared, context: Context.Context<never>) {
    // It is no life of its own, so nobody watches it.
    super(shared, given, context, undefined, shared.id)
    shared.count++
  }

  override get named(): string {
    return nameOf(this.value)
  }
}

/** Never called: a lease is given up, not released. It tells a lease from a plain lifetime. */
const given = (): Effect.Effect<void> => Effect.void

export const isLease = (lifetime: Lifetime): lifetime is Lease => lifetime.release === given

/** What has to end after it: a lease stands for what it holds. */
export const neededBy = (lifetime: Lifetime): ReadonlyArray<Lifetime> =>
  (isLease(lifetime) ? lifetime.value.meta : lifetime.meta)?.limits?.dependsOn ?? nothing

const nothing: ReadonlyArray<Lifetime> = []

/** Gives a lease up, once; after the last one the life is to be ended by who called this. */
export const surrender = (lease: Lease): void => {
  if (lease.state !== live) return
  lease.state = gone
  const shared = lease.value
  if (!shared.giveBack(lease)) return lease.owner?.remove(lease)
  shared.last = lease
  shared.context = lease.context
  lease.owner?.replace(lease, shared)
}

/** Gives a lease up unless it is the last; `false` where the life itself ends with it. */
export const stepAside = (lease: Lease): boolean => {
  if (lease.state === live) {
    if (lease.value.ending) return false
    surrender(lease)
  }
  return lease.state === gone && lease.value.last !== lease
}

const gone = { _tag: "Dropped", exit: Exit.void } as const
