import {
  AsyncDrop,
  type AsyncDropArc,
  type AsyncDropGuard,
  ConcurrentStore,
  type DropFailure,
  type DropScope,
  type DropTimeout,
  type InsertRefused
} from "@async-drop/core"
import { type Cause, Context, Data, Effect, type Layer, type Option, type Scope, type Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class ByeError extends Data.TaggedError("ByeError")<{}> {}
class FlushError extends Data.TaggedError("FlushError")<{}> {}
class OpenError extends Data.TaggedError("OpenError")<{}> {}
class UseError extends Data.TaggedError("UseError")<{}> {}
class Db extends Context.Service<Db, { readonly q: string }>()("test/Db") {}

type Store<A, E = never, DE = never> = ConcurrentStore.ConcurrentStore<string, A, E, DE>
declare const store: Store<number, OpenError, ByeError>
declare const calm: Store<number>
declare const guard: AsyncDropGuard.AsyncDropGuard<number, ByeError>
declare const calmGuard: AsyncDropGuard.AsyncDropGuard<number>

type InScope = Scope.Scope | DropScope.DropScope<ByeError>

const failing = <E>(error: E) => AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.fail(error))
const open = Effect.fail(new OpenError()) as Effect.Effect<number, OpenError, Db>

describe("make", () => {
  it("asks for a scope, and a place for the errors of the releases; the lookup has a scope", () => {
    const lookup = (key: string) => AsyncDrop.acquireRelease(Effect.succeed({ key }), () => Effect.fail(new ByeError()))
    expectTypeOf(ConcurrentStore.make({ lookup })).toEqualTypeOf<
      Effect.Effect<Store<{ key: string }, never, ByeError>, never, InScope>
    >()
    // @ts-expect-error nothing says where ByeError goes
    Effect.runFork(Effect.scoped(ConcurrentStore.make({ lookup })))
  })
  it("infers the key, the failure and the services of the lookup", () => {
    const lookup = (_: { readonly id: number }) => open
    expectTypeOf(ConcurrentStore.make({ lookup })).toEqualTypeOf<
      Effect.Effect<
        ConcurrentStore.ConcurrentStore<{ readonly id: number }, number, OpenError>,
        never,
        Db | Scope.Scope
      >
    >()
  })
  it("adds ExceededCapacityError where a full store fails", () => {
    type Made<E> = Effect.Effect<Store<number, E>, never, Scope.Scope>
    const lookup = (_: string) => Effect.succeed(1)
    expectTypeOf(ConcurrentStore.make({ lookup, capacity: 2, onFull: "fail" })).toEqualTypeOf<
      Made<Cause.ExceededCapacityError>
    >()
    expectTypeOf(ConcurrentStore.make({ lookup, capacity: 2, onFull: "wait" })).toEqualTypeOf<Made<never>>()
    expectTypeOf(ConcurrentStore.make({ lookup, capacity: 2 })).toEqualTypeOf<Made<never>>()
  })
  it("has the DropTimeout of its budget among its drop errors", () => {
    type Timeout = DropTimeout.DropTimeout
    type Made<DE> = Effect.Effect<Store<number, never, DE>, never, Scope.Scope | DropScope.DropScope<DE>>
    const lookup = (_: string) => Effect.succeed(1)
    expectTypeOf(ConcurrentStore.make({ lookup, budget: "5 seconds" })).toEqualTypeOf<Made<Timeout>>()
    const made = ConcurrentStore.make({ lookup: (_: string) => failing(new ByeError()), budget: 5, capacity: 2 })
    expectTypeOf(made).toEqualTypeOf<Made<ByeError | Timeout>>()
    expectTypeOf(ConcurrentStore.make({ lookup, budget: undefined })).toEqualTypeOf<
      Effect.Effect<Store<number>, never, Scope.Scope>
    >()
    class Limited extends ConcurrentStore.Service<Limited>()("test/Limited", { lookup, budget: "5 seconds" }) {}
    expectTypeOf(Limited.layer).toEqualTypeOf<Layer.Layer<Limited, never, DropScope.DropScope<Timeout>>>()
    expectTypeOf(Limited.drop).toEqualTypeOf<Effect.Effect<void, DropFailure.DropFailure<Timeout>, Limited>>()
    // @ts-expect-error nothing says where the DropTimeout goes
    Effect.runFork(Effect.scoped(ConcurrentStore.make({ lookup, budget: "5 seconds" })))
  })
  it("puts the errors into the DropFailure of scoped", () => {
    const made = ConcurrentStore.make({ lookup: (_: string) => failing(new ByeError()) })
    expectTypeOf(AsyncDrop.scoped(Effect.asVoid(made))).toEqualTypeOf<
      Effect.Effect<void, DropFailure.DropFailure<ByeError>>
    >()
  })
})

