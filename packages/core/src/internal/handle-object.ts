// The object behind a handle: it prints as its name and state, never as the value inside.
import { asyncDispose, runDisposal } from "./dispose.ts"
import { drop } from "./handle.ts"
import { Identity } from "./identity.ts"
import { type Handled, nameOf } from "./lifetime.ts"
import { stateOf } from "./misuse.ts"

export abstract class HandleObject<L extends Handled> extends Identity {
  readonly lifetime: L

  constructor(lifetime: L) {
    super()
    this.lifetime = lifetime
  }
  /** The name of its module. */
  protected abstract get kind(): string

  /** What there is to say of it besides its name and state. */
  protected get details(): { readonly [name: string]: number } {
    return {}
  }
  get name(): string {
    return nameOf(this.lifetime)
  }
  [asyncDispose](): Promise<void> {
    return runDisposal(drop(this.lifetime), this.lifetime.services)
  }
  toJSON(): unknown {
    return { _id: this.kind, name: this.name, state: stateOf(this.lifetime), ...this.details }
  }
  override toString(): string {
    const details = Object.entries(this.details).map(([name, count]) => `, ${count} ${name}`)
    return `${this.kind}(${this.name}, ${stateOf(this.lifetime)}${details.join("")})`
  }
}
