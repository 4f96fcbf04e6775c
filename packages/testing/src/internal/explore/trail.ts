// The choices of one run: what kind each was, of how many, and which was taken.

/** Which task or timer is next; what a fibre does before its next step; what the program asks for. */
export const Kind = { pick: 0, step: 1, choose: 2 } as const
export type Kind = typeof Kind[keyof typeof Kind]

/** Answers where the runtime could go more than one way. */
export interface Source {
  /** Whether a run that equals another one is given up. */
  readonly takesEachOnce?: boolean
  /** Whether a run is given up too that equals another one but for a step that no other fibre can tell. */
  readonly prunes?: boolean
  /**
   * One of `n` options at the end of the trail, or -1 where the run went another way than the one it
   * repeats. The options from `ordinary` on are interrupts; option 0 is what goes on as before.
   */
  readonly next: (trail: Trail, kind: Kind, n: number, ordinary: number) => number
}

/** Grows as a run goes, and is kept for the next run to repeat a part of it. */
export class Trail {
  readonly kinds: Array<number> = []
  readonly counts: Array<number> = []
  readonly values: Array<number> = []
  /** Whether a stop or an interrupt here is the same as one a step later. */
  readonly dull: Array<boolean> = []
  private readonly steps: Array<number> = []
  length = 0

  /** `step` is where the run was. */
  push(kind: Kind, n: number, value: number, step: number): void {
    const i = this.length++
    this.steps[i] = step
    this.dull[i] = false
    this.kinds[i] = kind
    this.counts[i] = n
    this.values[i] = value
  }

  /** The values up to the last that is not 0: all that a replay needs. */
  taken(): ReadonlyArray<number> {
    let end = this.length
    while (end > 0 && this.values[end - 1] === 0) end--
    return this.values.slice(0, end)
  }

  /** A number that depends on where each of the first `end` choices was, of what kind, and of how many. */
  sum(end: number): number {
    let hash = 0x811c9dc5
    for (let i = 0; i < end; i++) {
      hash = Math.imul(hash ^ ((this.counts[i] ?? 0) * 4 + (this.kinds[i] ?? 0)), 0x01000193)
      hash = Math.imul(hash ^ (this.steps[i] ?? 0), 0x01000193)
    }
    return hash >>> 0
  }
}
