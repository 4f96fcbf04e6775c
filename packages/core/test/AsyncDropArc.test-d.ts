import {
  AsyncDrop,
  AsyncDropArc,
  type AsyncDropGuard,
  AsyncDropWeak,
  type DropFailure,
  type DropScope,
  type DropTimeout
} from "@async-drop/core"
import { Context, Data, type Duration, Effect, type Layer, type Option, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class ByeError extends Data.TaggedError("ByeError")<{}> {}
class OpenError extends Data.TaggedError("OpenError")<{}> {}
class Db extends Context.Service<Db, { readonly q: string }>()("test/Db") {}

type Guard<A, E = never> = AsyncDropGuard.AsyncDropGuard<A, E>
type Arc<A, E = never> = AsyncDropArc.AsyncDropArc<A, E>
type Weak<A, E = never> = AsyncDropWeak.AsyncDropWeak<A, E>
declare const guard: Guard<number, ByeError>
declare const calmGuard: Guard<number>
declare const arc: Arc<number, ByeError>
declare const calm: Arc<number>
declare const weak: Weak<number, ByeError>
declare const calmWeak: Weak<number>

type InScope = Scope.Scope | DropScope.DropScope<ByeError>

describe("make", () => {
  it("asks for a scope, and a place for the error of the guard", () => {
    expectTypeOf(AsyncDropArc.make(guard)).toEqualTypeOf<Effect.Effect<Arc<number, ByeError>, never, InScope>>()
    // @ts-expect-error nothing says where ByeError goes
    Effect.runFork(Effect.scoped(AsyncDropArc.make(guard)))
  })
  it("asks for no place where the release cannot fail", () => {
    expectTypeOf(AsyncDropArc.make(calmGuard)).toEqualTypeOf<Effect.Effect<Arc<number>, never, Scope.Scope>>()
  })
  it("unscoped asks for neither", () => {
    expectTypeOf(AsyncDropArc.makeUnscoped(guard)).toEqualTypeOf<Effect.Effect<Arc<number, ByeError>>>()
  })
  it("puts the error into the DropFailure of scoped", () => {
    expectTypeOf(AsyncDrop.scoped(Effect.flatMap(AsyncDropArc.make(guard), AsyncDropArc.get))).toEqualTypeOf<
      Effect.Effect<number, DropFailure.DropFailure<ByeError>>
    >()
  })
})

describe("an arc", () => {
  it("is cloned where there is a scope, and a place for its error", () => {
    expectTypeOf(AsyncDropArc.clone(arc)).toEqualTypeOf<Effect.Effect<Arc<number, ByeError>, never, InScope>>()
    expectTypeOf(AsyncDropArc.clone(calm)).toEqualTypeOf<Effect.Effect<Arc<number>, never, Scope.Scope>>()
    expectTypeOf(AsyncDropArc.cloneUnscoped(arc)).toEqualTypeOf<Effect.Effect<Arc<number, ByeError>>>()
  })
  it("lends its value without its error", () => {
    expectTypeOf(AsyncDropArc.get(arc)).toEqualTypeOf<Effect.Effect<number>>()
    const f = (n: number) => n > 0 ? Effect.as(Db, "a") : Effect.fail(new OpenError())
    type Used = Effect.Effect<string, OpenError, Db>
    expectTypeOf(AsyncDropArc.use(arc, f)).toEqualTypeOf<Used>()
    expectTypeOf(arc.pipe(AsyncDropArc.use(f))).toEqualTypeOf<Used>()
  })
  it("drops with the release's own error, as it is", () => {
    expectTypeOf(AsyncDropArc.drop(arc)).toEqualTypeOf<Effect.Effect<void, ByeError>>()
    expectTypeOf(AsyncDropArc.drop(calm)).toEqualTypeOf<Effect.Effect<void>>()
  })
  it("unwraps to a guard, or none", () => {
    expectTypeOf(AsyncDropArc.unwrap(arc)).toEqualTypeOf<
      Effect.Effect<Option.Option<Guard<number, ByeError>>, never, InScope>
    >()
    expectTypeOf(AsyncDropArc.unwrap(calm)).toEqualTypeOf<
      Effect.Effect<Option.Option<Guard<number>>, never, Scope.Scope>
    >()
  })
  it("counts its handles, and tells them from those of another resource", () => {
    expectTypeOf(AsyncDropArc.strongCount(arc)).toEqualTypeOf<number>()
    expectTypeOf(AsyncDropArc.weakCount(arc)).toEqualTypeOf<number>()
    expectTypeOf(AsyncDropArc.same(arc, calm)).toEqualTypeOf<boolean>()
    expectTypeOf(arc.pipe(AsyncDropArc.same(calm))).toEqualTypeOf<boolean>()
  })
  it("is covariant in its value and its error", () => {
    expectTypeOf<Arc<1, ByeError>>().toExtend<Arc<number, ByeError | OpenError>>()
    expectTypeOf<Arc<number, ByeError>>().not.toExtend<Arc<1, ByeError>>()
    expectTypeOf<Arc<number, ByeError>>().not.toExtend<Arc<number>>()
  })
  it("is an AsyncDisposable, no Disposable, and no guard", () => {
    expectTypeOf(arc).toExtend<AsyncDisposable>()
    expectTypeOf(arc).not.toExtend<Disposable>()
    expectTypeOf(arc).not.toExtend<Guard<unknown, unknown>>()
  })
  it("is told from other values", () => {
    const value: unknown = arc
    if (AsyncDropArc.isAsyncDropArc(value)) expectTypeOf(value).toEqualTypeOf<Arc<unknown, unknown>>()
    if (AsyncDropWeak.isAsyncDropWeak(value)) expectTypeOf(value).toEqualTypeOf<Weak<unknown, unknown>>()
  })
})

describe("a weak handle", () => {
  it("keeps value and error, and needs nothing to be made", () => {
    expectTypeOf(AsyncDropArc.downgrade(arc)).toEqualTypeOf<Weak<number, ByeError>>()
  })
  it("is upgraded where there is a scope, and a place for its error", () => {
    expectTypeOf(AsyncDropWeak.upgrade(weak)).toEqualTypeOf<
      Effect.Effect<Option.Option<Arc<number, ByeError>>, never, InScope>
    >()
    expectTypeOf(AsyncDropWeak.upgrade(calmWeak)).toEqualTypeOf<
      Effect.Effect<Option.Option<Arc<number>>, never, Scope.Scope>
    >()
  })
  it("is covariant, and is not disposable", () => {
    expectTypeOf<Weak<1, ByeError>>().toExtend<Weak<number, ByeError | OpenError>>()
    expectTypeOf<Weak<number, ByeError>>().not.toExtend<Weak<number>>()
    expectTypeOf(weak).not.toExtend<AsyncDisposable>()
  })
})

const open = Effect.flatMap(Db, ({ q }) => q === "" ? Effect.fail(new OpenError()) : Effect.succeed({ port: 80 }))
class Shared extends AsyncDropArc.Service<Shared>()("test/Shared", {
  acquire: open,
  release: ({ port }) => Effect.andThen(Db, port > 0 ? Effect.fail(new ByeError()) : Effect.void)
}) {}
class Calm extends AsyncDropArc.Service<Calm>()("test/Calm", {
  acquire: Effect.acquireRelease(Effect.succeed(1), () => Effect.void),
  release: () => Effect.void,
  name: "calm"
}) {}

describe("Service", () => {
  it("has a layer with the errors of the acquire, and the place for those of the release", () => {
    expectTypeOf(Shared.layer).toEqualTypeOf<Layer.Layer<Shared, OpenError, Db | DropScope.DropScope<ByeError>>>()
    expectTypeOf(Calm.layer).toEqualTypeOf<Layer.Layer<Calm>>()
  })
  it("is the arc", () => {
    expectTypeOf(Effect.map(Shared, (shared) => shared)).toEqualTypeOf<
      Effect.Effect<Arc<{ port: number }, ByeError>, never, Shared>
    >()
  })
  it("has the operations as effects that ask for it", () => {
    expectTypeOf(Shared.get).toEqualTypeOf<Effect.Effect<{ port: number }, never, Shared>>()
    expectTypeOf(Shared.use(({ port }) => port > 0 ? Effect.as(Db, "a") : Effect.fail(new OpenError())))
      .toEqualTypeOf<Effect.Effect<string, OpenError, Db | Shared>>()
    expectTypeOf(Shared.clone).toEqualTypeOf<
      Effect.Effect<Arc<{ port: number }, ByeError>, never, Shared | InScope>
    >()
    expectTypeOf(Calm.clone).toEqualTypeOf<Effect.Effect<Arc<number>, never, Calm | Scope.Scope>>()
    expectTypeOf(Shared.downgrade).toEqualTypeOf<Effect.Effect<Weak<{ port: number }, ByeError>, never, Shared>>()
    expectTypeOf(Shared.strongCount).toEqualTypeOf<Effect.Effect<number, never, Shared>>()
  })
  it("puts the error into the DropFailure of scoped", () => {
    expectTypeOf(AsyncDrop.scoped(Effect.provide(Shared.get, Shared.layer))).toEqualTypeOf<
      Effect.Effect<{ port: number }, OpenError | DropFailure.DropFailure<ByeError>, Db>
    >()
    expectTypeOf(Effect.provide(Calm.get, Calm.layer)).toEqualTypeOf<Effect.Effect<number>>()
  })
  it("has the DropTimeout of its timeout among its errors", () => {
    class Slow extends AsyncDropArc.Service<Slow>()("test/Slow", {
      acquire: open,
      release: ({ port }) => Effect.succeed(port),
      timeout: "1 second",
      force: ({ port }) => Effect.succeed(port)
    }) {}
    type Timeout = DropTimeout.DropTimeout
    expectTypeOf(Slow.layer).toEqualTypeOf<Layer.Layer<Slow, OpenError, Db | DropScope.DropScope<Timeout>>>()
    expectTypeOf(Effect.map(Slow, (slow) => slow)).toEqualTypeOf<
      Effect.Effect<Arc<{ port: number }, Timeout>, never, Slow>
    >()
    const input = {} as { readonly timeout?: Duration.Input | undefined } // whether there is one is not known
    class Perhaps extends AsyncDropArc.Service<Perhaps>()("test/Perhaps", {
      acquire: Effect.succeed(1),
      release: () => Effect.void,
      ...input
    }) {}
    expectTypeOf(Perhaps.layer).toEqualTypeOf<Layer.Layer<Perhaps, never, DropScope.DropScope<Timeout>>>()
  })
})
