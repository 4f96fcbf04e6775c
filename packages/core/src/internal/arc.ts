// The object behind an AsyncDropArc: a lease that prints as its name and state.
import type * as Context from "effect/Context"
import { identity } from "effect/Function"
import type { AsyncDropArc } from "../AsyncDropArc.ts"
import type { AsyncDropWeak } from "../AsyncDropWeak.ts"
import type { DropUsageError } from "../DropUsageError.ts"
import { asyncDispose, runDisposal } from "./dispose.ts"
import { dropLease } from "./handle.ts"
import { Identity } from "./identity.ts"
import { Lease, Shared } from "./lease.ts"
import { type AnyFiber, nameOf } from "./lifetime.ts"
import { refusal, stateOf } from "./misuse.ts"

export const TypeId = "~@async-drop/core/AsyncDropArc"
export const WeakTypeId = "~@async-drop/core/AsyncDropWeak"

const variance = { _A: identity, _E: identity }

export class ArcImpl<A, E> extends Lease implements AsyncDropArc<A, E> {
  get [TypeId]() {
    return variance
  }
  get name(): string {
    return nameOf(this)
  }
  [asyncDispose](): Promise<void> {
    return runDisposal(dropLease(this), this.value.services)
  }
  toJSON(): unknown {
    return { _id: "AsyncDropArc", name: this.name, state: stateOf(this), strongCount: this.value.count }
  }
  override toString(): string {
    return `AsyncDropArc(${this.name}, ${stateOf(this)})`
  }
}

export class WeakImpl<A, E> extends Identity implements AsyncDropWeak<A, E> {
  readonly shared: Shared

  constructor(shared: Shared) {
    super()
    this.shared = shared
    shared.weak++
  }
  get [WeakTypeId]() {
    return variance
  }
  get name(): string {
    return nameOf(this.shared)
  }
  toJSON(): unknown {
    return { _id: "AsyncDropWeak", name: this.name, strongCount: this.shared.count }
  }
  override toString(): string {
    return `AsyncDropWeak(${this.name}, ${this.shared.count} held)`
  }
}

/** A guard's resource, held by arcs. */
export class ArcShared extends Shared {
  override clone(context: Context.Context<never>): ArcImpl<any, any> { // any: of the types that the guard said
    return new ArcImpl(this, context)
  }
}

/** A new handle; the caller has seen that the life goes on. */
export const lease = <A, E>(shared: Shared, context: Context.Context<never>, fiber: AnyFiber): ArcImpl<A, E> =>
  shared.clone(context, fiber) as ArcImpl<A, E> // each lease is one of these

/** Arcs are made here alone, so each is a lease. */
export const leaseOf = (arc: AsyncDropArc<unknown, unknown>): Lease => arc as ArcImpl<unknown, unknown>

export const sharedOf = (weak: AsyncDropWeak<unknown, unknown>): Shared => (weak as WeakImpl<unknown, unknown>).shared

/** Why a handle does not lend its resource, if it does not. */
export const refused = (held: Lease, operation: string): DropUsageError | undefined => {
  if (held.state._tag !== "Live") return refusal(held, operation)
  return held.value.state._tag === "Live" ? undefined : refusal(held.value, operation)
}
