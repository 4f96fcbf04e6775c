// Explicit resource management: its symbols, also where the runtime does not have them yet, and how errors
// look to `await using`.
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { DropError } from "../DropError.ts"
import { fromCause } from "../DropFailure.ts"
import { notDisposable } from "./misuse.ts"

/** What `await using` calls. A polyfill that is loaded later takes this one where it asks the registry. */
export const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ??
  Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose // of the type that the symbol would have

/** What `using` calls. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ??
  Symbol.for("Symbol.dispose") as typeof Symbol.dispose // as above

/**
 * The disposal of a foreign value, read once: `undefined` for `null` and `undefined`, which have none. Of a
 * method for `using` the result is not waited for, as in the language.
 */
export const disposalOf = (value: unknown): (() => Effect.Effect<void>) | undefined => {
  if (value === null || value === undefined) return undefined
  if (typeof value !== "object" && typeof value !== "function") throw notDisposable(value, undefined)
  const disposable = value as Partial<AsyncDisposable & Disposable> // asked below for what it has
  const later = disposable[asyncDispose] ?? undefined
  const method = later ?? disposable[dispose] ?? undefined
  if (typeof method !== "function") throw notDisposable(value, method)
  return later === undefined
    ? () => Effect.sync(() => void method.call(disposable))
    : () => Effect.promise(() => Promise.resolve(method.call(disposable)))
}

/** Runs an end for `await using`: what failed is thrown, several errors as a chain of `SuppressedError`. */
export const runDisposal = (
  end: Effect.Effect<void, unknown>,
  services: Context.Context<never>
): Promise<void> =>
  Effect.runPromiseWith(services)(Effect.catchCause(end, (cause) => {
    const failure = fromCause(cause)
    return failure._tag === "Some" ? Effect.die(chained(failure.value.errors)) : Effect.failCause(cause)
  }))

const chained = (errors: ReadonlyArray<DropError<unknown>>): unknown =>
  errors.map((error) => Cause.squash(error.cause)).reduce((earlier, later) => new Suppressed(later, earlier))

class SuppressedFallback extends Error {
  override readonly name = "SuppressedError"
  readonly error: unknown
  readonly suppressed: unknown

  constructor(error: unknown, suppressed: unknown) {
    super("An error was suppressed during disposal")
    this.error = error
    this.suppressed = suppressed
  }
}

const Suppressed: new(error: unknown, suppressed: unknown, message?: string) => Error = globalThis.SuppressedError ??
  SuppressedFallback
