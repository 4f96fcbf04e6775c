/**
 * The defect of a mistaken call: it says which resource, what was called, and
 * what state it was in.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { NodeInspectSymbol } from "effect/Inspectable"

/**
 * A handle was used after its life had ended, a value is not droppable, or an
 * option makes no sense.
 *
 * **Details**
 *
 * It is a mistake of the program, so it is always a defect (`Die`) and never in
 * `E`. `resource` names the resource or the value, `operation` the call,
 * `state` what it met,
 * `message` what to do instead.
 *
 * In the seed: the panics "Value already dropped" and "Forgot to call async_drop".
 *
 * @category errors
 * @since 0.1.0
 */
export class DropUsageError extends Data.TaggedError("DropUsageError")<{
  readonly resource: string
  readonly operation: string
  readonly state: string
  readonly message: string
}> {
  /** Printed as an error, with what to do about it. */
  override [NodeInspectSymbol](): string {
    return this.stack ?? this.toString()
  }
}
