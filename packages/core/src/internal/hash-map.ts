// What is in an AsyncDropHashMap: an index by key over a list of lifetimes.
//
// 1. An entry is in the index if and only if it is in the list, until the close has begun.
// 2. An entry is released with the services of its acquire; its errors, with its key, are the map's.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type { AsyncDropHashMap } from "../AsyncDropHashMap.ts"
import { close } from "./close.ts"
import type { Closing } from "./closing.ts"
import { asyncDispose, runDisposal } from "./dispose.ts"
import { drop } from "./handle.ts"
import { Identity } from "./identity.ts"
import { KeyIndex } from "./key-index.ts"
import { type AnyFiber, Handled, Lifetime, nameOf } from "./lifetime.ts"
import { refusal, stateOf } from "./misuse.ts"
import { type Contents, Nest, type NestOptions } from "./nest.ts"
import { List } from "./owner.ts"

export const TypeId = "~@async-drop/core/AsyncDropHashMap"

/** A guard's resource under its key; the guard's own life is over, and nothing of it is kept alive. */
export class Entry extends Lifetime {
  readonly lent: any // of the type that its guard says
  private readonly startedAt: bigint
  private readonly indexed: unknown
  private readonly map: Context.Context<never>

  constructor(key: unknown, from: Handled, map: Context.Context<never>) {
    super(from.value, from.release, from.services, from.meta, from.id)
    this.lent = from.lent
    this.startedAt = from.startedAt
    this.indexed = key
    this.map = map
  }
  /** As it was before it came in, in the next hands. */
  handled(context: Context.Context<never>): Handled {
    const next = new Handled(this.value, this.release, context, this.meta, this.context, this.startedAt, this.id)
    next.lent = this.lent
    return next
  }
  override get place(): Context.Context<never> {
    return this.map
  }
  override get key(): unknown {
    return this.indexed
  }
}

/** Called as messages call it. */
const Entries = class AsyncDropHashMap implements Contents {
  nest: Nest | undefined = undefined
  readonly index = new KeyIndex<Entry>()
  readonly list: List

  constructor(startedAt: bigint) {
    this.list = new List(startedAt)
  }
  close(nest: Nest, exit: Exit.Exit<unknown, unknown>, closing: Closing | undefined): Effect.Effect<void> {
    this.index.clear()
    return Effect.withFiber((fiber) => close(this.list, exit, fiber, nest.manner.limit, closing))
  }
}

export class HashMapImpl<K, A, E> extends Identity implements AsyncDropHashMap<K, A, E> {
  readonly [TypeId] = variance
  readonly nest: Nest
  readonly entries: InstanceType<typeof Entries>
  private readonly place: Context.Context<never>

  constructor(fiber: AnyFiber, startedAt: bigint, options: NestOptions) {
    super()
    this.entries = new Entries(startedAt)
    this.nest = new Nest(this.entries, fiber.context, startedAt, options, Infinity)
    this.place = this.nest.within(this.nest.context)
  }
  get name(): string {
    return nameOf(this.nest)
  }
  add(key: unknown, from: Handled): void {
    const entry = new Entry(key, from, this.place)
    this.entries.index.add(entry)
    this.entries.list.link(entry)
  }
  find(key: unknown): Entry | undefined {
    return this.entries.index.find(key)
  }
  remove(entry: Entry): void {
    this.entries.index.remove(entry)
    this.entries.list.remove(entry)
  }
  [asyncDispose](): Promise<void> {
    return runDisposal(drop(this.nest), this.nest.services)
  }
  toJSON(): unknown {
    return { _id: "AsyncDropHashMap", name: this.name, state: stateOf(this.nest), size: this.size }
  }
  override toString(): string {
    return `AsyncDropHashMap(${this.name}, ${stateOf(this.nest)}, ${this.size} entries)`
  }
  get size(): number {
    return this.entries.index.size
  }
}

const variance = { _K: identity, _A: identity, _E: identity }

/** Maps are made here alone, so each is one of these. */
export const implOf = <K, A, E>(map: AsyncDropHashMap<K, A, E>): HashMapImpl<K, A, E> => map as HashMapImpl<K, A, E>

/** The map behind `map` while it is live; else the mistake is thrown. */
export const liveOf = <K, A, E>(map: AsyncDropHashMap<K, A, E>, operation: string): HashMapImpl<K, A, E> => {
  const impl = implOf(map)
  if (impl.nest.state._tag !== "Live") throw refusal(impl.nest, operation)
  return impl
}
