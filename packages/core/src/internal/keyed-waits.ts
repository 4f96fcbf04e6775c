// What a key waits for, for those who look for circles.
//
// 1. A key waits for its load, or for the end of that; for those who hold its instance; for who ends it.
// 2. As it is being ended, what an interrupt ends is waited for no longer.
// 3. Some who look count only those who cannot let another end it for them: the `bound`.
// 4. What the load of another key has borrowed is held by that key, and seen as that is.
import * as Effect from "effect/Effect"
import { warnIfLikely, yields } from "./cycle.ts"
import type { Instance, Key } from "./instance.ts"
import type { AnyFiber, Awaited } from "./lifetime.ts"
import type { Loading } from "./loading.ts"
import type { Request } from "./request.ts"
import type { State } from "./slot.ts"

/** A key, as far as others may have to wait for it. */
interface Waited {
  readonly label: string
  readonly home: object
  readonly state: State
  readonly run: Loading | undefined
  readonly instance: Instance | undefined
  readonly request: Request | undefined
}

export function* waitsFor(
  { home, instance, request, run, state }: Waited,
  asking: AnyFiber,
  bound = false,
  ending = false
): Generator<AnyFiber | Awaited> {
  if (run?.fiber !== undefined && !(ending && yields(run.fiber))) yield run.fiber
  // A load that has failed, or was stopped, is taken back.
  if (run !== undefined) yield* run.nest.working()
  if (instance !== undefined) {
    const seen = (keeper: Key) => keeper.view(bound, ending && keeper.home === home)
    yield* bound ? instance.boundHolders(seen) : instance.holders(asking, seen)
    // Also uses that outlast the hold which they came by.
    yield* instance.blockers()
  }
  if (state._tag !== "Dropping") return
  if (state.asked === "running" && request?.fiber !== undefined) yield request.fiber
}

/** A key as some see it: its `bound` only, or as it is ended, when its store closes or its load is stopped. */
export class View implements Awaited {
  private readonly keyed: Waited
  private readonly bound: boolean
  private readonly ending: boolean

  constructor(keyed: Waited, bound: boolean, ending: boolean) {
    this.keyed = keyed
    this.bound = bound
    this.ending = ending
  }
  get label(): string {
    return this.keyed.label
  }
  blockers(asking: AnyFiber): Generator<AnyFiber | Awaited> {
    return waitsFor(this.keyed, asking, this.bound, this.ending)
  }
}

/** One warning where a fibre was started inside a use of what it waits for, or of a value that keeps that. */
export const warnOfHolders = (fiber: AnyFiber, instance: Instance, operation: string): Effect.Effect<unknown> => {
  const warning = warnIfLikely(fiber, instance, operation)
  if (warning !== Effect.void) return warning
  return warnIfLikely(fiber, instance, operation, (held) => instance.keptBy(held), "keeper's use")
}
