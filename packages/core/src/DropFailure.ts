/**
 * Every drop error of one close, and what its body came to.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Exit from "effect/Exit"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Option from "effect/Option"
import type { DropError } from "./DropError.ts"
import { describe, describeReason } from "./internal/describe.ts"

/**
 * The failure of an owner whose releases failed.
 *
 * **Details**
 *
 * `errors` are in the order in which they happened. `dropped` counts the errors
 * beyond the owner's `maxErrors`, which went to the `DropReporter`. `exit` is
 * what the body came to. Where it stands in the result depends on the body:
 *
 * | body | drops | result |
 * |---|---|---|
 * | success | at least one typed failure | `Fail(DropFailure)` |
 * | success | only defects | `Die(DropFailure)` |
 * | `Fail(E)` | at least one typed failure | `Fail(E)` first, `Fail(DropFailure)` beside it |
 * | `Fail(E)` | only defects | `Fail(E)`, the `DropFailure` as an annotation |
 * | `Die` | any | `Die` first, `Die(DropFailure)` beside it |
 * | interrupted | any | the interrupt, the `DropFailure` as an annotation |
 *
 * @see {@link fromCause} finds it in every row
 * @category errors
 * @since 0.1.0
 */
export class DropFailure<out E> extends Data.TaggedError("DropFailure")<{
  readonly errors: readonly [DropError<any>, ...Array<DropError<any>>] // narrowed to E below
  readonly dropped: number
  readonly exit: Exit.Exit<unknown, unknown>
  readonly message: string
}> {
  declare readonly errors: readonly [DropError<E>, ...Array<DropError<E>>]
  constructor(args: {
    readonly errors: readonly [DropError<E>, ...Array<DropError<E>>]
    readonly dropped: number
    readonly exit: Exit.Exit<unknown, unknown>
  }) {
    super({ ...args, message: messageOf(args.errors, args.dropped, args.exit) })
  }
  /** Reasons of the body as text: written out whole, each nested failure would hold all those inside it again. */
  override toJSON(): unknown {
    return {
      _tag: this._tag,
      message: this.message,
      errors: this.errors.slice(0, shown),
      dropped: this.dropped,
      exit: this.exit._tag === "Success"
        ? this.exit
        : { _tag: "Failure", reasons: this.exit.cause.reasons.map(describeReason) }
    }
  }
  /** Printed as an error: its message names the resources, its fields would bury them. */
  override [NodeInspectSymbol](): string {
    return this.stack ?? this.toString()
  }
}

/**
 * Finds the `DropFailure` in a cause: as a failure, a defect or an annotation.
 *
 * **Details**
 *
 * Of several it gives the outermost. Operators that rebuild a cause (`retry`,
 * `orDie`, a replacing `mapError`, `race`) lose annotations, so ask the exit of
 * `AsyncDrop.scoped` itself.
 *
 * **Example** (Finding what an interrupted scope could not give back)
 *
 * ```ts
 * import { AsyncDrop, DropFailure } from "@async-drop/core"
 * import { Cause, Effect, Exit, Option } from "effect"
 *
 * const exit = Effect.runSyncExit(AsyncDrop.scoped(Effect.gen(function*() {
 *   yield* AsyncDrop.acquireRelease(Effect.succeed("f"), () => Effect.fail("disk full"), { name: "file" })
 *   return yield* Effect.interrupt
 * })))
 *
 * const failure = Exit.isFailure(exit) ? DropFailure.fromCause(exit.cause) : Option.none()
 * Option.map(failure, (f) => f.errors[0].resource) // => Option.some("file")
 * Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) // => true
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const fromCause = (cause: Cause.Cause<unknown>): Option.Option<DropFailure<unknown>> => {
  for (let i = cause.reasons.length - 1; i >= 0; i--) {
    const reason = cause.reasons[i]!
    const value = reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
    if (value instanceof DropFailure) return Option.some(value)
  }
  return Context.getOption(Cause.annotations(cause) as Context.Context<Annotation>, Annotation)
}

/**
 * The key under which a cause carries a `DropFailure` that is not its primary failure.
 *
 * @category annotations
 * @since 0.1.0
 */
export class Annotation
  extends Context.Service<Annotation, DropFailure<unknown>>()("@async-drop/core/DropFailure/Annotation")
{}

const shown = 10

const messageOf = (
  errors: ReadonlyArray<DropError<unknown>>,
  dropped: number,
  exit: Exit.Exit<unknown, unknown>
): string => {
  const total = errors.length + dropped
  const lines = errors.slice(0, shown).map((error) => `  ${describe(error)}`)
  const hidden = total - lines.length
  const more = hidden > 0 ? [`  ... and ${hidden} more, in errors or at the DropReporter`] : []
  const head = total === 1 ? "1 resource was not given back:" : `${total} resources were not given back:`
  const body = exit._tag === "Success" ? "succeeded" : exit.cause.reasons.slice(0, 3).map(describeReason).join("; ")
  return [head, ...lines, ...more, `The body ${body}. Catch "DropFailure" where the owner ends.`].join("\n")
}
