import { AsyncDrop, type DropError, type DropFailure, DropScope } from "@async-drop/core"
import { Context, Data, Effect, type Exit, Layer, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class FlushError extends Data.TaggedError("FlushError")<{ readonly path: string }> {}
class ByeError extends Data.TaggedError("ByeError")<{}> {}
class OpenError extends Data.TaggedError("OpenError")<{}> {}
class UseError extends Data.TaggedError("UseError")<{}> {}
class Db extends Context.Service<Db, { readonly q: string }>()("test/Db") {}

const open = Effect.fail(new OpenError()) as Effect.Effect<number, OpenError>
const file = AsyncDrop.acquireRelease(open, (n) => Effect.fail(new FlushError({ path: String(n) })))
const conn = AsyncDrop.acquireRelease(Effect.succeed("c"), () => Effect.andThen(Db, Effect.fail(new ByeError())))
const calm = AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.void, { name: "calm" })
const both = Effect.gen(function*() {
  return [yield* file, yield* conn] as const
})
type Both = readonly [number, string]
type BothDrops = FlushError | ByeError

class Connection implements AsyncDrop.AsyncDrop<ByeError, Db> {
  readonly port = 80;
  [AsyncDrop.asyncDrop](_exit: Exit.Exit<unknown, unknown>) {
    return Effect.andThen(Db, Effect.fail(new ByeError()))
  }
}
class Quiet implements AsyncDrop.AsyncDrop {
  [AsyncDrop.asyncDrop]() {
    return Effect.void
  }
}

describe("acquireRelease", () => {
  it("asks for a Scope, and for a DropScope of what its release fails with", () => {
    expectTypeOf(file).toEqualTypeOf<
      Effect.Effect<number, OpenError, Scope.Scope | DropScope.DropScope<FlushError>>
    >()
  })
  it("asks for no DropScope where its release cannot fail", () => {
    expectTypeOf(calm).toEqualTypeOf<Effect.Effect<number, never, Scope.Scope>>()
  })
  it("keeps the services of the release", () => {
    expectTypeOf(conn).toEqualTypeOf<
      Effect.Effect<string, never, Scope.Scope | Db | DropScope.DropScope<ByeError>>
    >()
  })
  it("gives the release the value and the exit", () => {
    AsyncDrop.acquireRelease(open, (value, exit) => {
      expectTypeOf(value).toEqualTypeOf<number>()
      expectTypeOf(exit).toEqualTypeOf<Exit.Exit<unknown, unknown>>()
      return Effect.void
    })
  })
  it("asks for both where two are acquired", () => {
    expectTypeOf(both).toEqualTypeOf<
      Effect.Effect<Both, OpenError, Scope.Scope | Db | DropScope.DropScope<FlushError> | DropScope.DropScope<ByeError>>
    >()
  })
  it("takes no release that is not an effect, and no unknown option", () => {
    // @ts-expect-error a release returns an effect
    AsyncDrop.acquireRelease(Effect.succeed(1), () => 42)
    // @ts-expect-error a release returns an effect, not a promise
    AsyncDrop.acquireRelease(Effect.succeed(1), async () => {})
    // @ts-expect-error no such option
    AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.void, { nmae: "typo" })
  })
})

describe("acquire", () => {
  it("reads what the value's own release fails with and needs", () => {
    expectTypeOf(AsyncDrop.acquire(Effect.succeed(new Connection()))).toEqualTypeOf<
      Effect.Effect<Connection, never, Scope.Scope | Db | DropScope.DropScope<ByeError>>
    >()
    expectTypeOf(AsyncDrop.acquire(Effect.succeed(new Quiet()), { name: "quiet" })).toEqualTypeOf<
      Effect.Effect<Quiet, never, Scope.Scope>
    >()
  })
  it("keeps what the acquire fails with and needs", () => {
    const acquire = Effect.andThen(Db, open).pipe(Effect.as(new Connection()))
    expectTypeOf(AsyncDrop.acquire(acquire)).toEqualTypeOf<
      Effect.Effect<Connection, OpenError, Scope.Scope | Db | DropScope.DropScope<ByeError>>
    >()
  })
  it("takes no value without a release", () => {
    // @ts-expect-error a string has no release of its own
    AsyncDrop.acquire(Effect.succeed("c"))
  })
})

