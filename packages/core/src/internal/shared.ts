// What is behind an AsyncDropShared: one key without a name, kept as long as a handle is.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type { AsyncDropShared } from "../AsyncDropShared.ts"
import type { DropError } from "../DropError.ts"
import { asyncDispose, runDisposal } from "./dispose.ts"
import { dropLease } from "./handle.ts"
import type { Home } from "./home.ts"
import { Keyed } from "./keyed.ts"
import { Lease, Shared } from "./lease.ts"
import { type AnyFiber, Handled, metaOf, nameOf } from "./lifetime.ts"
import { stateOf } from "./misuse.ts"
import { errorsIn } from "./outcome.ts"
import { now } from "./release.ts"
import type { Load } from "./waiters.ts"

export const TypeId = "~@async-drop/core/AsyncDropShared"

/** Its class is called as messages call it. */
const Value = class AsyncDropShared implements Home {
  private readonly made: Load
  readonly services: Context.Context<never>
  readonly closing = false
  handles: Handles | undefined = undefined

  constructor(load: Load) {
    this.made = load
    this.services = load.services
  }
  load(): Load {
    return this.made
  }
  get name(): string {
    return this.handles?.label ?? "AsyncDropShared"
  }
  /** As long as there is a handle. */
  rests(): boolean {
    return this.handles !== undefined && this.handles.count > 0
  }
  rest(): void {}
  wake(): void {}
  admit(_: Keyed, load: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return load
  }
  handOut(): void {}
  leave(): void {}
  free(): void {}
  endBegins(): void {}
  endIsOver(): void {}
  changed(): void {}
}

/** The life of the handles; the value's own life goes on while someone who awaited it has it. */
export class Handles extends Shared {
  readonly keyed: Keyed
  readonly load: Load

  constructor(load: Load, fiber: AnyFiber) {
    const value = new Value(load)
    const keyed = new Keyed(value, undefined)
    const release = (_: unknown, exit: Exit.Exit<unknown, unknown>) =>
      // Also where a load that was given up is still taken back.
      Effect.andThen(
        Effect.suspend(() => keyed.endHeard(exit)),
        Effect.withFiber((fiber) => keyed.untilOver(fiber, identity))
      )
    const { context } = fiber
    super(new Handled(value, release, context, metaOf(context, undefined), context, now(fiber)))
    this.keyed = keyed
    this.load = load
    value.handles = this
  }
  override clone(context: Context.Context<never>): SharedImpl<any, any, any> { // any: of the types of its load
    return new SharedImpl(this, context)
  }
  override scatter(
    error: DropError<unknown>,
    give: (place: Context.Context<never>, error: DropError<unknown>) => void
  ) {
    for (const each of errorsIn(error)) give(this.context, each)
  }
}

export class SharedImpl<A, E, DE> extends Lease implements AsyncDropShared<A, E, DE> {
  readonly handles: Handles

  constructor(handles: Handles, context: Context.Context<never>) {
    super(handles, context)
    this.handles = handles
  }
  get [TypeId]() {
    return variance
  }
  get name(): string {
    return nameOf(this)
  }
  [asyncDispose](): Promise<void> {
    return runDisposal(dropLease(this), this.handles.services)
  }
  toJSON(): unknown {
    return { _id: "AsyncDropShared", name: this.name, state: stateOf(this), value: this.handles.keyed.state._tag }
  }
  override toString(): string {
    return `AsyncDropShared(${this.name}, ${stateOf(this)}, ${this.handles.keyed.state._tag})`
  }
}

const variance = { _A: identity, _E: identity, _DE: identity }

/** They are made here alone, so each is one of these. */
export const implOf = <A, E, DE>(shared: AsyncDropShared<A, E, DE>): SharedImpl<A, E, DE> =>
  shared as SharedImpl<A, E, DE>
