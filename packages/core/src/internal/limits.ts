// How long a release may take, and what it has to wait for.
import * as Duration from "effect/Duration"
import type { DropOptions, ScopeOptions } from "../AsyncDrop.ts"
import type { AsyncDropGuard } from "../AsyncDropGuard.ts"
import type { DropUsageError } from "../DropUsageError.ts"
import type { HandleObject } from "./handle-object.ts"
import type { Handled, Lifetime, Release } from "./lifetime.ts"
import { badDrop } from "./misuse.ts"

/** What a resource was given; times in milliseconds, infinite where there is no limit. */
export interface Limits {
  readonly timeout: number
  readonly force: Release | undefined
  readonly forceTimeout: number
  readonly dependsOn: ReadonlyArray<Lifetime>
}

/** The name and limits of a resource. */
export interface Settings {
  readonly name: string | undefined
  readonly limits: Limits | undefined
}

// any, here and below: of the type that the acquire says.
export const settingsOf = (options: DropOptions<any> | undefined): Settings | undefined =>
  options === undefined ? undefined : { name: options.name, limits: limitsOf(options) }

const limitsOf = (options: DropOptions<any>): Limits | undefined => {
  const { dependsOn, force, forceTimeout, timeout } = options
  if (timeout === undefined && force === undefined && dependsOn === undefined) return undefined
  return {
    timeout: timeout === undefined ? Infinity : Duration.toMillis(timeout),
    force,
    forceTimeout: forceTimeout === undefined ? 1000 : Duration.toMillis(forceTimeout),
    dependsOn: dependsOn === undefined ? [] : dependsOn.map(lifetimeOf)
  }
}

/** Guards are made here alone, so each has a lifetime. */
const lifetimeOf = (guard: AsyncDropGuard<unknown, unknown>): Lifetime =>
  (guard as unknown as HandleObject<Handled>).lifetime

/** What is wrong with the options of a resource, if anything is; without options nothing is. */
export const misuseOf = (operation: string, options: DropOptions<any> | undefined): DropUsageError | undefined =>
  options === undefined ? undefined : badDrop(operation, options)

/** How an owner closes; `budget` in milliseconds. */
export interface Manner {
  readonly limit: number
  readonly budget: number | undefined
}

/** One after the other, for as long as it takes. */
export const inOrder: Manner = { limit: 1, budget: undefined }

/** As the options of an owner say, once they were looked at; `usual` is its concurrency by default. */
export const mannerOf = (options: ScopeOptions | undefined, usual: number): Manner => {
  const { budget, concurrency } = options ?? {}
  if (budget === undefined && concurrency === undefined && usual === 1) return inOrder
  return {
    limit: concurrency === undefined ? usual : concurrency === "unbounded" ? Infinity : Math.floor(concurrency),
    budget: budget === undefined ? undefined : Duration.toMillis(budget)
  }
}

/** What is forked from a scope whose entries close side by side does so too. */
export const strategyOf = (options: ScopeOptions | undefined): "sequential" | "parallel" =>
  options === undefined || mannerOf(options, 1).limit === 1 ? "sequential" : "parallel"
