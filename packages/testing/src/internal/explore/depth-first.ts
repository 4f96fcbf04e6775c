// Walks the whole tree of choices, depth first: the last choice that has options left takes the next one.
import type { Kind, Source, Trail } from "./trail.ts"

export class DepthFirst implements Source {
  readonly takesEachOnce = true
  readonly prunes: boolean
  /** So many choices of the trail are taken again as they are. */
  private prefix = 0

  constructor(prunes: boolean) {
    this.prunes = prunes
  }

  next(trail: Trail, kind: Kind, n: number): number {
    const i = trail.length
    if (i >= this.prefix) return 0
    // A program that depends on its choices alone meets the same ones again.
    return trail.counts[i] === n && trail.kinds[i] === kind ? trail.values[i]! : -1
  }

  /** Turns the trail of the last run into the beginning of the next one; false when there is none. */
  advance(trail: Trail): boolean {
    let i = trail.length - 1
    while (i >= 0 && this.following(trail, i) >= trail.counts[i]!) i--
    if (i < 0) return false
    trail.values[i] = this.following(trail, i)
    this.prefix = i + 1
    return true
  }

  /** The option to take next: stops and interrupts that are the same as those a step later are left out. */
  private following(trail: Trail, i: number): number {
    return this.prunes && trail.dull[i] ? trail.counts[i]! : trail.values[i]! + 1
  }
}
