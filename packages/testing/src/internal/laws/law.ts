// What a law is, and what it is asked about.
import { AsyncDrop, DropFailure, type DropScope } from "@async-drop/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { DropAssertionError } from "../../DropAssertionError.ts"
import type { Held, Source } from "../../Probe.ts"

/** One fact, in the present tense, and a program that fails where it does not hold. */
export interface Law {
  /** The number of the rule in the design that it is a case of. */
  readonly rule: number
  readonly fact: string
  readonly holds: Effect.Effect<void, unknown>
}

type AnySource = Source<any, any> // any: laws choose what acquires and releases fail with

/** What is owned by a scope. */
export interface Scoped<A> {
  readonly make: (source: AnySource) => Effect.Effect<A, any, Scope.Scope | DropScope.DropScope<any>> // any: as above
  /** That it is made first and moved to its scope then: it does not know of a scope that is closed. Default `false`. */
  readonly moved?: boolean | undefined
  readonly use?: ((a: A, body: (held: Held<unknown>) => Effect.Effect<void>) => Effect.Effect<void>) | undefined
  readonly drop?: ((a: A) => Effect.Effect<void, any>) | undefined // any: as above
}

/** What lives around a body. */
export interface Around {
  readonly around: <B, E>(
    source: AnySource,
    body: Effect.Effect<B, E>
  ) => Effect.Effect<B, any> // any: as above
}

/** Runs a body while things of all these sources are held, the last one acquired last. */
export type Hold = <B, E>(sources: ReadonlyArray<AnySource>, body: Effect.Effect<B, E>) => Effect.Effect<B, any> // any: as above

export const holdScoped = (subject: Scoped<any>): Hold => (sources, body) => // any: whatever it makes
  AsyncDrop.scoped(Effect.andThen(Effect.forEach(sources, subject.make, { discard: true }), body))

export const holdAround = (subject: Around): Hold => (sources, body) =>
  sources.reduceRight<Effect.Effect<any, any>>((inner, source) => subject.around(source, inner), body) // any: as above

export const same = (what: string, actual: unknown, expected: unknown): void => {
  if (Equal.equals(actual, expected)) return
  throw new DropAssertionError({ fact: `${what}: expected ${format(expected)}, got ${format(actual)}` })
}

/** What releases failed with, wherever it is in an exit, nested failures first. */
export const failedIn = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> => {
  if (Exit.isSuccess(exit)) return []
  const failure = DropFailure.fromCause(exit.cause)
  if (Option.isNone(failure)) return []
  return [...failedIn(failure.value.exit), ...failure.value.errors.map((error) => Cause.squash(error.cause))]
}
