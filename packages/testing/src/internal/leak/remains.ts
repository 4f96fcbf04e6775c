// What a watched program has left, in sentences.
import * as Context from "effect/Context"
import * as Scope from "effect/Scope"
import { reasonText } from "../steps.ts"
import { lineOf, type Origin } from "./lines.ts"
import type { Resource, Watch } from "./watch.ts"

/** One thing that was left behind. */
export interface Leak {
  readonly kind: "never dropped" | "still being dropped" | "failed unseen" | "still running"
  /** The name of the resource, or the number of the fibre. */
  readonly what: string
  /** The line that acquired the resource or forked the fibre, `file:line:column`. */
  readonly where: string | undefined
  readonly message: string
}

/**
 * All that is left. `at` is the line of the program, for what has no better one; what `stays` is owned by
 * someone who outlives the program, and is none.
 */
export const remains = (
  watch: Watch,
  at: string | undefined,
  stays: (left: Resource | "fiber") => boolean
): ReadonlyArray<Leak> => {
  const leak = (kind: Leak["kind"], what: string, sentence: string, verb: string, origin: Origin | undefined): Leak => {
    const where = lineOf(origin)
    const place = where !== undefined
      ? `\n${verb} at ${where}`
      : at === undefined
      ? ""
      : `\n${verb} somewhere in the program at ${at}`
    return { kind, what, where: where ?? at, message: `${sentence}${place}` }
  }
  const leaks: Array<Leak> = []
  for (const left of watch.resources.values()) {
    if (stays(left)) continue
    const kind = left.state === "Dropping" ? "still being dropped" : "never dropped"
    leaks.push(leak(kind, left.resource, sentences[left.state](left.resource), "acquired", left.origin))
  }
  for (const { error, origin } of watch.unseen()) {
    const why = error.cause.reasons.map(reasonText).join("; ")
    const sentence = `the release of ${error.resource} ${why}, and no one saw it`
    leaks.push(leak("failed unseen", error.resource, sentence, "acquired", origin))
  }
  for (const [fiber, { by, origin }] of watch.fibers) {
    // The children of one that still runs go with it: a sleep on the test's clock has one.
    if (stays("fiber") || (by !== undefined && watch.fibers.has(by))) continue
    leaks.push(leak("still running", `#${fiber.id}`, `fibre #${fiber.id} still runs`, "forked", origin))
  }
  return leaks
}

/** Forgets what was told, and keeps what stays. */
export const forget = (watch: Watch, stays: (left: Resource | "fiber") => boolean): void => {
  for (const [id, resource] of watch.resources) if (!stays(resource)) watch.resources.delete(id)
  watch.errors.length = 0
  for (const fiber of watch.fibers.keys()) {
    if (stays("fiber")) continue
    watch.fibers.delete(fiber)
    fiber.interruptUnsafe()
  }
}

/** Whether a resource was taken by a scope that is still open, or moved to one that may be. */
export const isInOpenScope = (resource: Resource): boolean => {
  if (resource.state === "Transferred") return true
  const scope = Context.getOrUndefined(resource.context as Context.Context<Scope.Scope>, Scope.Scope) // if it has one
  return scope !== undefined && scope.state._tag !== "Closed"
}

const sentences: Record<Resource["state"], (resource: string) => string> = {
  Live: (resource) => `${resource} was never dropped`,
  Transferred: (resource) => `${resource} was moved to another scope, which never dropped it`,
  Dropping: (resource) => `the release of ${resource} has not ended`
}

const shown = 10

/** All leaks as one message. */
export const describe = (leaks: ReadonlyArray<Leak>): string => {
  const items = leaks.slice(0, shown).map((leak, i) => `  ${i + 1}. ${leak.message.replaceAll("\n", "\n     ")}`)
  const more = leaks.length > shown ? [`  ... and ${leaks.length - shown} more`] : []
  const head = leaks.length === 1 ? "1 thing was left behind:" : `${leaks.length} things were left behind:`
  return [head, ...items, ...more].join("\n")
}
