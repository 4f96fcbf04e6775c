/**
 * Tests that fail when they leave something behind.
 *
 * @since 0.1.0
 */
import { it as base, type Vitest } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { outliving } from "./internal/leak/layer.ts"
import { tester } from "./internal/leak/tester.ts"

/**
 * The tests inside of an `it.layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MethodsNonLive<R = never, X = {}> extends Vitest.MethodsNonLive<R, X> {
  /** As `it.effect`, and fails when the test leaves something behind. */
  readonly drop: Vitest.Tester<R | Scope.Scope, X>
  readonly layer: <R2, E>(
    layer: Layer.Layer<R2, E, R>,
    options?: { readonly concurrent?: boolean; readonly timeout?: Duration.Input }
  ) => Block<R | R2, X>
}

/**
 * All that `it` of `@effect/vitest` has, and tests that fail on a leak.
 *
 * @category models
 * @since 0.1.0
 */
export interface Methods<R = never, X = {}> extends Vitest.Methods<R, X> {
  /** As `it.effect`, and fails when the test leaves something behind. */
  readonly drop: Vitest.Tester<R | Scope.Scope, X>
  /** As `it.live`, and fails when the test leaves something behind. */
  readonly dropLive: Vitest.Tester<R | Scope.Scope, X>
  readonly layer: <R2, E>(
    layer: Layer.Layer<R2, E, R>,
    options?: {
      readonly concurrent?: boolean
      readonly memoMap?: Layer.MemoMap
      readonly timeout?: Duration.Input
      readonly excludeTestServices?: boolean
    }
  ) => Block<R | R2, X>
}

/**
 * Tests that share a layer, in a `describe` of their own where it has a name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Block<R, X = {}> {
  (f: (it: MethodsNonLive<R, X>) => void): void
  (name: string, f: (it: MethodsNonLive<R, X>) => void): void
}

/**
 * Adds `drop` and `dropLive` to an `it` that has fixtures of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeMethods = <X>(it: Vitest.Methods<never, X>): Methods<never, X> =>
  over(it, { drop: tester(it.effect), dropLive: tester(it.live), layer: layers(it.layer as AnyBlocks, outliving) })

/**
 * The `it` of `@effect/vitest`, with `it.drop` and `it.dropLive`.
 *
 * **When to use**
 *
 * `import { assert, describe } from "@effect/vitest"` as before, and `it` from
 * here. `it.drop` is `it.effect`, `it.dropLive` is `it.live`, each with the same
 * modifiers: `each`, `skip`, `skipIf`, `runIf`, `only`, `fails`, `prop`; inside
 * of `it.layer` there is `it.drop` as well.
 *
 * **Details**
 *
 * A test fails with a `DropLeak` if a resource of this library was never
 * dropped, a release failed and no one saw it, or a fibre that the test forked
 * still runs; the message names the resource and the line that acquired it.
 * `DropLeak.check` says what else is seen and what not.
 *
 * What a test leaves with a layer that it shares by `it.layer` (a fibre, an
 * entry of a map) is looked at when that layer has closed.
 *
 * **Example** (A test of a guard)
 *
 * ```ts no-run
 * import { AsyncDropGuard } from "@async-drop/core"
 * import { it } from "@async-drop/testing"
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 *
 * it.drop("reads the file", () =>
 *   Effect.gen(function*() {
 *     const file = yield* AsyncDropGuard.makeUnscoped(Effect.succeed("text"), () => Effect.void, { name: "file" })
 *     assert.strictEqual(yield* AsyncDropGuard.get(file), "text")
 *     yield* AsyncDropGuard.drop(file) // without this line the test fails
 *   }))
 * ```
 *
 * @see {@link makeMethods} for an `it` with fixtures
 * @category testing
 * @since 0.1.0
 */
export const it: Methods = makeMethods(base)

function nonLive<R, X>(it: Vitest.MethodsNonLive<R, X>): MethodsNonLive<R, X> {
  return over(it, { drop: tester(it.effect), layer: layers(it.layer as AnyBlocks, (layer) => layer) })
}

type AnyLayer = Layer.Layer<any, any, any> // any: it is passed on as it is

type AnyBlocks = (layer: AnyLayer, options?: any) => (...args: any) => void // any: as above

/** The tests of a block get our `it`; `own` is done to the outermost layer alone. */
function layers(base: AnyBlocks, own: (layer: AnyLayer) => AnyLayer) {
  return (layer: AnyLayer, options?: object): Block<any, any> => { // any: as above
    const block = base(own(layer), options)
    return (...args: [name: string, f: (it: any) => void] | [f: (it: any) => void]) =>
      // any: as above
      args.length === 1
        ? block((it: Vitest.MethodsNonLive) => args[0](nonLive(it)))
        : block(args[0], (it: Vitest.MethodsNonLive) => args[1](nonLive(it)))
  }
}

/** A vitest `it` is a function with getters that must not be copied. */
function over<Base extends object, Own extends object>(base: Base, own: Own): Base & Own {
  return new Proxy(base as Base & Own, { // what the base lacks is in `own`
    get: (target, property) => Reflect.get(Object.hasOwn(own, property) ? own : target, property)
  })
}
