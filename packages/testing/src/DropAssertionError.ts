/**
 * What a broken promise about releases is told by.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { type Step, timeline } from "./internal/steps.ts"

/**
 * A fact about acquires and releases does not hold.
 *
 * **Details**
 *
 * `fact` says in one sentence what is broken; `message` adds what happened, step
 * by step.
 *
 * @category errors
 * @since 0.1.0
 */
export class DropAssertionError extends Data.TaggedError("DropAssertionError")<{
  readonly fact: string
  readonly message: string
}> {
  constructor(args: { readonly fact: string; readonly steps?: ReadonlyArray<Step> | undefined }) {
    const happened = args.steps === undefined || args.steps.length === 0
      ? ""
      : `\n\nWhat happened:\n${timeline(args.steps)}`
    super({ fact: args.fact, message: `${args.fact}${happened}` })
  }
}
