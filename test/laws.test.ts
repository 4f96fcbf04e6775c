// Every constructor of an async-droppable thing obeys the same laws: a new one adds a line here.
import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropHashMap,
  AsyncDropMutex,
  AsyncDropWeak,
  type DropFailure,
  DropStack
} from "@async-drop/core"
import { DropLaws, type Probe } from "@async-drop/testing"
import { Cause, Effect, Option } from "effect"

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
DropLaws.describe("AsyncDropMutex.make", {
  make: (source) => Effect.flatMap(guardOf(source), AsyncDropMutex.make),
  drop: (a: Mutex) => AsyncDropMutex.drop(a)
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
