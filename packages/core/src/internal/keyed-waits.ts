// What a key waits for, for those who look for circles.
//
// 1. A key waits for its load, or for the end of that; for those who hold its instance; for who ends it.
// 2. As it is being ended, what an interrupt ends is waited for no longer.
// 3. Some who look count only those who cannot let another end it for them: the `bound`.
import { yields } from "./cycle.ts"
import type { Instance } from "./instance.ts"
import type { AnyFiber, Awaited } from "./lifetime.ts"
import type { Loading } from "./loading.ts"
import type { Request } from "./request.ts"
import type { State } from "./slot.ts"

/** A key, as far as others may have to wait for it. */
interface Waited {
  readonly label: string
  readonly state: State
  readonly run: Loading | undefined
  readonly instance: Instance | undefined
  readonly request: Request | undefined
}

export function* waitsFor(
  { instance, request, run, state }: Waited,
  asking: AnyFiber,
  bound: boolean
): Generator<AnyFiber | Awaited> {
  if (run?.fiber !== undefined) yield run.fiber
  // A load that has failed, or was stopped, is taken back.
  if (run !== undefined) yield* run.nest.working()
  if (instance !== undefined) {
    yield* bound ? instance.boundHolders() : instance.holders(asking)
    // Also uses that outlast the hold which they came by.
    yield* instance.blockers()
  }
  if (state._tag !== "Dropping") return
  if (state.asked === "running" && request?.fiber !== undefined) yield request.fiber
}

/** A key as it is ended: as its store closes, or its load is stopped. */
export class AtEnd implements Awaited {
  private readonly keyed: Waited
  private readonly bound: boolean

  constructor(keyed: Waited, bound: boolean) {
    this.keyed = keyed
    this.bound = bound
  }
  get label(): string {
    return this.keyed.label
  }
  *blockers(asking: AnyFiber): Generator<AnyFiber | Awaited> {
    const { keyed } = this
    const load = keyed.run?.fiber
    for (const fiber of waitsFor(keyed, asking, this.bound)) if (fiber !== load || !yields(fiber)) yield fiber
  }
}
