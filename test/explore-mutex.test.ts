// The state machines of core under every schedule: one resource behind a lock.
import { AsyncDropMutex } from "@async-drop/core"
import { Effect, Exit, Option, Scope } from "effect"
import { describe } from "vitest"
import { expected, explored, type World } from "./support/explored.ts"
import { critical, locked, type Mutex, mutexOf } from "./support/mutexes.ts"
import { apart, close, crowd, each, inOrder } from "./support/within.ts"

describe("a lock", () => {
  const contested = (
    name: string,
    bounds: Parameters<typeof each>[1],
    program: (w: World) => ReturnType<typeof locked>
  ) => each(name, bounds, (name, bounds) => explored(name, bounds, program))

  contested(
    "has one holder of two",
    close,
    (w) => locked(w, ({ withLock }) => [withLock, withLock], w.probe.source("a"))
  )
  contested(
    "has one holder of three",
    crowd,
    (w) => locked(w, ({ withLock }) => [withLock, withLock, withLock], w.probe.source("a"))
  )
  contested("is dropped when its holder has ended", close, (w) => locked(w, ({ drop, withLock }) => [withLock, drop]))
  contested(
    "is dropped when the scope of its holder has closed",
    crowd,
    (w) => locked(w, ({ drop, lock }) => [lock, drop])
  )
  contested(
    "interrupts who waits when it is dropped",
    crowd,
    (w) => locked(w, ({ drop, withLock }) => [withLock, withLock, drop])
  )
  contested(
    "has one holder of one who tries and one who waits",
    apart,
    (w) => locked(w, ({ tryLock, withLock }) => [tryLock, withLock], w.probe.source("a"))
  )
  contested("is dropped when who tried it has ended", crowd, (w) => locked(w, ({ drop, tryLock }) => [tryLock, drop]))
  contested(
    "is unwrapped when its holder has ended",
    apart,
    (w) => locked(w, ({ unwrap, withLock }) => [unwrap, withLock])
  )
  contested("is unwrapped once", crowd, (w) => locked(w, ({ unwrap }) => [unwrap, unwrap]))
  contested("is unwrapped or dropped", close, (w) => locked(w, ({ drop, unwrap }) => [unwrap, drop]))
  contested("is closed when its holder has ended", crowd, (w) => locked(w, ({ close, withLock }) => [close, withLock]))
  contested(
    "is closed when the scope of its holder has closed",
    crowd,
    (w) => locked(w, ({ close, lock }) => [close, lock])
  )
  contested("is unwrapped or closed", crowd, (w) => locked(w, ({ close, unwrap }) => [close, unwrap]))

  explored("serves in the order of asking, but for who was interrupted", inOrder, (w) =>
    locked(w, (_, mutex) => {
      const asked: Array<number> = []
      const served: Array<number> = []
      w.ctl.atEnd("first come, first served", () => same(served, asked.filter((who) => served.includes(who))))
      return [0, 1, 2].map((who) =>
        Effect.suspend(() => {
          asked.push(who)
          return AsyncDropMutex.withLock(mutex, () => {
            served.push(who)
            return Effect.yieldNow
          })
        })
      )
    }, w.probe.source("a")))

  each(
    "of two, each taken inside the other, says so or is passed on",
    crowd,
    (name, bounds) =>
      explored(name, bounds, (w) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const [a, b] = [
            yield* Scope.provide(mutexOf("a", w.failing("a")), scope),
            yield* Scope.provide(mutexOf("b", w.failing("b")), scope)
          ]
          const [inA, inB] = [critical(w), critical(w)]
          const nested = (outer: Mutex, inner: Mutex, within: typeof inA) =>
            AsyncDropMutex.withLock(outer, () => AsyncDropMutex.withLock(inner, within))
          const exits = yield* w.race(nested(a, b, inB), nested(b, a, inA))
          w.ctl.invariant(exits.every(expected), `unexpected: ${exits}`)
          const free = Effect.scoped(Effect.all([AsyncDropMutex.tryLock(a), AsyncDropMutex.tryLock(b)]))
          w.ctl.invariant((yield* free).every(Option.isSome), "nobody holds the locks, and they are not free")
          yield* Scope.close(scope, Exit.void)
        }).pipe(Effect.provideContext(w.sink)))
  )
})

const same = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => a.join() === b.join()

const random = { strategy: "random", preemptions: 4, interrupts: 2, schedules: 2_000, seed: 31 } as const

describe("more of them, at random", () => {
  explored(
    "a lock that is held, tried, dropped and closed at once has one end",
    random,
    (w) => locked(w, ({ close, drop, lock, tryLock, withLock }) => [withLock, lock, tryLock, withLock, drop, close])
  )
  explored(
    "a lock that is held, tried, unwrapped and closed at once has one end",
    random,
    (w) => locked(w, ({ close, lock, tryLock, unwrap, withLock }) => [withLock, unwrap, lock, tryLock, close])
  )
})
