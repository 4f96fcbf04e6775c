// Turns by key within this thread, first come, first served.
//
// 1. The first in the line of a key has the turn; nobody else has.
// 2. A turn that leaves, whether it came or not, lets the next one in; a line without turns is forgotten.
import * as Effect from "effect/Effect"

const lines = new Map<string, Set<Turn>>()

export class Turn {
  private readonly key: string
  private readonly line: Set<Turn>
  /** The fibre that asked. */
  readonly fiber: number
  private come: () => void = () => {}

  constructor(key: string, line: Set<Turn>, fiber: number) {
    this.key = key
    this.line = line
    this.fiber = fiber
  }

  get isFirst(): boolean {
    return firstOf(this.line) === this
  }

  /** Waits for the turn; whoever is interrupted here still has to leave. */
  readonly arrival: Effect.Effect<void> = Effect.callback((resume) => {
    this.come = () => resume(Effect.void)
    if (this.isFirst) this.come()
  })

  leave(): void {
    const first = this.isFirst
    this.line.delete(this)
    if (this.line.size === 0) lines.delete(this.key)
    else if (first) firstOf(this.line)?.come()
  }
}

export const enter = (key: string, fiber: number): Turn => {
  const line = lines.get(key) ?? new Set()
  lines.set(key, line)
  const turn = new Turn(key, line, fiber)
  line.add(turn)
  return turn
}

/** Who has the turn, if anyone does. */
export const first = (key: string): Turn | undefined => {
  const line = lines.get(key)
  return line && firstOf(line)
}

const firstOf = (line: Set<Turn>): Turn | undefined => line.values().next().value
