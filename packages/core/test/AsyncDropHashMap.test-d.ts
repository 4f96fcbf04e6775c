import {
  AsyncDrop,
  type AsyncDropGuard,
  AsyncDropHashMap,
  AsyncDropResult,
  type DropFailure,
  type DropScope,
  type InsertRefused
} from "@async-drop/core"
import { Data, Effect, type Exit, type Layer, type Option, Result, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class ByeError extends Data.TaggedError("ByeError")<{}> {}
class OpenError extends Data.TaggedError("OpenError")<{}> {}

type Guard<A, E = never> = AsyncDropGuard.AsyncDropGuard<A, E>
type Map<A, E = never> = AsyncDropHashMap.AsyncDropHashMap<string, A, E>
declare const guard: Guard<number, ByeError>
declare const calmGuard: Guard<number>
declare const map: Map<number, ByeError>
declare const calm: Map<number>

type InScope = Scope.Scope | DropScope.DropScope<ByeError>
type Refused<E = never> = InsertRefused.InsertRefused<string, number, E>

describe("make", () => {
  it("asks for a scope, and a place for the error of its entries", () => {
    expectTypeOf(AsyncDropHashMap.make<string, number, ByeError>({ concurrency: 2, name: "map" })).toEqualTypeOf<
      Effect.Effect<Map<number, ByeError>, never, InScope>
    >()
    // @ts-expect-error nothing says where ByeError goes
    Effect.runFork(Effect.scoped(AsyncDropHashMap.make<string, number, ByeError>()))
  })
  it("asks for no place where no release can fail", () => {
    expectTypeOf(AsyncDropHashMap.make<string, number>()).toEqualTypeOf<
      Effect.Effect<Map<number>, never, Scope.Scope>
    >()
  })
  it("puts the error into the DropFailure of scoped", () => {
    expectTypeOf(AsyncDrop.scoped(Effect.asVoid(AsyncDropHashMap.make<string, number, ByeError>()))).toEqualTypeOf<
      Effect.Effect<void, DropFailure.DropFailure<ByeError>>
    >()
  })
})

describe("a map", () => {
  it("takes a guard, or gives it back as it was", () => {
    type Inserted = Effect.Effect<void, Refused<ByeError>>
    expectTypeOf(AsyncDropHashMap.insert(map, "a", guard)).toEqualTypeOf<Inserted>()
    expectTypeOf(AsyncDropHashMap.insert(calm, "a", calmGuard)).toEqualTypeOf<Effect.Effect<void, Refused>>()
    expectTypeOf<Refused<ByeError>["key"]>().toEqualTypeOf<string>()
    expectTypeOf<Refused<ByeError>["guard"]>().toEqualTypeOf<Guard<number, ByeError>>()
  })
  it("takes no guard of another error, no other value and no other key", () => {
    // @ts-expect-error a release that fails, in a map of those that do not
    AsyncDropHashMap.insert<string, number, never>(calm, "a", guard)
    // @ts-expect-error a value of another type
    AsyncDropHashMap.insert(map, "a", guard as unknown as Guard<string, ByeError>)
    // @ts-expect-error a key of another type
    AsyncDropHashMap.insert(map, 1, guard)
  })
  it("lends values", () => {
    type Got = Effect.Effect<Option.Option<number>>
    expectTypeOf(AsyncDropHashMap.get(map, "a")).toEqualTypeOf<Got>()
    expectTypeOf(map.pipe(AsyncDropHashMap.get("a"))).toEqualTypeOf<Got>()
    expectTypeOf(AsyncDropHashMap.entries(map)).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<readonly [string, number]>>
    >()
    expectTypeOf(AsyncDropHashMap.has(map, "a")).toEqualTypeOf<boolean>()
    expectTypeOf(map.pipe(AsyncDropHashMap.has("a"))).toEqualTypeOf<boolean>()
    expectTypeOf(AsyncDropHashMap.size(map)).toEqualTypeOf<number>()
  })
  it("gives guards back where there is a scope, and a place for their error", () => {
    type Removed = Effect.Effect<Option.Option<Guard<number, ByeError>>, never, InScope>
    expectTypeOf(AsyncDropHashMap.remove(map, "a")).toEqualTypeOf<Removed>()
    expectTypeOf(map.pipe(AsyncDropHashMap.remove("a"))).toEqualTypeOf<Removed>()
    expectTypeOf(AsyncDropHashMap.remove(calm, "a")).toEqualTypeOf<
      Effect.Effect<Option.Option<Guard<number>>, never, Scope.Scope>
    >()
    expectTypeOf(AsyncDropHashMap.drain(map)).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<readonly [string, Guard<number, ByeError>]>, never, InScope>
    >()
    expectTypeOf(AsyncDropHashMap.drain(calm)).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<readonly [string, Guard<number>]>, never, Scope.Scope>
    >()
  })
  it("drops with one DropFailure, where a release can fail", () => {
    expectTypeOf(AsyncDropHashMap.drop(map)).toEqualTypeOf<Effect.Effect<void, DropFailure.DropFailure<ByeError>>>()
    expectTypeOf(AsyncDropHashMap.drop(calm)).toEqualTypeOf<Effect.Effect<void>>()
  })
  it("is invariant in key and value, covariant in the error", () => {
    expectTypeOf<Map<number>>().toExtend<Map<number, ByeError>>()
    expectTypeOf<Map<number, ByeError>>().not.toExtend<Map<number>>()
    expectTypeOf<Map<1>>().not.toExtend<Map<number>>()
    expectTypeOf<Map<number>>().not.toExtend<Map<1>>()
    expectTypeOf<AsyncDropHashMap.AsyncDropHashMap<"a", 1>>().not.toExtend<Map<1>>()
    expectTypeOf<Map<1>>().not.toExtend<AsyncDropHashMap.AsyncDropHashMap<"a", 1>>()
  })
  it("is an AsyncDisposable, and no Disposable", () => {
    expectTypeOf(map).toExtend<AsyncDisposable>()
    expectTypeOf(map).not.toExtend<Disposable>()
  })
  it("is told from other values", () => {
    const value: unknown = map
    if (AsyncDropHashMap.isAsyncDropHashMap(value)) {
      expectTypeOf(value).toEqualTypeOf<AsyncDropHashMap.AsyncDropHashMap<unknown, unknown, unknown>>()
    }
  })
})

class Conns extends AsyncDropHashMap.Service<Conns, string, number, ByeError>()("test/Conns", { maxErrors: 3 }) {}
class Calm extends AsyncDropHashMap.Service<Calm, string, number>()("test/Calm") {}

describe("Service", () => {
  it("has a layer that asks for the place of its errors", () => {
    expectTypeOf(Conns.layer).toEqualTypeOf<Layer.Layer<Conns, never, DropScope.DropScope<ByeError>>>()
    expectTypeOf(Calm.layer).toEqualTypeOf<Layer.Layer<Calm>>()
  })
  it("is the map", () => {
    expectTypeOf(Effect.map(Conns, (conns) => conns)).toEqualTypeOf<
      Effect.Effect<Map<number, ByeError>, never, Conns>
    >()
  })
  it("has the operations as effects that ask for it", () => {
    expectTypeOf(Conns.insert("a", guard)).toEqualTypeOf<Effect.Effect<void, Refused<ByeError>, Conns>>()
    expectTypeOf(Conns.get("a")).toEqualTypeOf<Effect.Effect<Option.Option<number>, never, Conns>>()
    expectTypeOf(Conns.remove("a")).toEqualTypeOf<
      Effect.Effect<Option.Option<Guard<number, ByeError>>, never, Conns | InScope>
    >()
    expectTypeOf(Calm.remove("a")).toEqualTypeOf<
      Effect.Effect<Option.Option<Guard<number>>, never, Calm | Scope.Scope>
    >()
    expectTypeOf(Conns.has("a")).toEqualTypeOf<Effect.Effect<boolean, never, Conns>>()
    expectTypeOf(Conns.size).toEqualTypeOf<Effect.Effect<number, never, Conns>>()
    expectTypeOf(Conns.entries).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<readonly [string, number]>, never, Conns>
    >()
    expectTypeOf(Conns.drain).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<readonly [string, Guard<number, ByeError>]>, never, Conns | InScope>
    >()
    expectTypeOf(Calm.drain).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<readonly [string, Guard<number>]>, never, Calm | Scope.Scope>
    >()
  })
})

describe("an AsyncDropResult", () => {
  it("is Effect's own Result of a guard", () => {
    expectTypeOf<AsyncDropResult.AsyncDropResult<number, OpenError, ByeError>>().toEqualTypeOf<
      Result.Result<Guard<number, ByeError>, OpenError>
    >()
    expectTypeOf<AsyncDropResult.AsyncDropResult<number, OpenError>>().toEqualTypeOf<
      Result.Result<Guard<number>, OpenError>
    >()
  })
  it("is made of an exit, whose failure is no failure any more", () => {
    const exit = {} as Exit.Exit<Guard<number, ByeError>, OpenError>
    expectTypeOf(AsyncDropResult.fromExit(exit)).toEqualTypeOf<
      Effect.Effect<AsyncDropResult.AsyncDropResult<number, OpenError, ByeError>>
    >()
  })
  it("drops with the release's own error, never with that of its failure side", () => {
    const result = {} as AsyncDropResult.AsyncDropResult<number, OpenError, ByeError>
    expectTypeOf(AsyncDropResult.drop(result)).toEqualTypeOf<Effect.Effect<void, ByeError>>()
    expectTypeOf(AsyncDropResult.drop({} as AsyncDropResult.AsyncDropResult<number, OpenError>)).toEqualTypeOf<
      Effect.Effect<void>
    >()
    expectTypeOf(AsyncDropResult.drop(Result.fail(new OpenError()))).toEqualTypeOf<Effect.Effect<void>>()
  })
})