describe("a store", () => {
  it("lends into a scope that has a place for the errors", () => {
    type Got = Effect.Effect<number, OpenError, InScope>
    expectTypeOf(ConcurrentStore.get(store, "a")).toEqualTypeOf<Got>()
    expectTypeOf(store.pipe(ConcurrentStore.get("a"))).toEqualTypeOf<Got>()
    expectTypeOf(ConcurrentStore.get(calm, "a")).toEqualTypeOf<Effect.Effect<number, never, Scope.Scope>>()
    type Looked = Effect.Effect<Option.Option<number>, OpenError, InScope>
    expectTypeOf(ConcurrentStore.getOption(store, "a")).toEqualTypeOf<Looked>()
    expectTypeOf(store.pipe(ConcurrentStore.getOption("a"))).toEqualTypeOf<Looked>()
    type All = Effect.Effect<ReadonlyArray<readonly [string, number]>, never, InScope>
    expectTypeOf(ConcurrentStore.entries(store)).toEqualTypeOf<All>()
  })
  it("lends to a callback, which hears of the errors in a DropFailure", () => {
    const f = (n: number) => Effect.andThen(Db, n > 0 ? Effect.succeed("a") : Effect.fail(new UseError()))
    type Used = Effect.Effect<string, OpenError | UseError | DropFailure.DropFailure<ByeError>, Db>
    expectTypeOf(ConcurrentStore.use(store, "a", f)).toEqualTypeOf<Used>()
    expectTypeOf(store.pipe(ConcurrentStore.use("a", f))).toEqualTypeOf<Used>()
    expectTypeOf(ConcurrentStore.use(calm, "a", f)).toEqualTypeOf<Effect.Effect<string, UseError, Db>>()
    const made = ConcurrentStore.make({
      lookup: (key: string) => AsyncDrop.acquireRelease(Effect.succeed({ key }), () => Effect.fail(new ByeError()))
    })
    const used = Effect.flatMap(made, (s) => ConcurrentStore.use(s, "a", (v) => Effect.succeed(v.key)))
    expectTypeOf(used).toEqualTypeOf<Effect.Effect<string, DropFailure.DropFailure<ByeError>, InScope>>()
  })
  it("gives an arc with its key, that drops with a DropFailure", () => {
    type Arc<E> = AsyncDropArc.AsyncDropArc<number, E> & { readonly key: string }
    type Opened = Effect.Effect<Arc<DropFailure.DropFailure<ByeError>>, OpenError, InScope>
    const key: string = "a"
    expectTypeOf(ConcurrentStore.open(store, key)).toEqualTypeOf<Opened>()
    expectTypeOf(store.pipe(ConcurrentStore.open(key))).toEqualTypeOf<Opened>()
    expectTypeOf(ConcurrentStore.open(calm, key)).toEqualTypeOf<Effect.Effect<Arc<never>, never, Scope.Scope>>()
  })
  it("takes a load of the errors that it knows, and no other", () => {
    const load = Effect.andThen(open, failing(new ByeError()))
    type Loaded = Effect.Effect<number, OpenError, InScope | Db>
    expectTypeOf(ConcurrentStore.getOrLoad(store, "a", load)).toEqualTypeOf<Loaded>()
    expectTypeOf(ConcurrentStore.getOrLoad(store, "a", open)).toEqualTypeOf<Loaded>()
    expectTypeOf(store.pipe(ConcurrentStore.getOrLoad("a", load))).toEqualTypeOf<Loaded>()
    expectTypeOf(ConcurrentStore.getOrLoad(calm, "a", Effect.succeed(1))).toEqualTypeOf<
      Effect.Effect<number, never, Scope.Scope>
    >()
    // @ts-expect-error FlushError is no drop error of this store
    ConcurrentStore.getOrLoad(store, "a", failing(new FlushError()))
    // @ts-expect-error FlushError is no drop error of this store
    ConcurrentStore.insertLoading(store, "a", failing(new FlushError()))
    // @ts-expect-error this store's releases do not fail
    ConcurrentStore.getOrLoad(calm, "a", failing(new ByeError()))
    // @ts-expect-error a value of another type
    ConcurrentStore.getOrLoad<string, number, never, never, never>(calm, "a", Effect.succeed("b"))
  })
  it("takes a guard, or gives it back as it was", () => {
    const key: string = "a"
    type Refused<E = never> = InsertRefused.InsertRefused<string, number, E>
    type Inserted = Effect.Effect<void, Refused<ByeError>>
    expectTypeOf(ConcurrentStore.insert(store, key, guard)).toEqualTypeOf<Inserted>()
    expectTypeOf(ConcurrentStore.insert(calm, key, calmGuard)).toEqualTypeOf<Effect.Effect<void, Refused>>()
    // @ts-expect-error a release that fails, in a store of those that do not
    ConcurrentStore.insert<string, number, never, never>(calm, key, guard)
    type InsertedLoading = Effect.Effect<number, OpenError | Omit<Refused<ByeError>, "guard">, InScope | Db>
    expectTypeOf(ConcurrentStore.insertLoading(store, key, open)).toEqualTypeOf<InsertedLoading>()
    expectTypeOf(store.pipe(ConcurrentStore.insertLoading(key, open))).toEqualTypeOf<InsertedLoading>()
  })
  it("tells what is in it", () => {
    expectTypeOf(ConcurrentStore.keys(store)).toEqualTypeOf<ReadonlyArray<string>>()
    expectTypeOf(ConcurrentStore.size(store)).toEqualTypeOf<number>()
    expectTypeOf(ConcurrentStore.isEmpty(store)).toEqualTypeOf<boolean>()
    expectTypeOf(ConcurrentStore.has(store, "a")).toEqualTypeOf<boolean>()
    expectTypeOf(store.pipe(ConcurrentStore.has("a"))).toEqualTypeOf<boolean>()
    expectTypeOf(ConcurrentStore.isFullyAbsent(store, "a")).toEqualTypeOf<boolean>()
    expectTypeOf(ConcurrentStore.state(store, "a")).toEqualTypeOf<
      "absent" | "loading" | "loaded" | "idle" | "dropping"
    >()
    expectTypeOf(ConcurrentStore.changes(store)).toEqualTypeOf<Stream.Stream<ConcurrentStore.StoreEvent<string>>>()
    // @ts-expect-error a key of another type
    ConcurrentStore.has(store, 1)
  })
  it("gives a value in hand to who asks for its end, as a guard", () => {
    const f = (guard: Option.Option<AsyncDropGuard.AsyncDropGuard<number, ByeError>>) =>
      Effect.andThen(Db, Effect.fail(new UseError()).pipe(Effect.as(guard)))
    expectTypeOf(ConcurrentStore.requestImmediateDrop(store, "a", f)).toEqualTypeOf<
      Effect.Effect<
        Option.Option<AsyncDropGuard.AsyncDropGuard<number, ByeError>>,
        UseError | ConcurrentStore.AlreadyDropping | DropFailure.DropFailure<ByeError>,
        Db
      >
    >()
    expectTypeOf(ConcurrentStore.requestImmediateDrop(calm, "a", () => Effect.succeed(1))).toEqualTypeOf<
      Effect.Effect<number, ConcurrentStore.AlreadyDropping>
    >()
    expectTypeOf<ConcurrentStore.AlreadyDropping["await"]>().toEqualTypeOf<Effect.Effect<void>>()
  })
  it("ends values without an error of theirs, and itself with one DropFailure", () => {
    expectTypeOf(ConcurrentStore.invalidate(store, "a")).toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf(store.pipe(ConcurrentStore.invalidate("a"))).toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf(ConcurrentStore.invalidateAll(store)).toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf(ConcurrentStore.touch(store, "a")).toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf(ConcurrentStore.drop(store)).toEqualTypeOf<Effect.Effect<void, DropFailure.DropFailure<ByeError>>>()
    expectTypeOf(ConcurrentStore.drop(calm)).toEqualTypeOf<Effect.Effect<void>>()
  })
  it("is contravariant in the key, covariant in value and errors", () => {
    expectTypeOf<Store<1>>().toExtend<Store<number, OpenError, ByeError>>()
    expectTypeOf<Store<number, OpenError, ByeError>>().not.toExtend<Store<number>>()
    expectTypeOf<Store<number>>().not.toExtend<Store<1>>()
    expectTypeOf<Store<1>>().toExtend<ConcurrentStore.ConcurrentStore<"a", 1>>()
    expectTypeOf<ConcurrentStore.ConcurrentStore<"a", 1>>().not.toExtend<Store<1>>()
  })
  it("is an AsyncDisposable, no Disposable, and told from other values", () => {
    expectTypeOf(store).toExtend<AsyncDisposable>()
    expectTypeOf(store).not.toExtend<Disposable>()
    const value: unknown = store
    if (ConcurrentStore.isConcurrentStore(value)) {
      expectTypeOf(value).toEqualTypeOf<ConcurrentStore.ConcurrentStore<unknown, unknown, unknown, unknown>>()
    }
  })
})