describe("acquireUseRelease", () => {
  it("fails with the acquire's, the use's and the release's errors", () => {
    const bracket = AsyncDrop.acquireUseRelease(
      open,
      (n) => n > 0 ? Effect.succeed("a") : Effect.fail(new UseError()),
      () => Effect.fail(new ByeError())
    )
    expectTypeOf(bracket).toEqualTypeOf<
      Effect.Effect<string, OpenError | UseError | DropFailure.DropFailure<ByeError>>
    >()
  })
  it("has no DropFailure where its release cannot fail", () => {
    expectTypeOf(AsyncDrop.acquireUseRelease(open, () => Effect.succeed("a"), () => Effect.void)).toEqualTypeOf<
      Effect.Effect<string, OpenError>
    >()
  })
  it("asks for the services of all three, and for no scope", () => {
    const bracket = AsyncDrop.acquireUseRelease(Effect.succeed(1), () => Effect.void, () => Db, { name: "db" })
    expectTypeOf(bracket).toEqualTypeOf<Effect.Effect<void, never, Db>>()
  })
})

describe("use", () => {
  type Used = Effect.Effect<number, UseError | DropFailure.DropFailure<ByeError>, Db>
  const f = (c: Connection) => c.port > 0 ? Effect.succeed(c.port) : Effect.fail(new UseError())
  it("fails with the use's and the value's own errors", () => {
    expectTypeOf(AsyncDrop.use(Effect.succeed(new Connection()), f)).toEqualTypeOf<Used>()
  })
  it("is pipeable", () => {
    expectTypeOf(Effect.succeed(new Connection()).pipe(AsyncDrop.use(f))).toEqualTypeOf<Used>()
  })
  it("has no DropFailure where the value's release cannot fail", () => {
    expectTypeOf(AsyncDrop.use(Effect.succeed(new Quiet()), () => Effect.succeed(1))).toEqualTypeOf<
      Effect.Effect<number>
    >()
  })
})

describe("scoped", () => {
  type Done = Effect.Effect<Both, OpenError | DropFailure.DropFailure<BothDrops>, Db>
  it("turns the DropScopes into one DropFailure and leaves the rest", () => {
    expectTypeOf(AsyncDrop.scoped(both)).toEqualTypeOf<Done>()
  })
  it("is the same with options, piped bare, and piped with options", () => {
    expectTypeOf(AsyncDrop.scoped(both, { maxErrors: 1 })).toEqualTypeOf<Done>()
    expectTypeOf(both.pipe(AsyncDrop.scoped)).toEqualTypeOf<Done>()
    expectTypeOf(both.pipe(AsyncDrop.scoped({ maxErrors: 1 }))).toEqualTypeOf<Done>()
    expectTypeOf(both.pipe(AsyncDrop.scoped({}))).toEqualTypeOf<Done>()
  })
  it("is inferred in the middle of a pipe", () => {
    expectTypeOf(both.pipe(Effect.asVoid, AsyncDrop.scoped, Effect.catchTag("DropFailure", () => Effect.void)))
      .toEqualTypeOf<Effect.Effect<void, OpenError, Db>>()
  })
  it("adds no error where no release can fail", () => {
    expectTypeOf(AsyncDrop.scoped(calm)).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(calm.pipe(AsyncDrop.scoped)).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(AsyncDrop.scoped(Effect.void)).toEqualTypeOf<Effect.Effect<void>>()
  })
  it("gives catchTag the DropFailure with its errors", () => {
    const caught = AsyncDrop.scoped(both).pipe(
      Effect.catchTag("DropFailure", (failure) => {
        expectTypeOf(failure.errors).toEqualTypeOf<
          readonly [DropError.DropError<BothDrops>, ...Array<DropError.DropError<BothDrops>>]
        >()
        return Effect.succeed(failure.errors[0].resource)
      })
    )
    expectTypeOf(caught).toEqualTypeOf<Effect.Effect<string | Both, OpenError, Db>>()
  })
  it("is inferred in generic code", () => {
    const wrap = <A, E, R, DE>(a: Effect.Effect<A, E, R>, r: (a: A) => Effect.Effect<void, DE>) =>
      AsyncDrop.scoped(AsyncDrop.acquireRelease(a, r))
    expectTypeOf(wrap(Effect.succeed(1), () => Effect.fail(new ByeError()))).toEqualTypeOf<
      Effect.Effect<number, DropFailure.DropFailure<ByeError>>
    >()
  })
  it("takes no unknown option", () => {
    // @ts-expect-error no such option
    AsyncDrop.scoped(calm, { maxError: 1 })
    // @ts-expect-error no such option
    calm.pipe(AsyncDrop.scoped({ maxError: 1 }))
    // @ts-expect-error an option is a number
    AsyncDrop.scoped(calm, { maxErrors: "1" })
  })
})

