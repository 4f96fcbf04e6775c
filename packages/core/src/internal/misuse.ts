// Every mistake a program can make with us: what was asked of what, why it cannot be, what to do instead.
import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import type { DropOptions, ScopeOptions } from "../AsyncDrop.ts"
import { DropUsageError } from "../DropUsageError.ts"
import { text } from "./describe.ts"
import { isLease } from "./lease.ts"
import { Handled, type Lifetime, nameOf, type Stated, typeName } from "./lifetime.ts"

/** What the state is called in messages. */
export const stateOf = (lifetime: Stated): string => why(lifetime)[0]

/** A handle that no longer lends its resource. */
export const refusal = (lifetime: Stated, operation: string): DropUsageError => {
  const [state, hint] = why(lifetime)
  return usage(nameOf(lifetime), operation, state, `cannot ${operation} ${nameOf(lifetime)}: it is ${state}. ${hint}`)
}

export const notDroppable = (value: unknown, method: unknown): DropUsageError => {
  const type = typeName(value)
  const resource = type === "resource" ? `a value of type ${value === null ? "null" : typeof value}` : type
  const [state, hint] = method === undefined
    ? ["without an [AsyncDrop.asyncDrop] method", "Add one, or use AsyncDrop.acquireRelease"] as const
    : ["given an [AsyncDrop.asyncDrop] that is no function", "Make it a method that returns an Effect"] as const
  return usage(resource, "acquire", state, `cannot acquire ${resource}: it is ${state}. ${hint}`)
}

export const notDisposable = (value: unknown, method: unknown): DropUsageError => {
  const type = typeName(value)
  const resource = type === "resource" ? `a value of type ${typeof value}` : type
  const [state, hint] = method === undefined
    ? [
      "without a [Symbol.asyncDispose] or [Symbol.dispose] method",
      "Add one, or use AsyncDrop.acquireRelease"
    ] as const
    : ["given a disposal method that is no function", "Make it a function"] as const
  return usage(resource, "fromDisposable", state, `cannot take ${resource}: it is ${state}. ${hint}`)
}

export const notAnEffect = (resource: string, returned: unknown): DropUsageError => {
  const state = returned === null ? "null" : `a value of type ${typeof returned}`
  const hint = "Return an Effect; wrap a promise in Effect.promise"
  return usage(resource, "release", state, `the release of ${resource} returned ${state}, not an Effect. ${hint}`)
}

export const notSynchronous = (lifetime: Lifetime): DropUsageError => {
  const hint = "Use AsyncDropGuard.drop, or await using"
  const message = `cannot dispose ${nameOf(lifetime)} synchronously: its release is still running, and goes on. ${hint}`
  return usage(nameOf(lifetime), "dispose", "being dropped", message)
}

/** What is wrong with the options of an owner, if anything is; `kind` is what it is called without a name. */
export const badLimits = (
  operation: string,
  options: ScopeOptions & { readonly name?: string | undefined },
  kind = "scope"
): DropUsageError | undefined => {
  const { budget, concurrency, maxErrors, name } = options
  if (maxErrors !== undefined && !(maxErrors >= 1)) {
    return badOption(operation, `maxErrors is ${maxErrors}`, "Give 1 or more", name, kind)
  }
  if (concurrency !== undefined && concurrency !== "unbounded" && !(concurrency >= 1)) {
    return badOption(operation, `concurrency is ${concurrency}`, `Give 1 or more, or "unbounded"`, name, kind)
  }
  return badDuration(operation, "budget", budget, name, kind)
}

/** What is wrong with the options of a resource, if anything is. */
export const badDrop = (operation: string, options: DropOptions<any>): DropUsageError | undefined => { // any: of its acquire
  const { dependsOn, force, forceTimeout, name, timeout } = options
  if (force !== undefined && typeof force !== "function") {
    return badOption(operation, `force is ${text(force)}`, "Give a function that returns an Effect", name, "resource")
  }
  if (dependsOn !== undefined && !(Array.isArray(dependsOn) && dependsOn.every(isGuard))) {
    return badOption(operation, "dependsOn holds what is not a guard", "Give an array of guards", name, "resource")
  }
  return badDuration(operation, "timeout", timeout, name, "resource") ??
    badDuration(operation, "forceTimeout", forceTimeout, name, "resource")
}

