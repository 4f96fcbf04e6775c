// The object behind an AsyncDropMutex.
import { identity } from "effect/Function"
import type { AsyncDropMutex } from "../AsyncDropMutex.ts"
import type { Exclusive } from "./exclusive.ts"
import { HandleObject } from "./handle-object.ts"

export const TypeId = "~@async-drop/core/AsyncDropMutex"

const variance = { _A: identity, _E: identity }

export class MutexImpl<A, E> extends HandleObject<Exclusive> implements AsyncDropMutex<A, E> {
  readonly [TypeId] = variance
  protected get kind(): string {
    return "AsyncDropMutex"
  }
}

/** Mutexes are made here alone, so each has a lifetime. */
export const lifetimeOf = (mutex: AsyncDropMutex<unknown, unknown>): Exclusive =>
  (mutex as MutexImpl<unknown, unknown>).lifetime
