import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  type DropFailure,
  type DropScope,
  DropStack,
  type DropTimeout
} from "@async-drop/core"
import { Data, Effect, Layer, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class ByeError extends Data.TaggedError("ByeError")<{}> {}

const acquire = Effect.succeed(1)
const bye = () => Effect.fail(new ByeError())
const calm = AsyncDrop.acquireRelease(acquire, () => Effect.void, { name: "calm" })
type Timeout = DropTimeout.DropTimeout
type Failure<E> = DropFailure.DropFailure<E>
type Place<E> = DropScope.DropScope<E>

describe("a misspelt option beside a right one is refused", () => {
  it("of a resource", () => {
    const use = () => Effect.void
    const stack = null as unknown as DropStack.DropStack // only its type is looked at
    const disposable = { [Symbol.dispose]() {} }
    const wrong = () => [
      // @ts-expect-error there is no `timeOut`
      AsyncDrop.acquireRelease(acquire, bye, { name: "x", timeOut: 5 }),
      // @ts-expect-error there is no `timeOut`
      AsyncDrop.acquireUseRelease(acquire, use, bye, { name: "x", timeOut: 5 }),
      // @ts-expect-error there is no `timeOut`
      AsyncDrop.fromDisposable(disposable, { name: "x", timeOut: 5 }),
      // @ts-expect-error there is no `timeOut`
      AsyncDropGuard.make(acquire, bye, { name: "x", timeOut: 5 }),
      // @ts-expect-error there is no `timeOut`
      AsyncDropGuard.makeUnscoped(acquire, bye, { name: "x", timeOut: 5 }),
      // @ts-expect-error there is no `timeOut`
      DropStack.adopt(stack, 1, bye, { name: "x", timeOut: 5 }),
      // @ts-expect-error there is no `timeOut`
      DropStack.defer(stack, bye, { name: "x", timeOut: 5 })
    ]
    expectTypeOf(wrong).toBeFunction()
  })

  it("of an owner", () => {
    const wrong = () => [
      // @ts-expect-error there is no `concurency`
      AsyncDrop.scoped(calm, { budget: 5, concurency: 2 }),
      // @ts-expect-error there is no `concurency`
      calm.pipe(AsyncDrop.scoped({ budget: 5, concurency: 2 })),
      // @ts-expect-error there is no `concurency`
      AsyncDrop.scopedExit(calm, { budget: 5, concurency: 2 }),
      // @ts-expect-error there is no `concurency`
      calm.pipe(AsyncDrop.scopedExit({ budget: 5, concurency: 2 })),
      // @ts-expect-error there is no `concurency`
      AsyncDrop.launch(Layer.empty, { budget: 5, concurency: 2 }),
      // @ts-expect-error there is no `concurency`
      Layer.empty.pipe(AsyncDrop.launch({ budget: 5, concurency: 2 })),
      // @ts-expect-error there is no `concurency`
      DropStack.make({ budget: 5, concurency: 2 })
    ]
    expectTypeOf(wrong).toBeFunction()
  })

  it("though options that are there already may be given", () => {
    const options: AsyncDrop.ScopeOptions = { concurrency: 2 }
    const undone: AsyncDrop.ScopeOptions | undefined = undefined
    expectTypeOf(AsyncDrop.scoped(calm, options)).toExtend<Effect.Effect<number, any>>()
    expectTypeOf(calm.pipe(AsyncDrop.scoped(options))).toExtend<Effect.Effect<number, any>>()
    expectTypeOf(AsyncDrop.scoped(calm, undone)).toExtend<Effect.Effect<number>>()
    expectTypeOf(calm.pipe(AsyncDrop.scoped)).toEqualTypeOf<Effect.Effect<number>>()
  })
})

describe("a timeout is in the type", () => {
  it("of a resource", () => {
    expectTypeOf(AsyncDrop.acquireRelease(acquire, bye, { name: "x", timeout: "1 second" })).toEqualTypeOf<
      Effect.Effect<number, never, Scope.Scope | Place<ByeError | Timeout>>
    >()
    expectTypeOf(AsyncDrop.acquireRelease(acquire, () => Effect.void, { timeout: 5 })).toEqualTypeOf<
      Effect.Effect<number, never, Scope.Scope | Place<Timeout>>
    >()
    expectTypeOf(calm).toEqualTypeOf<Effect.Effect<number, never, Scope.Scope>>()
  })

  it("of a bracket", () => {
    const use = () => Effect.succeed("a")
    expectTypeOf(AsyncDrop.acquireUseRelease(acquire, use, bye, { timeout: 5 })).toEqualTypeOf<
      Effect.Effect<string, Failure<ByeError | Timeout>>
    >()
    expectTypeOf(AsyncDrop.acquireUseRelease(acquire, use, () => Effect.void)).toEqualTypeOf<Effect.Effect<string>>()
  })

  it("of a guard", () => {
    expectTypeOf(AsyncDropGuard.make(acquire, bye, { timeout: 5 })).toEqualTypeOf<
      Effect.Effect<
        AsyncDropGuard.AsyncDropGuard<number, ByeError | Timeout>,
        never,
        Scope.Scope | Place<ByeError | Timeout>
      >
    >()
  })

  it("of a shared resource that is a service", () => {
    class Db extends AsyncDropArc.Service<Db>()("test/Db", { acquire, release: bye, timeout: "20 millis" }) {}
    class Quiet extends AsyncDropArc.Service<Quiet>()("test/Quiet", {
      acquire,
      release: () => Effect.never,
      timeout: 5,
      force: (n) => Effect.succeed(n + 1)
    }) {}
    expectTypeOf(Db.layer).toEqualTypeOf<Layer.Layer<Db, never, Place<ByeError | Timeout>>>()
    expectTypeOf(Quiet.layer).toEqualTypeOf<Layer.Layer<Quiet, never, Place<Timeout>>>()
    expectTypeOf(Db.clone).toEqualTypeOf<
      Effect.Effect<
        AsyncDropArc.AsyncDropArc<number, ByeError | Timeout>,
        never,
        Db | Scope.Scope | Place<ByeError | Timeout>
      >
    >()
    // @ts-expect-error nothing says where the DropTimeout goes
    Effect.runFork(Effect.provide(Db.get, Db.layer))
    // @ts-expect-error the options are looked at: there is no such one
    const wrong = () => AsyncDropArc.Service<Db>()("test/Db", { acquire, release: bye, timeOut: 5 })
    expectTypeOf(wrong).toBeFunction()
  })

  it("of what is adopted, deferred or taken from elsewhere", () => {
    const stack = null as unknown as DropStack.DropStack // only its type is looked at
    const adopted = () => DropStack.adopt(stack, 1, bye, { timeout: 5 })
    const deferred = () => DropStack.defer(stack, bye, { timeout: 5 })
    const foreign = () => AsyncDrop.fromDisposable({ [Symbol.dispose]() {} }, { timeout: 5 })
    expectTypeOf<Effect.Services<ReturnType<typeof adopted>>>().toEqualTypeOf<Place<ByeError | Timeout>>()
    expectTypeOf<Effect.Services<ReturnType<typeof deferred>>>().toEqualTypeOf<Place<ByeError | Timeout>>()
    expectTypeOf<Effect.Services<ReturnType<typeof foreign>>>().toEqualTypeOf<Scope.Scope | Place<Timeout>>()
  })
})

describe("a budget is in the type", () => {
  it("of scoped, given or piped", () => {
    type Limited = Effect.Effect<number, Failure<Timeout>>
    expectTypeOf(AsyncDrop.scoped(calm, { budget: "5 seconds" })).toEqualTypeOf<Limited>()
    expectTypeOf(calm.pipe(AsyncDrop.scoped({ budget: "5 seconds" }))).toEqualTypeOf<Limited>()
    expectTypeOf(AsyncDrop.scoped(calm, { concurrency: 4 })).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(calm.pipe(AsyncDrop.scoped)).toEqualTypeOf<Effect.Effect<number>>()
  })

  it("of scopedExit", () => {
    expectTypeOf(calm.pipe(AsyncDrop.scopedExit({ budget: 5 }))).toEqualTypeOf<
      Effect.Effect<AsyncDrop.ScopedExit<number, never, Timeout>>
    >()
  })

  it("of launch", () => {
    const layer = Layer.effectDiscard(calm)
    expectTypeOf(AsyncDrop.launch(layer, { budget: 5 })).toEqualTypeOf<Effect.Effect<never, Failure<Timeout>>>()
    expectTypeOf(layer.pipe(AsyncDrop.launch({ budget: 5 }))).toEqualTypeOf<Effect.Effect<never, Failure<Timeout>>>()
    expectTypeOf(AsyncDrop.launch(layer)).toEqualTypeOf<Effect.Effect<never>>()
  })
})