describe("scopedExit", () => {
  type Done = Effect.Effect<AsyncDrop.ScopedExit<Both, OpenError, BothDrops>, never, Db>
  it("gives the exit and the drop errors as data, in every form", () => {
    expectTypeOf(AsyncDrop.scopedExit(both)).toEqualTypeOf<Done>()
    expectTypeOf(AsyncDrop.scopedExit(both, { maxErrors: 1 })).toEqualTypeOf<Done>()
    expectTypeOf(both.pipe(AsyncDrop.scopedExit)).toEqualTypeOf<Done>()
    expectTypeOf(both.pipe(AsyncDrop.scopedExit({ maxErrors: 1 }))).toEqualTypeOf<Done>()
  })
  it("has no drop errors where no release can fail", () => {
    expectTypeOf(AsyncDrop.scopedExit(calm)).toEqualTypeOf<Effect.Effect<AsyncDrop.ScopedExit<number, never, never>>>()
  })
})

describe("launch", () => {
  const layer = Layer.effect(Db, Effect.as(file, { q: "" }))
  type Launched = Effect.Effect<never, OpenError | DropFailure.DropFailure<FlushError>>
  it("fails with what the layer and its releases fail with, in every form", () => {
    expectTypeOf(AsyncDrop.launch(layer)).toEqualTypeOf<Launched>()
    expectTypeOf(AsyncDrop.launch(layer, { maxErrors: 1 })).toEqualTypeOf<Launched>()
    expectTypeOf(layer.pipe(AsyncDrop.launch)).toEqualTypeOf<Launched>()
    expectTypeOf(layer.pipe(AsyncDrop.launch({ maxErrors: 1 }))).toEqualTypeOf<Launched>()
  })
  it("leaves the services that the layer needs", () => {
    const needs = Layer.effectDiscard(conn)
    expectTypeOf(AsyncDrop.launch(needs)).toEqualTypeOf<Effect.Effect<never, DropFailure.DropFailure<ByeError>, Db>>()
  })
  it("adds no error where no release can fail", () => {
    expectTypeOf(AsyncDrop.launch(Layer.effectDiscard(calm))).toEqualTypeOf<Effect.Effect<never>>()
  })
})

