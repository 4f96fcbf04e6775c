// One line for one drop error: which resource, what happened, to what.
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type { DropError } from "../DropError.ts"
import { typeName } from "./lifetime.ts"

export const describe = (error: DropError<unknown>): string => {
  const key = error.key === undefined ? "" : ` (key ${text(error.key)})`
  const phase = error.phase === "graceful" ? "" : ` [${error.phase}]`
  // One that ends late was interrupted before, which says nothing.
  const told = error.cause.reasons.filter(({ _tag }) => error.late !== true || _tag !== "Interrupt")
  const reasons = told.slice(0, 3).map((reason) => `its release ${describeReason(reason)}`)
  const late = error.late === true ? [`it ended late, after ${Duration.format(error.duration)}`] : []
  return `${error.resource}${key}${phase}: ${[...late, ...reasons].join("; ")}`
}

/** Whether all that it tells is that a release has ended after all. */
export const isLateSuccess = ({ cause, late }: DropError<unknown>): boolean =>
  late === true && cause.reasons.every(({ _tag }) => _tag === "Interrupt")

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

/** One line for anything that code may end with, whatever it is: describing must not fail, nor take long. */
export const text = (value: unknown): string => {
  try {
    const full = value instanceof Error ? ofError(value) : brief(value)
    const first = full.split("\n", 1)[0]!
    return first.length > 200 ? `${first.slice(0, 200)}...` : first
  } catch {
    return "a value that cannot be printed"
  }
}

/** Tagged errors seldom have a message: their fields say what happened. */
const ofError = (error: Error): string => {
  if (error.message !== "") return `${error.name}: ${error.message}`
  const fields = Object.entries(error).filter(([key]) => key !== "_tag" && key !== "message")
  return fields.length === 0 ? `${error.name}` : `${error.name} ${ofFields(fields)}`
}

const ofFields = (fields: ReadonlyArray<readonly [string, unknown]>): string => {
  const shown = fields.slice(0, 8).map(([key, value]) => `${key}: ${short(value)}`)
  return `{ ${shown.join(", ")}${fields.length > shown.length ? ", ..." : ""} }`
}

const brief = (value: unknown): string =>
  typeof value === "string" ? value : typeName(value) === "resource" && isRecord(value)
    ? ofFields(Object.entries(value))
    : short(value)

/** No deeper than one level, however large the value. */
const short = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}...` : value)
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (Array.isArray(value)) return `[${value.length} items]`
  if (typeof value === "object" && value !== null) return typeName(value) === "resource" ? "{...}" : typeName(value)
  return String(value)
}

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)
