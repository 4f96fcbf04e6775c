/**
 * Facts that hold of every async-droppable thing, however it was made.
 *
 * @since 0.1.0
 */
import { describe as suite } from "@effect/vitest"
import { it } from "./DropTest.ts"
import { everyLaws } from "./internal/laws/every.ts"
import { dropLaws, useLaws } from "./internal/laws/handle.ts"
import {
  type Around as AnyAround,
  holdAround,
  holdScoped,
  type Law as AnyLaw,
  type Scoped as AnyScoped
} from "./internal/laws/law.ts"
import { closedLaws, scopeLaws } from "./internal/laws/scope.ts"

/**
 * One fact, in the present tense, and a program that fails where it does not hold.
 *
 * @category models
 * @since 0.1.0
 */
export type Law = AnyLaw

/**
 * Something that a scope owns: `make` acquires it from a source of a probe into
 * the current scope.
 *
 * **Details**
 *
 * The value has to be released by `source.release`. With `drop` and `use`,
 * where there are such, more laws are asked.
 *
 * @category models
 * @since 0.1.0
 */
export type Scoped<A> = AnyScoped<A>

/**
 * Something that lives around a body, without a scope.
 *
 * @category models
 * @since 0.1.0
 */
export type Around = AnyAround

/**
 * Asks a constructor for all laws, as a `describe` of tests.
 *
 * **Details**
 *
 * Each test is an `it.drop`: none leaves anything behind.
 *
 * **Example** (A type of one's own)
 *
 * ```ts no-run
 * import { AsyncDrop } from "@async-drop/core"
 * import { DropLaws } from "@async-drop/testing"
 *
 * DropLaws.describe("AsyncDrop.acquireRelease", {
 *   make: (source) => AsyncDrop.acquireRelease(source.acquire, source.release)
 * })
 * ```
 *
 * @see {@link laws} for the laws as data
 * @category testing
 * @since 0.1.0
 */
export const describe: {
  <A>(name: string, subject: Scoped<A>): void
  (name: string, subject: Around): void
} = (name: string, subject: Scoped<any> | Around) =>
  // any: whatever it makes
  void suite(name, () => {
    for (const { fact, holds } of asked(subject)) it.drop(fact, () => holds)
  })

/**
 * The laws of a constructor, as data.
 *
 * @category getters
 * @since 0.1.0
 */
export const laws: {
  <A>(subject: Scoped<A>): ReadonlyArray<Law>
  (subject: Around): ReadonlyArray<Law>
} = (subject: Scoped<any> | Around) => asked(subject) // any: as above

const asked = (subject: Scoped<any> | Around): ReadonlyArray<Law> => { // any: as above
  if ("around" in subject) return everyLaws(holdAround(subject))
  const { drop, use } = subject
  return [
    ...everyLaws(holdScoped(subject)),
    ...scopeLaws(subject),
    ...subject.moved === true ? [] : closedLaws(subject),
    ...drop === undefined ? [] : dropLaws(subject, drop),
    ...drop === undefined || use === undefined ? [] : useLaws(subject, drop, use)
  ]
}
