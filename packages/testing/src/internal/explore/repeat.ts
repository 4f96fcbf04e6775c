// Takes given choices again.
import type { Kind, Source, Trail } from "./trail.ts"

export class Repeat implements Source {
  private readonly values: ReadonlyArray<number>
  private readonly exact: boolean

  /** With `exact`, a choice that cannot be taken ends the run; else the first option is taken instead. */
  constructor(values: ReadonlyArray<number>, exact: boolean) {
    this.values = values
    this.exact = exact
  }

  next(trail: Trail, _kind: Kind, n: number): number {
    const value = this.values[trail.length] ?? 0
    return value < n ? value : this.exact ? -1 : 0
  }
}
