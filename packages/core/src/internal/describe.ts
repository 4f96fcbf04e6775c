// One line for one drop error: which resource, what happened, to what.
import type * as Cause from "effect/Cause"
import { format } from "effect/Formatter"
import type { DropError } from "../DropError.ts"

export const describe = (error: DropError<unknown>): string => {
  const key = error.key === undefined ? "" : ` (key ${text(error.key)})`
  const phase = error.phase === "graceful" ? "" : ` [${error.phase}]`
  const reasons = error.cause.reasons.slice(0, 3).map((reason) => `its release ${describeReason(reason)}`)
  return `${error.resource}${key}${phase}: ${reasons.join("; ")}`
}

/** What a log entry of a drop error is annotated with. */
export const annotations = (error: DropError<unknown>): Record<string, unknown> => ({
  resource: error.resource,
  phase: error.phase
})

export const describeReason = (reason: Cause.Reason<unknown>): string => {
  switch (reason._tag) {
    case "Fail":
      return `failed with ${text(reason.error)}`
    case "Die":
      return `died of ${text(reason.defect)}`
    case "Interrupt":
      return "was interrupted"
  }
}

/** One line for anything that code may end with. */
const text = (value: unknown): string => {
  const full = value instanceof Error ? ofError(value) : typeof value === "string" ? value : format(value)
  const first = full.split("\n", 1)[0]!
  return first.length > 200 ? `${first.slice(0, 200)}...` : first
}

/** Tagged errors seldom have a message: their fields say what happened. */
const ofError = (error: Error): string => {
  if (error.message !== "") return `${error.name}: ${error.message}`
  const fields = Object.entries(error).filter(([key]) => key !== "_tag")
  return fields.length === 0 ? error.name : `${error.name} ${format(Object.fromEntries(fields))}`
}