class Conns extends ConcurrentStore.Service<Conns>()("test/Conns", {
  lookup: (_: string) => Effect.andThen(open, failing(new ByeError())),
  capacity: 2,
  onFull: "fail"
}) {}
class Calm extends ConcurrentStore.Service<Calm>()("test/Calm", { lookup: (_: string) => Effect.succeed(1) }) {}

describe("Service", () => {
  type Full = OpenError | Cause.ExceededCapacityError

  it("has a layer that asks for what the lookup needs, and the place of its errors", () => {
    expectTypeOf(Conns.layer).toEqualTypeOf<Layer.Layer<Conns, never, Db | DropScope.DropScope<ByeError>>>()
    expectTypeOf(Calm.layer).toEqualTypeOf<Layer.Layer<Calm>>()
  })
  it("is the store", () => {
    expectTypeOf(Effect.map(Conns, (conns) => conns)).toEqualTypeOf<
      Effect.Effect<Store<number, Full, ByeError>, never, Conns>
    >()
  })
  it("has the operations as effects that ask for it", () => {
    expectTypeOf(Conns.get("a")).toEqualTypeOf<Effect.Effect<number, Full, Conns | InScope>>()
    expectTypeOf(Calm.get("a")).toEqualTypeOf<Effect.Effect<number, never, Calm | Scope.Scope>>()
    expectTypeOf(Conns.getOption("a")).toEqualTypeOf<
      Effect.Effect<Option.Option<number>, Full, Conns | InScope>
    >()
    expectTypeOf(Conns.use("a", () => Effect.fail(new UseError()))).toEqualTypeOf<
      Effect.Effect<never, Full | UseError | DropFailure.DropFailure<ByeError>, Conns>
    >()
    expectTypeOf(Conns.invalidate("a")).toEqualTypeOf<Effect.Effect<void, never, Conns>>()
    expectTypeOf(Conns.invalidateAll).toEqualTypeOf<Effect.Effect<void, never, Conns>>()
    expectTypeOf(Conns.size).toEqualTypeOf<Effect.Effect<number, never, Conns>>()
    expectTypeOf(Conns.getOrLoad("a", open)).toEqualTypeOf<Effect.Effect<number, Full, Conns | Db | InScope>>()
    expectTypeOf(Conns.insertLoading("a", open)).toEqualTypeOf<
      Effect.Effect<
        number,
        Full | Omit<InsertRefused.InsertRefused<string, number, ByeError>, "guard">,
        Conns | Db | InScope
      >
    >()
    // @ts-expect-error its releases cannot fail
    Calm.getOrLoad("a", failing(new ByeError()))
    expectTypeOf(Conns.open("a")).toEqualTypeOf<
      Effect.Effect<
        AsyncDropArc.AsyncDropArc<number, DropFailure.DropFailure<ByeError>> & { readonly key: string },
        Full,
        Conns | InScope
      >
    >()
    expectTypeOf(Conns.insert("a", guard)).toEqualTypeOf<
      Effect.Effect<void, InsertRefused.InsertRefused<string, number, ByeError>, Conns>
    >()
    expectTypeOf(Conns.entries).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<readonly [string, number]>, never, Conns | InScope>
    >()
    expectTypeOf(Conns.keys).toEqualTypeOf<Effect.Effect<ReadonlyArray<string>, never, Conns>>()
    expectTypeOf(Conns.has("a")).toEqualTypeOf<Effect.Effect<boolean, never, Conns>>()
    expectTypeOf(Conns.state("a")).toEqualTypeOf<Effect.Effect<ConcurrentStore.State, never, Conns>>()
    expectTypeOf(Conns.isEmpty).toEqualTypeOf<Effect.Effect<boolean, never, Conns>>()
    expectTypeOf(Conns.isFullyAbsent("a")).toEqualTypeOf<Effect.Effect<boolean, never, Conns>>()
    expectTypeOf(Conns.changes).toEqualTypeOf<
      Stream.Stream<ConcurrentStore.StoreEvent<string>, never, Conns>
    >()
    expectTypeOf(Conns.touch("a")).toEqualTypeOf<Effect.Effect<void, never, Conns>>()
    expectTypeOf(Conns.drop).toEqualTypeOf<Effect.Effect<void, DropFailure.DropFailure<ByeError>, Conns>>()
    expectTypeOf(Calm.drop).toEqualTypeOf<Effect.Effect<void, never, Calm>>()
    expectTypeOf(Conns.requestImmediateDrop("a", () => Effect.fail(new UseError()))).toEqualTypeOf<
      Effect.Effect<
        never,
        UseError | ConcurrentStore.AlreadyDropping | DropFailure.DropFailure<ByeError>,
        Conns
      >
    >()
  })
})
