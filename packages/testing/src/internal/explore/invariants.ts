// What the program says must hold, and the first that did not.
import type { World } from "./world.ts"

interface Fact {
  readonly message: string
  readonly holds: () => boolean | void
}

/** What an invariant throws into the fibre that broke it. */
export class InvariantError extends Error {
  override readonly name = "InvariantError"
}

export class Invariants {
  broken: { readonly message: string; readonly cause: unknown } | undefined = undefined
  private readonly always: Array<Fact> = []
  private readonly atEnd: Array<Fact> = []

  addAlways(fact: Fact): void {
    this.always.push(fact)
  }

  addAtEnd(fact: Fact): void {
    this.atEnd.push(fact)
  }

  /** Asked at each step. */
  check(world: World): void {
    if (this.always.length > 0 && this.broken === undefined && this.fails(this.always)) world.break()
  }

  /** Asked when nothing is left to run. */
  checkEnd(): void {
    if (this.broken === undefined && !this.fails(this.always)) this.fails(this.atEnd)
  }

  break(message: string, cause: unknown): void {
    this.broken ??= { message, cause }
  }

  reset(): void {
    this.broken = undefined
    this.always.length = this.atEnd.length = 0
  }

  private fails(facts: ReadonlyArray<Fact>): boolean {
    for (const { holds, message } of facts) {
      try {
        if (holds() !== false) continue
        this.break(message, new InvariantError(message))
      } catch (error) {
        this.break(error instanceof Error && error.message !== "" ? `${message}: ${error.message}` : message, error)
      }
      return true
    }
    return false
  }
}
