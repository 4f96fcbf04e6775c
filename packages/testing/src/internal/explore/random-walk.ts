// Draws schedules. A run's preemptions and interrupts are spread over it by how many occasions the runs
// before had, so that they do not all fall into its beginning.
import type { Bounds } from "./bounds.ts"
import { SeededRandom } from "./random.ts"
import { Kind, type Source, type Trail } from "./trail.ts"

export class RandomWalk implements Source {
  private readonly random: SeededRandom
  private readonly preempt: Rate
  private readonly interrupt: Rate

  constructor(seed: number, bounds: Bounds, weights: { readonly preempt: number; readonly interrupt: number }) {
    this.random = new SeededRandom(seed)
    this.preempt = new Rate(bounds.preemptions * weights.preempt)
    this.interrupt = new Rate(bounds.interrupts * weights.interrupt)
  }

  begin(): void {
    this.preempt.begin()
    this.interrupt.begin()
  }

  next(_trail: Trail, kind: Kind, n: number, ordinary: number): number {
    const { random } = this
    if (n > ordinary && this.interrupt.hits(random)) return ordinary + random.below(n - ordinary)
    if (kind !== Kind.step) return random.below(ordinary)
    return ordinary > 1 && this.preempt.hits(random) ? 1 : 0
  }
}

/** Hits so often that about `wanted` of a run's occasions are hit. */
class Rate {
  private readonly wanted: number
  private occasions = 0
  private expected = 20

  constructor(wanted: number) {
    this.wanted = wanted
  }

  begin(): void {
    if (this.occasions > 0) this.expected += (this.occasions - this.expected) / 4
    this.occasions = 0
  }

  hits(random: SeededRandom): boolean {
    this.occasions++
    return random.nextDoubleUnsafe() < Math.min(0.5, this.wanted / this.expected)
  }
}
