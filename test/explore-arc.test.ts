// The state machines of core under every schedule: handles of one resource.
import { AsyncDropArc, AsyncDropGuard } from "@async-drop/core"
import { Effect, Fiber } from "effect"
import { describe } from "vitest"
import { shared } from "./support/arcs.ts"
import { dropOf, explored, type World } from "./support/explored.ts"
import { apart, close, crowd, each } from "./support/within.ts"

describe("a shared resource", () => {
  const contested = (
    name: string,
    bounds: Parameters<typeof each>[1],
    program: (w: World) => ReturnType<typeof shared>
  ) => each(name, bounds, (name, bounds) => explored(name, bounds, program))

  contested(
    "is released by the last of two who drop it",
    close,
    (w) => shared(w, 2, ({ drop }, a, b) => [drop(a), drop(b)])
  )
  contested(
    "is released once by two who drop the same handle",
    crowd,
    (w) => shared(w, 1, ({ drop }, a) => [drop(a), drop(a)])
  )
  contested(
    "loses one count by two who drop the same of two handles",
    apart,
    (w) => shared(w, 2, ({ drop }, a) => [drop(a), drop(a)])
  )
  contested(
    "is upgraded before its release or not at all",
    close,
    (w) => shared(w, 1, ({ drop, upgrade }, a) => [drop(a), upgrade])
  )
  contested(
    "is cloned before its release or not at all",
    crowd,
    (w) => shared(w, 1, ({ clone, drop }, a) => [drop(a), clone(a)])
  )
  contested(
    "is unwrapped by one of two handles",
    close,
    (w) => shared(w, 2, ({ unwrap }, a, b) => [unwrap(a), unwrap(b)])
  )
  contested(
    "is unwrapped once through one handle",
    crowd,
    (w) => shared(w, 1, ({ unwrap }, a) => [unwrap(a), unwrap(a)])
  )
  contested(
    "is unwrapped or released, of two handles",
    close,
    (w) => shared(w, 2, ({ drop, unwrap }, a, b) => [unwrap(a), drop(b)])
  )
  contested(
    "is unwrapped or released, of one handle",
    crowd,
    (w) => shared(w, 1, ({ drop, unwrap }, a) => [unwrap(a), drop(a)])
  )
  contested(
    "is upgraded before it is unwrapped or not at all",
    apart,
    (w) => shared(w, 1, ({ unwrap, upgrade }, a) => [unwrap(a), upgrade])
  )
  contested(
    "is not released while it is used through another handle",
    close,
    (w) => shared(w, 2, ({ drop, use }, a, b) => [use(a), drop(b)])
  )
  contested(
    "is not released while it is used through this handle",
    crowd,
    (w) => shared(w, 1, ({ drop, use }, a) => [use(a), drop(a)])
  )
  contested(
    "is released once by its closing scope and a dropper",
    close,
    (w) => shared(w, 2, ({ close, drop }, a) => [close, drop(a)])
  )
  contested(
    "is upgraded before its scope releases it or not at all",
    crowd,
    (w) => shared(w, 1, ({ close, upgrade }) => [close, upgrade])
  )
  contested(
    "is kept by who cloned it for nobody, whoever is interrupted",
    apart,
    (w) => shared(w, 1, ({ borrow, drop }, a) => [borrow(a), drop(a)])
  )

  contested(
    "that nothing owns is dropped when an interrupt came while it was made, else its holder has it",
    crowd,
    (w) =>
      Effect.gen(function*() {
        const { acquire, release } = w.faulty("a")
        const guard = yield* AsyncDropGuard.makeUnscoped(acquire, release, { name: "a" })
        const make = Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(restore(AsyncDropArc.makeUnscoped(guard)), (arc) =>
            Effect.andThen(Effect.exit(restore(AsyncDropArc.use(arc, w.use))), w.dropping(AsyncDropArc.drop(arc))))
        )
        yield* w.race(make, AsyncDropGuard.use(guard, w.use))
        // Interrupted before it was taken over, the guard is as it was.
        if (!AsyncDropGuard.isDropped(guard)) {
          yield* Effect.flatMap(Effect.forkChild(dropOf(w, guard)), Fiber.await)
        }
      })
  )

  contested(
    "is unwrapped when its use has ended, unless it was dropped meanwhile",
    crowd,
    (w) => shared(w, 1, ({ drop, unwrap, use }, a) => [use(a), unwrap(a), drop(a)])
  )
  contested(
    "is unwrapped when its use has ended, unless it was upgraded and dropped meanwhile",
    crowd,
    (w) => shared(w, 1, ({ drop, unwrap, upgrade, use }, a) => [use(a), unwrap(a), Effect.andThen(upgrade, drop(a))])
  )
  contested(
    "is released by the last of two droppers and an upgrader",
    crowd,
    (w) => shared(w, 2, ({ drop, visit }, a, b) => [drop(a), drop(b), visit])
  )
  contested(
    "is released once by a closing scope, a cloner and an unwrapper",
    crowd,
    (w) => shared(w, 2, ({ clone, close, unwrap }, a, b) => [close, clone(a), unwrap(b)])
  )
  contested(
    "is released by the last of three who drop it",
    crowd,
    (w) => shared(w, 3, ({ drop }, a, b, c) => [drop(a), drop(b), drop(c)])
  )
  contested(
    "of three handles is used by one, unwrapped by another and dropped by the third",
    crowd,
    (w) => shared(w, 3, ({ drop, unwrap, use }, a, b, c) => [use(a), unwrap(b), drop(c)])
  )
})

const random = { strategy: "random", preemptions: 4, interrupts: 2, schedules: 2_000, seed: 30 } as const

describe("more of them, at random", () => {
  explored(
    "handles that are used, cloned, upgraded, dropped and closed at once have one end",
    random,
    (w) =>
      shared(
        w,
        2,
        ({ borrow, close, drop, upgrade, use }, a, b) => [use(a), borrow(b), upgrade, drop(a), drop(b), close]
      )
  )
  explored(
    "handles that are used, unwrapped, upgraded, dropped and closed at once have one end",
    random,
    (w) => shared(w, 2, ({ close, drop, unwrap, use, visit }, a, b) => [use(b), unwrap(a), visit, drop(b), close])
  )
})
