import { AsyncDrop, AsyncDropGuard, type DropFailure, type DropScope, DropStack } from "@async-drop/core"
import { Context, Data, Effect, Exit, Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class ByeError extends Data.TaggedError("ByeError")<{}> {}
class OpenError extends Data.TaggedError("OpenError")<{}> {}
class Db extends Context.Service<Db, { readonly q: string }>()("test/Db") {}

declare const stack: DropStack.DropStack
declare const value: number

const bye = Effect.fail(new ByeError())
const open = Effect.flatMap(Db, ({ q }) => q === "" ? Effect.fail(new OpenError()) : Effect.succeed(1))

describe("make", () => {
  it("asks for a scope, and unscoped for nothing", () => {
    expectTypeOf(DropStack.make()).toEqualTypeOf<Effect.Effect<DropStack.DropStack, never, Scope.Scope>>()
    expectTypeOf(DropStack.make({ name: "parts", maxErrors: 3 })).toEqualTypeOf<
      Effect.Effect<DropStack.DropStack, never, Scope.Scope>
    >()
    expectTypeOf(DropStack.makeUnscoped()).toEqualTypeOf<Effect.Effect<DropStack.DropStack>>()
  })
})

describe("a stack", () => {
  it("uses what asks for a scope, and leaves the place for its errors to the caller", () => {
    type Used = Effect.Effect<number, OpenError, Db | DropScope.DropScope<ByeError>>
    const resource = AsyncDrop.acquireRelease(open, () => bye)
    expectTypeOf(DropStack.use(stack, resource)).toEqualTypeOf<Used>()
    expectTypeOf(stack.pipe(DropStack.use(resource))).toEqualTypeOf<Used>()
    expectTypeOf(DropStack.use(stack, Effect.acquireRelease(open, () => Effect.void))).toEqualTypeOf<
      Effect.Effect<number, OpenError, Db>
    >()
    expectTypeOf(DropStack.use(stack, AsyncDropGuard.make(Effect.succeed(1), () => bye))).toEqualTypeOf<
      Effect.Effect<AsyncDropGuard.AsyncDropGuard<number, ByeError>, never, DropScope.DropScope<ByeError>>
    >()
  })
  it("adopts a value with a release that may fail and ask for services", () => {
    type Adopted = Effect.Effect<number, never, Db | DropScope.DropScope<ByeError>>
    const release = (n: number, exit: Exit.Exit<unknown, unknown>) =>
      n > 0 && Exit.isSuccess(exit) ? Effect.asVoid(Db) : bye
    expectTypeOf(DropStack.adopt(stack, value, release)).toEqualTypeOf<Adopted>()
    expectTypeOf(stack.pipe(DropStack.adopt(value, release))).toEqualTypeOf<Adopted>()
    expectTypeOf(DropStack.adopt(stack, "a", () => Effect.void)).toEqualTypeOf<Effect.Effect<string>>()
  })
  it("defers an effect that may fail and ask for services", () => {
    type Deferred = Effect.Effect<void, never, Db | DropScope.DropScope<ByeError>>
    const release = (exit: Exit.Exit<unknown, unknown>) => Exit.isSuccess(exit) ? Effect.asVoid(Db) : bye
    expectTypeOf(DropStack.defer(stack, release)).toEqualTypeOf<Deferred>()
    expectTypeOf(stack.pipe(DropStack.defer(release))).toEqualTypeOf<Deferred>()
    expectTypeOf(DropStack.defer(stack, () => Effect.void)).toEqualTypeOf<Effect.Effect<void>>()
  })
  it("is a scope for whoever wants one", () => {
    expectTypeOf(stack.scope).toEqualTypeOf<Scope.Scope>()
    expectTypeOf(Scope.provide(AsyncDrop.acquireRelease(Effect.succeed(1), () => bye), stack.scope)).toEqualTypeOf<
      Effect.Effect<number, never, DropScope.DropScope<ByeError>>
    >()
  })
  it("moves into the current scope", () => {
    expectTypeOf(DropStack.move(stack)).toEqualTypeOf<Effect.Effect<DropStack.DropStack, never, Scope.Scope>>()
  })
  it("closes with a DropFailure of whatever went wrong, and an exit or none", () => {
    type Closed = Effect.Effect<void, DropFailure.DropFailure<unknown>>
    expectTypeOf(DropStack.close(stack)).toEqualTypeOf<Closed>()
    expectTypeOf(DropStack.close(stack, Exit.fail("body"))).toEqualTypeOf<Closed>()
  })
  it("is an AsyncDisposable, and no Disposable", () => {
    expectTypeOf(stack).toExtend<AsyncDisposable>()
    expectTypeOf(stack).not.toExtend<Disposable>()
    expectTypeOf(stack.disposed).toEqualTypeOf<boolean>()
  })
  it("is told from other values", () => {
    const other: unknown = stack
    if (DropStack.isDropStack(other)) expectTypeOf(other).toEqualTypeOf<DropStack.DropStack>()
  })
})

describe("AsyncDrop.fromDisposable", () => {
  it("gives the value as it is, and asks for a scope alone", () => {
    const file = {} as { readonly fd: number } & Disposable
    const socket = {} as { readonly port: number } & AsyncDisposable
    type Taken<A> = Effect.Effect<A, never, Scope.Scope>
    expectTypeOf(AsyncDrop.fromDisposable(file)).toEqualTypeOf<Taken<{ readonly fd: number } & Disposable>>()
    expectTypeOf(AsyncDrop.fromDisposable(socket, { name: "socket" })).toEqualTypeOf<
      Taken<{ readonly port: number } & AsyncDisposable>
    >()
    expectTypeOf(AsyncDrop.fromDisposable(null)).toEqualTypeOf<Taken<null>>()
    expectTypeOf(AsyncDrop.fromDisposable({} as Disposable | undefined)).toEqualTypeOf<Taken<Disposable | undefined>>()
  })
  it("takes nothing that cannot be disposed of", () => {
    // @ts-expect-error a number cannot be disposed of
    AsyncDrop.fromDisposable(1)
    // @ts-expect-error nor can a value without a method for it
    AsyncDrop.fromDisposable({ close: () => {} })
  })
})
