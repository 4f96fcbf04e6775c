// A small generator that gives the same numbers for the same seed (mulberry32).
import type * as Random from "effect/Random"

export class SeededRandom {
  private readonly seed: number
  private state: number

  constructor(seed: number) {
    this.seed = this.state = seed | 0
  }

  /** From 0 up to, not with, 1. */
  nextDoubleUnsafe(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  nextIntUnsafe(): number {
    const range = Number.MAX_SAFE_INTEGER - Number.MIN_SAFE_INTEGER + 1
    return Math.floor(this.nextDoubleUnsafe() * range) + Number.MIN_SAFE_INTEGER
  }

  below(n: number): number {
    return Math.floor(this.nextDoubleUnsafe() * n)
  }

  reset(): void {
    this.state = this.seed
  }
}

/** That it fits Effect's service is checked here. */
export const asService = (random: SeededRandom): typeof Random.Random.Service => random
