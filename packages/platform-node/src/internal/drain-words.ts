// What the close of a server says of itself: in the report, and in the log where it could not keep to its options.
import * as Duration from "effect/Duration"
import type { CutRequest } from "../HttpDrainTimeout.ts"
import type { Limits, Plan } from "./drain-plan.ts"

interface Said {
  /** How many were in flight as it began, and how many came after that. */
  readonly inFlight: number
  readonly came: number
  /** What was cut; not there while it goes on. */
  readonly cut?: { readonly requests: ReadonlyArray<CutRequest>; readonly connections: number } | undefined
}

export const outcomeOf = ({ came, cut, inFlight }: Said): string => {
  const began = `${inFlight === 0 ? "no request" : counted(inFlight, "request")} in flight`
  const all = came === 0 ? began : `${began}, ${came} came`
  if (cut === undefined) return all
  const { connections, requests } = cut
  const interrupted = requests.filter(({ end }) => end === "interrupted").length
  const cuts = [
    ...(interrupted === 0 ? [] : [`${interrupted} interrupted`]),
    ...(interrupted === requests.length ? [] : [`${requests.length - interrupted} abandoned`]),
    ...(connections === 0 ? [] : [`${counted(connections, "connection")} cut`])
  ]
  if (cuts.length > 0) return `${all}: ${cuts.join(", ")}`
  return inFlight + came === 0 ? all : `${all}, all ended`
}

/** For a delay that is shorter than it was to be. */
export const delayOf = ({ drainDelay }: Plan): string => `drain delay cut to ${millis(drainDelay)}`

export const shortened = ({ drainDelay }: Limits, plan: Plan): string =>
  `HTTP server: its drainDelay of ${millis(drainDelay)} does not fit into the ${millis(plan.budget)} that are left, ` +
  `and is cut to ${millis(plan.drainDelay)}`

const counted = (count: number, what: string): string => count === 1 ? `1 ${what}` : `${count} ${what}s`

const millis = (value: number): string => Duration.format(Duration.millis(Math.round(value)))
