// Who has to end before whom, where releases run side by side.
//
// 1. What is depended on waits until everything that depends on it has ended, in this close.
// 2. An edge goes from the newer to the older: a handle exists before it can be named. So no two wait for each other.
import type { Closing } from "./closing.ts"
import { neededBy } from "./lease.ts"
import { type Lifetime, nameOf, observe } from "./lifetime.ts"

export class Dependents {
  /** By the id of what is depended on. */
  private readonly on = new Map<number, Set<Lifetime>>()
  private readonly parked = new Map<number, Array<Lifetime>>()

  /** The edges among those that are closed, from the newest on; there may be none. */
  static among(newest: Lifetime | undefined): Dependents | undefined {
    let dependents: Dependents | undefined = undefined
    for (let lifetime = newest; lifetime !== undefined; lifetime = lifetime.prev) {
      for (const { id } of neededBy(lifetime)) (dependents ??= new Dependents()).add(id, lifetime)
    }
    return dependents
  }

  parks(lifetime: Lifetime, closing: Closing | undefined): boolean {
    const before = this.on.get(lifetime.id)
    if (before === undefined || before.size === 0) return false
    const others = this.parked.get(lifetime.id)
    if (others === undefined) this.parked.set(lifetime.id, [lifetime])
    else others.push(lifetime)
    const close = closing === undefined ? {} : { close: closing.id }
    observe(lifetime, (id, resource) => ({ _tag: "Waiting", id, resource, for: [...before].map(nameOf), ...close }))
    return true
  }

  /** One has ended; who waited for it alone. */
  without(lifetime: Lifetime): ReadonlyArray<Lifetime> {
    const ready: Array<Lifetime> = []
    for (const { id } of neededBy(lifetime)) {
      const before = this.on.get(id)
      if (before?.delete(lifetime) !== true || before.size > 0) continue
      for (const each of this.parked.get(id) ?? none) ready.push(each)
      this.parked.delete(id)
    }
    return ready
  }

  /** All who wait. */
  everyone(): ReadonlyArray<Lifetime> {
    return [...this.parked.values()].flat()
  }

  private add(id: number, lifetime: Lifetime): void {
    const before = this.on.get(id)
    if (before === undefined) this.on.set(id, new Set([lifetime]))
    else before.add(lifetime)
  }
}

const none: ReadonlyArray<Lifetime> = []