describe("mapDropError", () => {
  type Mapped = Effect.Effect<Both, OpenError, Scope.Scope | Db | DropScope.DropScope<ByeError>>
  it("replaces every DropScope by one of the new error", () => {
    const mapped = AsyncDrop.mapDropError(both, (error) => {
      expectTypeOf(error).toEqualTypeOf<BothDrops>()
      return error._tag === "FlushError" ? new ByeError() : error
    })
    expectTypeOf(mapped).toEqualTypeOf<Mapped>()
  })
  it("is pipeable", () => {
    expectTypeOf(both.pipe(AsyncDrop.mapDropError((_: BothDrops) => new ByeError()))).toEqualTypeOf<Mapped>()
  })
  it("knows in a pipe what the releases fail with", () => {
    expectTypeOf(both.pipe(AsyncDrop.mapDropError((error) => error._tag === "FlushError" ? new ByeError() : error)))
      .toEqualTypeOf<Mapped>()
  })
  it("asks for no DropScope where f cannot return", () => {
    const thrown = AsyncDrop.mapDropError(both, (error): never => {
      throw error
    })
    expectTypeOf(thrown).toEqualTypeOf<Effect.Effect<Both, OpenError, Scope.Scope | Db>>()
  })
})

describe("all", () => {
  it("has the shapes of Effect.all", () => {
    expectTypeOf(AsyncDrop.all([file, calm])).toEqualTypeOf<
      Effect.Effect<[number, number], OpenError, Scope.Scope | DropScope.DropScope<FlushError>>
    >()
    expectTypeOf(AsyncDrop.all({ file, calm }, { concurrency: 2 })).toEqualTypeOf<
      Effect.Effect<
        { file: number; calm: number },
        OpenError,
        Scope.Scope | DropScope.DropScope<FlushError>
      >
    >()
  })
})

describe("a DropScope", () => {
  it("is missing until something provides it", () => {
    // @ts-expect-error nothing says where FlushError goes
    Effect.runFork(Effect.scoped(file))
    // @ts-expect-error the compiler names what is missing
    const closed: Effect.Effect<number, OpenError> = Effect.scoped(file)
    void closed
  })
  it("of one error is not one of another", () => {
    expectTypeOf<DropScope.DropScope<FlushError>>().not.toExtend<DropScope.DropScope<ByeError>>()
    expectTypeOf<DropScope.DropScope<FlushError>>().not.toExtend<DropScope.DropScope<FlushError | ByeError>>()
    expectTypeOf<DropScope.DropScope<FlushError | ByeError>>().not.toExtend<DropScope.DropScope<FlushError>>()
  })
  it("is asked of a layer, which a policy places", () => {
    const DbLive = Layer.effect(Db, Effect.as(file, { q: "" }))
    expectTypeOf(DbLive).toEqualTypeOf<Layer.Layer<Db, OpenError, DropScope.DropScope<FlushError>>>()
    const placed = Layer.effect(Db, Effect.as(both, { q: "" })).pipe(
      Layer.provide(DropScope.layerReport(() => Effect.void))
    )
    expectTypeOf(placed).toEqualTypeOf<Layer.Layer<Db, OpenError, Db>>()
    expectTypeOf(Layer.provide(DbLive, DropScope.layerIgnoreLogged)).toEqualTypeOf<Layer.Layer<Db, OpenError>>()
    expectTypeOf(Layer.provide(DbLive, DropScope.layerOrDie)).toEqualTypeOf<Layer.Layer<Db, OpenError>>()
  })
  it("has helpers that name its parts", () => {
    expectTypeOf<DropScope.Requires<never>>().toEqualTypeOf<never>()
    expectTypeOf<DropScope.Requires<ByeError>>().toEqualTypeOf<DropScope.DropScope<ByeError>>()
    expectTypeOf<DropScope.DropErrorOf<Db | DropScope.DropScope<ByeError>>>().toEqualTypeOf<ByeError>()
    expectTypeOf<DropScope.DropErrorOf<Db>>().toEqualTypeOf<never>()
    expectTypeOf<DropScope.Fails<Db>>().toEqualTypeOf<never>()
    expectTypeOf<DropScope.Fails<Db | DropScope.DropScope<ByeError>>>().toEqualTypeOf<
      DropFailure.DropFailure<ByeError>
    >()
  })
})
