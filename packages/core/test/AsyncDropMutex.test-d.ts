import { AsyncDrop, type AsyncDropGuard, AsyncDropMutex, type DropFailure, type DropScope } from "@async-drop/core"
import { Context, Data, Effect, type Option, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class ByeError extends Data.TaggedError("ByeError")<{}> {}
class OpenError extends Data.TaggedError("OpenError")<{}> {}
class Db extends Context.Service<Db, { readonly q: string }>()("test/Db") {}

type Guard<A, E = never> = AsyncDropGuard.AsyncDropGuard<A, E>
type Mutex<A, E = never> = AsyncDropMutex.AsyncDropMutex<A, E>
declare const guard: Guard<number, ByeError>
declare const calmGuard: Guard<number>
declare const mutex: Mutex<number, ByeError>
declare const calm: Mutex<number>

type InScope = Scope.Scope | DropScope.DropScope<ByeError>

describe("make", () => {
  it("asks for a scope, and a place for the error of the guard", () => {
    expectTypeOf(AsyncDropMutex.make(guard)).toEqualTypeOf<Effect.Effect<Mutex<number, ByeError>, never, InScope>>()
    // @ts-expect-error nothing says where ByeError goes
    Effect.runFork(Effect.scoped(AsyncDropMutex.make(guard)))
  })
  it("asks for no place where the release cannot fail", () => {
    expectTypeOf(AsyncDropMutex.make(calmGuard)).toEqualTypeOf<Effect.Effect<Mutex<number>, never, Scope.Scope>>()
  })
  it("puts the error into the DropFailure of scoped", () => {
    expectTypeOf(AsyncDrop.scoped(Effect.flatMap(AsyncDropMutex.make(guard), AsyncDropMutex.lock))).toEqualTypeOf<
      Effect.Effect<number, DropFailure.DropFailure<ByeError>>
    >()
  })
})

describe("a mutex", () => {
  it("lends its value without its error", () => {
    const f = (n: number) => n > 0 ? Effect.as(Db, "a") : Effect.fail(new OpenError())
    type Used = Effect.Effect<string, OpenError, Db>
    expectTypeOf(AsyncDropMutex.withLock(mutex, f)).toEqualTypeOf<Used>()
    expectTypeOf(mutex.pipe(AsyncDropMutex.withLock(f))).toEqualTypeOf<Used>()
  })
  it("is locked for a scope, with no place for its error", () => {
    expectTypeOf(AsyncDropMutex.lock(mutex)).toEqualTypeOf<Effect.Effect<number, never, Scope.Scope>>()
    expectTypeOf(AsyncDropMutex.tryLock(mutex)).toEqualTypeOf<
      Effect.Effect<Option.Option<number>, never, Scope.Scope>
    >()
  })
  it("unwraps to a guard where there is a scope, and a place for its error", () => {
    expectTypeOf(AsyncDropMutex.unwrap(mutex)).toEqualTypeOf<
      Effect.Effect<Guard<number, ByeError>, never, InScope>
    >()
    expectTypeOf(AsyncDropMutex.unwrap(calm)).toEqualTypeOf<Effect.Effect<Guard<number>, never, Scope.Scope>>()
  })
  it("drops with the release's own error, as it is", () => {
    expectTypeOf(AsyncDropMutex.drop(mutex)).toEqualTypeOf<Effect.Effect<void, ByeError>>()
    expectTypeOf(AsyncDropMutex.drop(calm)).toEqualTypeOf<Effect.Effect<void>>()
  })
  it("is covariant in its value and its error", () => {
    expectTypeOf<Mutex<1, ByeError>>().toExtend<Mutex<number, ByeError | OpenError>>()
    expectTypeOf<Mutex<number, ByeError>>().not.toExtend<Mutex<1, ByeError>>()
    expectTypeOf<Mutex<number, ByeError>>().not.toExtend<Mutex<number>>()
  })
  it("is an AsyncDisposable, no Disposable, and no guard", () => {
    expectTypeOf(mutex).toExtend<AsyncDisposable>()
    expectTypeOf(mutex).not.toExtend<Disposable>()
    expectTypeOf(mutex).not.toExtend<Guard<unknown, unknown>>()
  })
  it("is told from other values", () => {
    const value: unknown = mutex
    if (AsyncDropMutex.isAsyncDropMutex(value)) expectTypeOf(value).toEqualTypeOf<Mutex<unknown, unknown>>()
  })
})
