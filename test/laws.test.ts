// Every constructor of an async-droppable thing obeys the same laws: a new one adds a line here.
import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropHashMap,
  AsyncDropMutex,
  AsyncDropResult,
  AsyncDropShared,
  AsyncDropWeak,
  ConcurrentStore,
  type DropFailure,
  DropStack,
  DropUsageError
} from "@async-drop/core"
import { DropLaws, type Probe } from "@async-drop/testing"
import { Cause, Context, Effect, type Exit, Layer, Option, Result } from "effect"

type Guard = AsyncDropGuard.AsyncDropGuard<Probe.Held<unknown>, unknown>

const guard = {
  drop: (a: Guard) => AsyncDropGuard.drop(a),
  use: (a: Guard, body: (held: Probe.Held<unknown>) => Effect.Effect<void>) => AsyncDropGuard.use(a, body)
}

DropLaws.describe("AsyncDrop.acquireRelease", {
  make: (source) => AsyncDrop.acquireRelease(source.acquire, source.release)
})
DropLaws.describe("AsyncDrop.acquire", { make: (source) => AsyncDrop.acquire(source.acquire) })
DropLaws.describe("AsyncDrop.all", {
  make: (source) => AsyncDrop.all([AsyncDrop.acquireRelease(source.acquire, source.release), Effect.void])
})
DropLaws.describe("AsyncDrop.use", { around: (source, body) => AsyncDrop.use(source.acquire, () => body) })
DropLaws.describe("AsyncDrop.acquireUseRelease", {
  around: (source, body) => AsyncDrop.acquireUseRelease(source.acquire, () => body, source.release)
})
DropLaws.describe("AsyncDropGuard.make", {
  make: (source) => AsyncDropGuard.make(source.acquire, source.release),
  ...guard
})
DropLaws.describe("AsyncDropGuard.fromAsyncDrop", {
  make: (source) => AsyncDropGuard.fromAsyncDrop(source.acquire),
  ...guard
})
DropLaws.describe("AsyncDropGuard.makeUnscoped, transferred", {
  moved: true,
  make: (source) =>
    Effect.uninterruptible(Effect.gen(function*() {
      const made = yield* AsyncDropGuard.makeUnscoped(source.acquire, source.release)
      yield* AsyncDropGuard.transfer(made, yield* Effect.scope)
      return made
    })),
  ...guard
})

type Outcome = AsyncDropResult.AsyncDropResult<Probe.Held<unknown>, unknown, unknown>

DropLaws.describe("AsyncDropResult.fromExit", {
  make: (source) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(AsyncDropGuard.make(source.acquire, source.release))
      const result: Outcome = yield* AsyncDropResult.fromExit(exit)
      return Result.isSuccess(result) ? result : yield* Effect.fail(result.failure)
    }),
  drop: (a: Outcome) => AsyncDropResult.drop(a),
  use: (a: Outcome, body) => AsyncDropGuard.use(Result.getOrThrow(a), body)
})
DropLaws.describe("AsyncDrop.fromDisposable", {
  moved: true,
  make: (source) =>
    Effect.uninterruptible(Effect.gen(function*() {
      const held = yield* source.acquire
      let seen: Exit.Exit<unknown, unknown> | undefined
      yield* AsyncDrop.fromDisposable({ [Symbol.asyncDispose]: () => Effect.runPromise(source.release(held, seen)) })
      // A foreign disposal is not told the exit: the finalizer that runs right before it is.
      yield* Effect.addFinalizer((exit) => Effect.sync(() => void (seen = exit)))
    }))
})

type Arc = AsyncDropArc.AsyncDropArc<Probe.Held<unknown>, unknown>
type Mutex = AsyncDropMutex.AsyncDropMutex<Probe.Held<unknown>, unknown>
type AnySource = Probe.Source<any, any> // any: laws choose what acquires and releases fail with

const guardOf = (source: AnySource) => AsyncDropGuard.make(source.acquire, source.release)
const arcOf = (source: AnySource) => Effect.flatMap(guardOf(source), AsyncDropArc.make)

const arc = {
  drop: (a: Arc) => AsyncDropArc.drop(a),
  use: (a: Arc, body: (held: Probe.Held<unknown>) => Effect.Effect<void>) => AsyncDropArc.use(a, body)
}

/** Each has one resource, so this is what its release failed with. */
const alone = (drop: Effect.Effect<void, DropFailure.DropFailure<unknown>>): Effect.Effect<void, unknown> =>
  Effect.mapError(drop, (failure) => Cause.squash(failure.errors[0].cause))

const refused = (resource: string) =>
  new DropUsageError.DropUsageError({ resource, operation: "withLock", state: "dropped", message: "refused" })

/** What a layer makes, in the current scope. The layer ends with that, so there is no drop by hand. */
const built = <Self, S, E, R>(service: Context.Key<Self, S> & { readonly layer: Layer.Layer<Self, E, R> }) =>
  Effect.map(Layer.build(service.layer), Context.get(service))

