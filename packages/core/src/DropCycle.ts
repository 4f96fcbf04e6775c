/**
 * The defect of waiting for oneself.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { NodeInspectSymbol } from "effect/Inspectable"

/**
 * A fibre asked for something that could only happen after it had stopped
 * asking: dropping a guard inside its own `use`, or inside its own release.
 *
 * **Details**
 *
 * It is always a defect (`Die`) and is raised at once, instead of a hang.
 * `chain` names the resources in the order in which they wait, and ends with
 * the one it began with. Only what is certain is an error; where a fibre merely
 * descends from one that uses the resource, one warning is logged.
 *
 * @category errors
 * @since 0.1.0
 */
export class DropCycle extends Data.TaggedError("DropCycle")<{
  readonly chain: ReadonlyArray<string>
  readonly message: string
}> {
  constructor(args: { readonly chain: ReadonlyArray<string> }) {
    super({
      ...args,
      message: `${args.chain[0]} waits for itself (${args.chain.join(" -> ")}): it is asked for inside its own use. ` +
        `Let that end first, or do it on a fibre that the use does not wait for`
    })
  }
  /** Printed as an error. */
  override [NodeInspectSymbol](): string {
    return this.stack ?? this.toString()
  }
}
