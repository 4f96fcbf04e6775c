/**
 * The defect of a mistaken call: it says which resource, what was called, and
 * what state it was in.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * A handle was used after its life had ended, a value is not droppable, or an
 * option makes no sense.
 *
 * **Details**
 *
 * It is a mistake of the program, so it is always a defect (`Die`) and never in
 * `E`. `resource` names the resource or the value, `operation` the call,
 * `state` what it met.
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
  constructor(args: { readonly resource: string; readonly operation: string; readonly state: string }) {
    super({ ...args, message: `${args.operation} on ${args.resource}: it is ${args.state}` })
  }
}
