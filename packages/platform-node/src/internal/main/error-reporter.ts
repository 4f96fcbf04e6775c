// Drop errors for the reporters of Effect.
import * as DropError from "@async-drop/core/DropError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { attributes, isIgnored, report, severity } from "./effect-unstable.ts"

type Reporter = (error: DropError.DropError<unknown>) => Effect.Effect<void>

export const toErrorReporter = (before: Reporter): Reporter => (error) => {
  const original = Cause.squash(error.cause)
  if (endedAfterAll(error) || isIgnored(original)) return before(error)
  const { key, phase, resource } = error
  const told = Object.assign(new Error(DropError.toText(error), { cause: original }), {
    [severity]: "Error" as const,
    [attributes]: { resource, phase, ...(key === undefined ? {} : { key }) }
  })
  // Whatever becomes of the one, the other is told.
  return Effect.ensuring(report(Cause.fail(told)), before(error))
}

/** That it was given up on has been told, and is the error. */
const endedAfterAll = ({ cause, late }: DropError.DropError<unknown>): boolean =>
  late === true && cause.reasons.every(({ _tag }) => _tag === "Interrupt")
