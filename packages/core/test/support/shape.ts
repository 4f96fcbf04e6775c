// Exits as plain data, so that a whole exit is compared at once and a difference can be read.
import { DropFailure, DropUsageError } from "@async-drop/core"
import { Cause, Context, Exit, Option } from "effect"

export type Shape = { readonly success: unknown } | { readonly failure: ReadonlyArray<ReasonShape> }

/** The third place is the `DropFailure` that the reason carries as an annotation. */
export type ReasonShape =
  | readonly ["Fail" | "Die", unknown]
  | readonly ["Fail" | "Die", unknown, FailureShape]
  | readonly ["Interrupt"]
  | readonly ["Interrupt", FailureShape]

export interface FailureShape {
  readonly errors: ReadonlyArray<ErrorShape>
  readonly dropped: number
  readonly exit: Shape
}

export type ErrorShape = readonly [resource: string, cause: ReadonlyArray<ReasonShape>]

export const shapeOf = (exit: Exit.Exit<unknown, unknown>): Shape =>
  Exit.isSuccess(exit) ? { success: exit.value } : { failure: reasonsOf(exit.cause) }

/** The same interrupt may stand twice where one of the two was annotated: both are one to a reader. */
export const reasonsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<ReasonShape> => {
  const shapes = cause.reasons.map(reasonOf)
  const annotated = cause.reasons.findIndex((reason) => Cause.isInterruptReason(reason) && noteOf(reason).length > 0)
  if (annotated < 0) return shapes
  const id = (cause.reasons[annotated] as Cause.Interrupt).fiberId // found as an interrupt
  return shapes.filter((_, i) => {
    const reason = cause.reasons[i]!
    return i === annotated || !Cause.isInterruptReason(reason) || reason.fiberId !== id || noteOf(reason).length > 0
  })
}

export const failureShape = (failure: DropFailure.DropFailure<unknown>): FailureShape => ({
  errors: failure.errors.map((error) => [error.resource, reasonsOf(error.cause)] as const),
  dropped: failure.dropped,
  exit: shapeOf(failure.exit)
})

const reasonOf = (reason: Cause.Reason<unknown>): ReasonShape => {
  switch (reason._tag) {
    case "Fail":
      return ["Fail", valueOf(reason.error), ...noteOf(reason)]
    case "Die":
      return ["Die", valueOf(reason.defect), ...noteOf(reason)]
    case "Interrupt":
      return ["Interrupt", ...noteOf(reason)]
  }
}

const noteOf = (reason: Cause.Reason<unknown>): readonly [] | readonly [FailureShape] => {
  const note = Context.getOption(
    Cause.reasonAnnotations(reason) as Context.Context<DropFailure.Annotation>,
    DropFailure.Annotation
  )
  return Option.isSome(note) ? [failureShape(note.value)] : []
}

const valueOf = (value: unknown): unknown => {
  if (value instanceof DropFailure.DropFailure) return failureShape(value)
  if (value instanceof DropUsageError.DropUsageError) return [value.resource, value.operation, value.state]
  return value
}
