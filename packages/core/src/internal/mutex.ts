// The object behind an AsyncDropMutex: it prints as its name and state.
import { identity } from "effect/Function"
import type { AsyncDropMutex } from "../AsyncDropMutex.ts"
import { asyncDispose, runDisposal } from "./dispose.ts"
import type { Exclusive } from "./exclusive.ts"
import { drop } from "./handle.ts"
import { Identity } from "./identity.ts"
import { nameOf } from "./lifetime.ts"
import { stateOf } from "./misuse.ts"

export const TypeId = "~@async-drop/core/AsyncDropMutex"

const variance = { _A: identity, _E: identity }

export class MutexImpl<A, E> extends Identity implements AsyncDropMutex<A, E> {
  readonly [TypeId] = variance
  readonly lifetime: Exclusive

  constructor(lifetime: Exclusive) {
    super()
    this.lifetime = lifetime
  }
  get name(): string {
    return nameOf(this.lifetime)
  }
  [asyncDispose](): Promise<void> {
    return runDisposal(drop(this.lifetime), this.lifetime.services)
  }
  toJSON(): unknown {
    return { _id: "AsyncDropMutex", name: this.name, state: stateOf(this.lifetime) }
  }
  override toString(): string {
    return `AsyncDropMutex(${this.name}, ${stateOf(this.lifetime)})`
  }
}

/** Mutexes are made here alone, so each has a lifetime. */
export const lifetimeOf = (mutex: AsyncDropMutex<unknown, unknown>): Exclusive =>
  (mutex as MutexImpl<unknown, unknown>).lifetime