/** A guard is a handle of a lifetime; so are a mutex and a stack, which stand for what they own. */
const isGuard = (u: unknown): boolean => hasProperty(u, "lifetime") && u.lifetime instanceof Handled

const badDuration = (
  operation: string,
  option: string,
  input: Duration.Input | undefined,
  name: string | undefined,
  kind?: string
): DropUsageError | undefined =>
  input === undefined || isDuration(input)
    ? undefined
    : badOption(operation, `${option} is ${text(input)}`, "Give a duration, zero or more", name, kind)

/** As `badLimits`, for a store. */
export const badStore = (
  operation: string,
  options: {
    readonly capacity?: number | undefined
    readonly idleTimeToLive?: Duration.Input | undefined
    readonly name?: string | undefined
  },
  kind = "ConcurrentStore"
): DropUsageError | undefined => {
  const { capacity, idleTimeToLive, name } = options
  if (capacity !== undefined && !(capacity >= 1 && (Number.isInteger(capacity) || capacity === Infinity))) {
    return badOption(operation, `capacity is ${capacity}`, "Give a whole number, 1 or more", name, kind)
  }
  return badDuration(operation, "idleTimeToLive", idleTimeToLive, name, kind)
}

/** As `badLimits`, for a report. */
export const badReport = (
  operation: string,
  options: { readonly maxResources?: number | undefined; readonly timeout?: Duration.Input | undefined }
): DropUsageError | undefined => {
  const { maxResources, timeout } = options
  if (maxResources !== undefined && !(maxResources >= 0)) {
    return badOption(operation, `maxResources is ${maxResources}`, "Give 0 or more")
  }
  if (timeout === undefined || isDuration(timeout)) return undefined
  return badOption(operation, `timeout is ${String(timeout)}`, "Give a duration, zero or more")
}

/** `Duration` itself makes zero of what is negative or not a number. */
const isDuration = (input: Duration.Input): boolean => {
  if (typeof input === "number") return input >= 0
  const duration = Duration.fromInput(input)
  return duration._tag === "Some" && Duration.toMillis(duration.value) >= 0
}

const badOption = (
  operation: string,
  state: string,
  hint: string,
  name: string | undefined = undefined,
  kind = "scope"
): DropUsageError => {
  const whose = name === undefined ? operation : `${operation} of ${name}`
  return usage(name ?? kind, operation, state, `${whose}: ${state}. ${hint}`)
}

const usage = (resource: string, operation: string, state: string, message: string): DropUsageError =>
  new DropUsageError({ resource, operation, state, message })

/** What became of a resource, where it did not become what the operation returned. */
const taken: { readonly [operation: string]: string | undefined } = {
  unwrap: "Whoever took the value gives it back",
  map: "Use the guard that map returned",
  "AsyncDropHashMap.insert": "It belongs to the map"
}

const why = (lifetime: Stated): readonly [state: string, hint: string] => {
  const state = lifetime.state
  if (state._tag === "Dropped" && isLease(lifetime)) {
    return ["a handle that was dropped", "Use it before its drop; clone a handle for each who needs one"]
  }
  switch (state._tag) {
    case "Live":
      return ["live", "It can be used"]
    case "Dropping":
      return ["being dropped", "It must be asked for before the drop begins"]
    case "Dropped":
      return ["dropped", "Use it before its drop"]
    case "Reserved":
      return [`being given away by ${state.operation}`, `Whoever called ${state.operation} gets it`]
    case "Moved":
      return [`given away by ${state.operation}`, taken[state.operation] ?? `Use what ${state.operation} returned`]
  }
}
