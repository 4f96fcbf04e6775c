// The object behind an AsyncDropGuard, and how a lifetime gets one.
import type * as Context from "effect/Context"
import { identity } from "effect/Function"
import type { AsyncDropGuard } from "../AsyncDropGuard.ts"
import type { Droppable, Kind } from "./acquire.ts"
import { HandleObject } from "./handle-object.ts"
import { type AnyFiber, Handled, metaOf, type Release } from "./lifetime.ts"
import type { Settings } from "./limits.ts"
import { now } from "./release.ts"

export const TypeId = "~@async-drop/core/AsyncDropGuard"

const variance = { _A: identity, _E: identity }

export class GuardImpl<A, E> extends HandleObject<Handled> implements AsyncDropGuard<A, E> {
  readonly [TypeId] = variance
  protected get kind(): string {
    return "AsyncDropGuard"
  }
}

/** Guards are made here alone, so each has a lifetime. */
export const lifetimeOf = (guard: AsyncDropGuard<unknown, unknown>): Handled =>
  (guard as GuardImpl<unknown, unknown>).lifetime

export const handled = (
  value: unknown,
  release: Release,
  fiber: AnyFiber,
  settings: Settings | undefined,
  place: Context.Context<never> = fiber.context
): Handled => new Handled(value, release, place, metaOf(fiber.context, settings), fiber.context, now(fiber))

/** A guard of the value, released as the caller says. */
export const guardGiven: Kind<unknown, Release, Handled, AsyncDropGuard<any, any>> = { // any: as the caller's types say
  make: (value, release, settings, fiber) => handled(value, release, fiber, settings),
  give: (lifetime) => new GuardImpl(lifetime)
}

/** A guard of the value, released as that says. */
export const guardOwn: Kind<Droppable, undefined, Handled, AsyncDropGuard<any, any>> = { // any: as above
  make: ([value, release], _, settings, fiber) => handled(value, release, fiber, settings),
  give: (lifetime) => new GuardImpl(lifetime)
}
