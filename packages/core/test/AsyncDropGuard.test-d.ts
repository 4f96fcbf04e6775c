import { AsyncDrop, AsyncDropGuard, type DropFailure, type DropScope } from "@async-drop/core"
import { Context, Data, Effect, Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class ByeError extends Data.TaggedError("ByeError")<{}> {}
class OpenError extends Data.TaggedError("OpenError")<{}> {}
class Db extends Context.Service<Db, { readonly q: string }>()("test/Db") {}

type Guard<A, E = never> = AsyncDropGuard.AsyncDropGuard<A, E>
declare const guard: Guard<number, ByeError>
declare const calm: Guard<number>

const open = Effect.fail(new OpenError()) as Effect.Effect<number, OpenError>

describe("make", () => {
  it("gives a guard of the release's error, and asks for a place for it", () => {
    expectTypeOf(AsyncDropGuard.make(open, () => Effect.andThen(Db, Effect.fail(new ByeError())))).toEqualTypeOf<
      Effect.Effect<Guard<number, ByeError>, OpenError, Scope.Scope | Db | DropScope.DropScope<ByeError>>
    >()
  })
  it("asks for no place where its release cannot fail", () => {
    expectTypeOf(AsyncDropGuard.make(Effect.succeed(1), () => Effect.void, { name: "calm" })).toEqualTypeOf<
      Effect.Effect<Guard<number>, never, Scope.Scope>
    >()
  })
  it("unscoped asks for neither scope nor place", () => {
    expectTypeOf(AsyncDropGuard.makeUnscoped(open, () => Effect.andThen(Db, Effect.fail(new ByeError()))))
      .toEqualTypeOf<
        Effect.Effect<Guard<number, ByeError>, OpenError, Db>
      >()
  })
  it("from a value with a release of its own reads its error", () => {
    class Connection implements AsyncDrop.AsyncDrop<ByeError, Db> {
      [AsyncDrop.asyncDrop]() {
        return Effect.andThen(Db, Effect.fail(new ByeError()))
      }
    }
    expectTypeOf(AsyncDropGuard.fromAsyncDrop(Effect.as(open, new Connection()))).toEqualTypeOf<
      Effect.Effect<Guard<Connection, ByeError>, OpenError, Scope.Scope | Db | DropScope.DropScope<ByeError>>
    >()
    // @ts-expect-error a number has no release of its own
    AsyncDropGuard.fromAsyncDrop(Effect.succeed(1))
  })
  it("puts its errors into the DropFailure of scoped", () => {
    expectTypeOf(
      AsyncDropGuard.make(Effect.succeed(1), () => Effect.fail(new ByeError())).pipe(
        Effect.flatMap(AsyncDropGuard.get),
        AsyncDrop.scoped
      )
    ).toEqualTypeOf<Effect.Effect<number, DropFailure.DropFailure<ByeError>>>()
  })
})

describe("a guard", () => {
  it("lends its value without its error", () => {
    expectTypeOf(AsyncDropGuard.get(guard)).toEqualTypeOf<Effect.Effect<number>>()
    const f = (n: number) => n > 0 ? Effect.as(Db, "a") : Effect.fail(new OpenError())
    type Used = Effect.Effect<string, OpenError, Db>
    expectTypeOf(AsyncDropGuard.use(guard, f)).toEqualTypeOf<Used>()
    expectTypeOf(guard.pipe(AsyncDropGuard.use(f))).toEqualTypeOf<Used>()
  })
  it("drops with the release's own error, as it is", () => {
    expectTypeOf(AsyncDropGuard.drop(guard)).toEqualTypeOf<Effect.Effect<void, ByeError>>()
    expectTypeOf(AsyncDropGuard.drop(calm)).toEqualTypeOf<Effect.Effect<void>>()
  })
  it("unwraps to its value", () => {
    expectTypeOf(AsyncDropGuard.unwrap(guard)).toEqualTypeOf<Effect.Effect<number>>()
  })
  it("keeps its error under another value", () => {
    expectTypeOf(AsyncDropGuard.map(guard, String)).toEqualTypeOf<Effect.Effect<Guard<string, ByeError>>>()
    expectTypeOf(guard.pipe(AsyncDropGuard.map((n) => n > 0))).toEqualTypeOf<
      Effect.Effect<Guard<boolean, ByeError>>
    >()
  })
  it("is transferred where there is a place for its error", () => {
    const scope = Scope.makeUnsafe()
    type Transferred = Effect.Effect<void, never, DropScope.DropScope<ByeError>>
    expectTypeOf(AsyncDropGuard.transfer(guard, scope)).toEqualTypeOf<Transferred>()
    expectTypeOf(guard.pipe(AsyncDropGuard.transfer(scope))).toEqualTypeOf<Transferred>()
    expectTypeOf(AsyncDropGuard.transfer(calm, scope)).toEqualTypeOf<Effect.Effect<void>>()
    // @ts-expect-error nothing says where ByeError goes
    Effect.runFork(AsyncDropGuard.transfer(guard, scope))
  })
  it("is covariant in its value and its error", () => {
    expectTypeOf<Guard<1, ByeError>>().toExtend<Guard<number, ByeError | OpenError>>()
    expectTypeOf<Guard<number, ByeError>>().not.toExtend<Guard<1, ByeError>>()
    expectTypeOf<Guard<number, ByeError>>().not.toExtend<Guard<number>>()
  })
  it("is an AsyncDisposable, and a Disposable on demand", () => {
    expectTypeOf(guard).toExtend<AsyncDisposable>()
    expectTypeOf(guard).not.toExtend<Disposable>()
    expectTypeOf(AsyncDropGuard.toDisposable(guard)).toEqualTypeOf<Disposable>()
  })
  it("is told from other values", () => {
    const value: unknown = guard
    if (AsyncDropGuard.isAsyncDropGuard(value)) expectTypeOf(value).toEqualTypeOf<Guard<unknown, unknown>>()
    expectTypeOf(AsyncDropGuard.isDropped).parameter(0).toEqualTypeOf<Guard<unknown, unknown>>()
  })
})
