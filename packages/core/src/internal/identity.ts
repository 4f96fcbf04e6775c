// What every handle is to Effect: itself and nothing else, and printed as its name and state.
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { NodeInspectSymbol } from "effect/Inspectable"
import { pipeArguments } from "effect/Pipeable"

/** Compared field by field, two handles of one resource would be one key; and lists would be walked. */
export abstract class Identity {
  [Equal.symbol](that: unknown): boolean {
    return this === that
  }
  [Hash.symbol](): number {
    return Hash.random(this)
  }
  pipe() {
    return pipeArguments(this, arguments)
  }
  [NodeInspectSymbol](): string {
    return String(this)
  }
}
