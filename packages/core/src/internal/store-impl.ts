// The object behind a ConcurrentStore.
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type { ConcurrentStore } from "../ConcurrentStore.ts"
import { findCycle } from "./cycle.ts"
import { asyncDispose, runDisposal } from "./dispose.ts"
import { HandleObject } from "./handle-object.ts"
import { drop } from "./handle.ts"
import type { Nest } from "./nest.ts"
import type { ConcurrentStore as Contents } from "./store.ts"

export const TypeId = "~@async-drop/core/ConcurrentStore"

const variance = { _K: identity, _A: identity, _E: identity, _DE: identity }

export class StoreImpl<K, A, E, DE> extends HandleObject<Nest> implements ConcurrentStore<K, A, E, DE> {
  readonly [TypeId] = variance
  readonly contents: Contents

  constructor(contents: Contents, nest: Nest) {
    super(nest)
    this.contents = contents
  }
  protected get kind(): string {
    return "ConcurrentStore"
  }
  protected override get details() {
    return { keys: this.contents.keys.size }
  }
  get nest(): Nest {
    return this.lifetime
  }
  override [asyncDispose](): Promise<void> {
    return runDisposal(closeStore(this), this.nest.services)
  }
}

/** Stores are made here alone, so each is one of these. */
export const implOf = <K, A, E, DE>(store: ConcurrentStore<K, A, E, DE>): StoreImpl<K, A, E, DE> =>
  store as StoreImpl<K, A, E, DE>

/** Ends it, or joins whoever is ending it. */
export const closeStore = ({ contents, nest }: StoreImpl<any, any, any, any>): Effect.Effect<void, unknown> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const cycle = findCycle(fiber, contents.atEnd(false))
    if (cycle !== undefined) return Effect.die(cycle)
    return Effect.onExit(drop(nest), () => contents.untilEnded(fiber))
  }))
