// Every mistake a program can make with us: what was asked of what, why it cannot be, what to do instead.
import { DropUsageError } from "../DropUsageError.ts"
import { type Lifetime, nameOf, typeName } from "./lifetime.ts"

/** What the state is called in messages. */
export const stateOf = (lifetime: Lifetime): string => why(lifetime)[0]

/** A handle that no longer lends its resource. */
export const refusal = (lifetime: Lifetime, operation: string): DropUsageError => {
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

export const badOption = (operation: string, state: string, hint: string): DropUsageError =>
  usage("scope", operation, state, `${operation}: ${state}. ${hint}`)

const usage = (resource: string, operation: string, state: string, message: string): DropUsageError =>
  new DropUsageError({ resource, operation, state, message })

const why = (lifetime: Lifetime): readonly [state: string, hint: string] => {
  const state = lifetime.state
  switch (state._tag) {
    case "Live":
      return ["live", "It can be used"]
    case "Dropping":
      return ["being dropped", "It must be asked for before the drop begins"]
    case "Dropped":
      return ["dropped", "Use it before its drop, or ask AsyncDropGuard.isDropped"]
    case "Reserved":
      return [`being given away by ${state.operation}`, `Whoever called ${state.operation} gets it`]
    case "Moved":
      return state.operation === "map"
        ? ["given away by map", "Use the guard that map returned"]
        : [`given away by ${state.operation}`, "Whoever took the value gives it back"]
  }
}
