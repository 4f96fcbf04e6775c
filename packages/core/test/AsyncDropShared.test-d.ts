import { AsyncDrop, AsyncDropShared, type DropFailure, type DropScope } from "@async-drop/core"
import { Context, Data, Effect, type Option, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class ByeError extends Data.TaggedError("ByeError")<{}> {}
class OpenError extends Data.TaggedError("OpenError")<{}> {}
class Db extends Context.Service<Db, { readonly q: string }>()("test/Db") {}

type Shared<A, E, DE = never> = AsyncDropShared.AsyncDropShared<A, E, DE>
declare const shared: Shared<number, OpenError, ByeError>
declare const calm: Shared<number, never>

type InScope = Scope.Scope | DropScope.DropScope<ByeError>

const load = Effect.andThen(
  Effect.fail(new OpenError()) as Effect.Effect<void, OpenError, Db>,
  AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.fail(new ByeError()))
)

describe("make", () => {
  it("asks for what the load needs, a scope, and a place for the errors of the release", () => {
    expectTypeOf(AsyncDropShared.make(load)).toEqualTypeOf<
      Effect.Effect<Shared<number, OpenError, ByeError>, never, Db | InScope>
    >()
    expectTypeOf(AsyncDropShared.make(Effect.succeed(1))).toEqualTypeOf<
      Effect.Effect<Shared<number, never>, never, Scope.Scope>
    >()
  })
  it("puts the errors into the DropFailure of scoped", () => {
    expectTypeOf(AsyncDrop.scoped(Effect.asVoid(AsyncDropShared.make(load)))).toEqualTypeOf<
      Effect.Effect<void, DropFailure.DropFailure<ByeError>, Db>
    >()
    // @ts-expect-error nothing says where ByeError goes
    Effect.runFork(Effect.scoped(Effect.provideService(AsyncDropShared.make(load), Db, { q: "" })))
  })
})

describe("a handle", () => {
  it("is awaited, and cloned, where there is a scope and a place for the errors", () => {
    expectTypeOf(AsyncDropShared.await(shared)).toEqualTypeOf<Effect.Effect<number, OpenError, InScope>>()
    expectTypeOf(AsyncDropShared.await(calm)).toEqualTypeOf<Effect.Effect<number, never, Scope.Scope>>()
    expectTypeOf(AsyncDropShared.clone(shared)).toEqualTypeOf<
      Effect.Effect<Shared<number, OpenError, ByeError>, never, InScope>
    >()
    expectTypeOf(AsyncDropShared.clone(calm)).toEqualTypeOf<Effect.Effect<Shared<number, never>, never, Scope.Scope>>()
  })
  it("is looked at, and dropped with a DropFailure where a release can fail", () => {
    expectTypeOf(AsyncDropShared.peek(shared)).toEqualTypeOf<Option.Option<number>>()
    expectTypeOf(AsyncDropShared.strongCount(shared)).toEqualTypeOf<number>()
    expectTypeOf(AsyncDropShared.drop(shared)).toEqualTypeOf<Effect.Effect<void, DropFailure.DropFailure<ByeError>>>()
    expectTypeOf(AsyncDropShared.drop(calm)).toEqualTypeOf<Effect.Effect<void>>()
  })
  it("is covariant, an AsyncDisposable, no Disposable, and told from other values", () => {
    expectTypeOf<Shared<1, never>>().toExtend<Shared<number, OpenError, ByeError>>()
    expectTypeOf<Shared<number, OpenError>>().not.toExtend<Shared<number, never>>()
    expectTypeOf<Shared<number, never, ByeError>>().not.toExtend<Shared<number, never>>()
    expectTypeOf<Shared<number, never>>().not.toExtend<Shared<1, never>>()
    expectTypeOf(shared).toExtend<AsyncDisposable>()
    expectTypeOf(shared).not.toExtend<Disposable>()
    const value: unknown = shared
    if (AsyncDropShared.isAsyncDropShared(value)) {
      expectTypeOf(value).toEqualTypeOf<Shared<unknown, unknown, unknown>>()
    }
  })
})
