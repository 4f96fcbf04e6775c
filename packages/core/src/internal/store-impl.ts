// The object behind a ConcurrentStore: it prints as its name and state.
import { identity } from "effect/Function"
import type { ConcurrentStore } from "../ConcurrentStore.ts"
import { asyncDispose, runDisposal } from "./dispose.ts"
import { drop } from "./handle.ts"
import { Identity } from "./identity.ts"
import { nameOf } from "./lifetime.ts"
import { stateOf } from "./misuse.ts"
import type { Nest } from "./nest.ts"
import type { ConcurrentStore as Contents } from "./store.ts"

export const TypeId = "~@async-drop/core/ConcurrentStore"

const variance = { _K: identity, _A: identity, _E: identity, _DE: identity }

export class StoreImpl<K, A, E, DE> extends Identity implements ConcurrentStore<K, A, E, DE> {
  readonly [TypeId] = variance
  readonly contents: Contents
  readonly nest: Nest

  constructor(contents: Contents, nest: Nest) {
    super()
    this.contents = contents
    this.nest = nest
  }
  get name(): string {
    return nameOf(this.nest)
  }
  [asyncDispose](): Promise<void> {
    return runDisposal(drop(this.nest), this.nest.services)
  }
  toJSON(): unknown {
    return { _id: "ConcurrentStore", name: this.name, state: stateOf(this.nest), size: this.size }
  }
  override toString(): string {
    return `ConcurrentStore(${this.name}, ${stateOf(this.nest)}, ${this.size} keys)`
  }
  private get size(): number {
    return this.contents.keys.size
  }
}

/** Stores are made here alone, so each is one of these. */
export const implOf = <K, A, E, DE>(store: ConcurrentStore<K, A, E, DE>): StoreImpl<K, A, E, DE> =>
  store as StoreImpl<K, A, E, DE>
