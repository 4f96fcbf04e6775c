// How a body's exit and the errors of its releases become one exit.
//
// 1. The body's own reasons come first and stay as they were, but for one annotation.
// 2. No `Fail` is put beside an interrupt (a `catch` would turn the interruption into a success), no
//    `Die` beside a `Fail` (it would turn the typed failure into a defect).
// 3. The `DropFailure` is in every result: as failure, defect or annotation.
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import { Annotation, DropFailure, fromCause } from "../DropFailure.ts"

/** Whether some release failed with an error of its type; else all of them died or were interrupted. */
const hasTyped = (failure: DropFailure<unknown>): boolean => failure.errors.some((error) => Cause.hasFails(error.cause))

/** The failure of a close whose body came to `exit`; none where nothing went wrong. */
export const failureOf = (
  errors: ReadonlyArray<DropError<unknown>>,
  dropped: number,
  exit: Exit.Exit<unknown, unknown>
): DropFailure<unknown> | undefined =>
  errors.length === 0
    ? undefined
    // Not empty, as just seen; a closed collector adds nothing to it.
    : new DropFailure({ errors: errors as DropFailure<unknown>["errors"], dropped, exit })

/** Whether the `DropFailure` is the primary failure of the outcome; if not, its errors are reported as well. */
export const isPrimary = <A, E>(exit: Exit.Exit<A, E>): exit is Exit.Success<A, E> =>
  exit._tag === "Success" || exit.cause.reasons.length === 0

/** The table of `DropFailure`, row by row; errors that the failure only counts may be typed as well. */
export const outcome = <A, E>(
  exit: Exit.Exit<A, E>,
  failure: DropFailure<unknown>,
  typedBeyond = false
): Exit.Exit<A, E | DropFailure<unknown>> => {
  const typed = typedBeyond || hasTyped(failure)
  if (isPrimary(exit)) return typed ? Exit.fail(failure) : Exit.die(failure)
  const reasons = exit.cause.reasons
  const interrupt = reasons.findIndex(Cause.isInterruptReason)
  if (interrupt >= 0) return Exit.failCause(annotated(exit.cause, interrupt, failure))
  if (Cause.hasDies(exit.cause)) return Exit.failCause(Cause.fromReasons([...reasons, Cause.makeDieReason(failure)]))
  return typed
    ? Exit.failCause(Cause.fromReasons<E | DropFailure<unknown>>([...reasons, Cause.makeFailReason(failure)]))
    : Exit.failCause(annotated(exit.cause, 0, failure))
}

/** The body's exit when an interrupt arrived while its owner was closing. */
export const interrupted = <A, E>(exit: Exit.Exit<A, E>, interrupt: Cause.Cause<never>): Exit.Exit<A, E> => {
  if (exit._tag === "Success") return Exit.failCause(interrupt)
  return Cause.hasInterrupts(exit.cause)
    ? exit
    : Exit.failCause(Cause.fromReasons([...exit.cause.reasons, ...interrupt.reasons]))
}

/** An outer failure replaces an inner one at the same reason: its `exit` holds the inner one. */
const annotated = <E>(cause: Cause.Cause<E>, index: number, failure: DropFailure<unknown>): Cause.Cause<E> =>
  Cause.fromReasons(
    cause.reasons.map((reason, i) =>
      i === index ? reason.annotate(Context.make(Annotation, failure), overwrite) : reason
    )
  )

const overwrite = { overwrite: true }

/** What an owner failed with, each error by itself; an error that is no owner's stands for itself. */
export const errorsIn = (error: DropError<unknown>): ReadonlyArray<DropError<unknown>> => {
  const failure = fromCause(error.cause)
  return failure._tag === "Some" ? failure.value.errors : [error]
}