DropLaws.describe("AsyncDropArc.make", { make: arcOf, ...arc })
DropLaws.describe("AsyncDropArc.clone, the last handle", {
  make: (source) =>
    Effect.gen(function*() {
      const first = yield* arcOf(source)
      const last = yield* AsyncDropArc.clone(first)
      yield* AsyncDropArc.drop(first)
      return last
    }),
  ...arc
})
DropLaws.describe("AsyncDropWeak.upgrade, the last handle", {
  make: (source) =>
    Effect.gen(function*() {
      const first = yield* arcOf(source)
      const last = yield* AsyncDropWeak.upgrade(AsyncDropArc.downgrade(first))
      yield* AsyncDropArc.drop(first)
      return Option.getOrThrow(last)
    }),
  ...arc
})
DropLaws.describe("AsyncDropArc.unwrap", {
  make: (source) => Effect.map(Effect.flatMap(arcOf(source), AsyncDropArc.unwrap), Option.getOrThrow),
  ...guard
})
DropLaws.describe("AsyncDropArc.Service", {
  make: (source) => {
    class Shared extends AsyncDropArc.Service<Shared>()("laws/Shared", source) {}
    return built(Shared)
  }
})
DropLaws.describe("AsyncDropMutex.make", {
  make: (source) => Effect.flatMap(guardOf(source), AsyncDropMutex.make),
  drop: (a: Mutex) => AsyncDropMutex.drop(a),
  // Who asks for a lock that is dropped is interrupted, which is how it refuses.
  use: (a: Mutex, body) =>
    Effect.catchCause(
      AsyncDropMutex.withLock(a, body),
      (cause) => Cause.hasInterruptsOnly(cause) ? Effect.die(refused(a.name)) : Effect.failCause(cause)
    )
})
DropLaws.describe("AsyncDropMutex.unwrap", {
  make: (source) => Effect.flatMap(Effect.flatMap(guardOf(source), AsyncDropMutex.make), AsyncDropMutex.unwrap),
  ...guard
})

type HashMap = AsyncDropHashMap.AsyncDropHashMap<string, Probe.Held<unknown>, unknown>

const mapOf = (source: AnySource) =>
  Effect.gen(function*() {
    const map: HashMap = yield* AsyncDropHashMap.make<string, Probe.Held<unknown>, unknown>()
    yield* AsyncDropHashMap.insert(map, "key", yield* guardOf(source))
    return map
  })

DropLaws.describe("AsyncDropHashMap.insert", { make: mapOf, drop: (a: HashMap) => alone(AsyncDropHashMap.drop(a)) })
DropLaws.describe("AsyncDropHashMap.Service", {
  make: (source) => {
    class Files extends AsyncDropHashMap.Service<Files, string, Probe.Held<unknown>, unknown>()("laws/Files") {}
    return Effect.gen(function*() {
      const map = yield* built(Files)
      yield* AsyncDropHashMap.insert(map, "key", yield* guardOf(source))
      return map
    })
  }
})
DropLaws.describe("AsyncDropHashMap.remove, from a map that is dropped then", {
  make: (source) =>
    Effect.gen(function*() {
      const map = yield* mapOf(source)
      const removed = yield* AsyncDropHashMap.remove(map, "key")
      yield* Effect.orDie(AsyncDropHashMap.drop(map))
      return Option.getOrThrow(removed)
    }),
  ...guard
})

const stack = { drop: (a: DropStack.DropStack) => alone(DropStack.close(a)) }

DropLaws.describe("DropStack.use", {
  make: (source) =>
    Effect.tap(DropStack.make(), DropStack.use(AsyncDrop.acquireRelease(source.acquire, source.release))),
  ...stack
})
DropLaws.describe("DropStack.adopt", {
  moved: true,
  make: (source) =>
    Effect.uninterruptible(
      Effect.tap(DropStack.make(), (made) =>
        Effect.flatMap(source.acquire, (held) => DropStack.adopt(made, held, source.release)))
    ),
  ...stack
})
DropLaws.describe("DropStack.move", {
  make: (source) =>
    Effect.flatMap(
      Effect.tap(DropStack.make(), DropStack.use(AsyncDrop.acquireRelease(source.acquire, source.release))),
      DropStack.move
    ),
  ...stack
})

const resourceOf = (source: AnySource) => AsyncDrop.acquireRelease(source.acquire, source.release)
const storeOf = (source: AnySource) => ConcurrentStore.make({ lookup: (_: string) => resourceOf(source) })

type Store = ConcurrentStore.ConcurrentStore<string, Probe.Held<unknown>, unknown, unknown>

// A load has a life of its own: whoever closes the scope of its only waiter stops it and waits for that, and it is
// released because nobody wants it, not with the exit of a scope. So these are not asked what happens then.
const moved = true

DropLaws.describe("AsyncDropShared.await", {
  moved,
  make: (source) => Effect.flatMap(AsyncDropShared.make(resourceOf(source)), AsyncDropShared.await)
})
DropLaws.describe("ConcurrentStore.get", {
  moved,
  make: (source) => Effect.flatMap(storeOf(source), ConcurrentStore.get("key"))
})
DropLaws.describe("ConcurrentStore.use", {
  around: (source, body) => AsyncDrop.scoped(Effect.flatMap(storeOf(source), ConcurrentStore.use("key", () => body)))
})
DropLaws.describe("ConcurrentStore.insert", {
  make: (source) =>
    Effect.gen(function*() {
      const store: Store = yield* ConcurrentStore.make({ lookup: (_: string) => resourceOf(source) })
      yield* ConcurrentStore.insert(store, "key", yield* guardOf(source))
      return store
    }),
  drop: (a: Store) => alone(ConcurrentStore.drop(a))
})
DropLaws.describe("ConcurrentStore.Service", {
  moved,
  make: (source) => {
    class Stored extends ConcurrentStore.Service<Stored>()("laws/Stored", {
      lookup: (_: string) => resourceOf(source)
    }) {}
    return Effect.flatMap(built(Stored), ConcurrentStore.get("key"))
  }
})
