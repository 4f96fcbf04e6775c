// The state machines of core under every schedule: two resources; and what is too large for that, at random.
import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { Effect, Exit, Fiber, Scope } from "effect"
import { describe } from "vitest"
import { pair } from "./support/bounds.ts"
import { contested } from "./support/contested.ts"
import { dropOf, expected, explored, type Guard, type World } from "./support/explored.ts"

/** Two guards in a scope of that kind. */
const two = (
  w: World,
  strategy: "sequential" | "parallel",
  sides: (a: Guard, b: Guard, close: Effect.Effect<void>) => ReadonlyArray<Effect.Effect<unknown, unknown>>
) =>
  Effect.gen(function*() {
    const [first, second] = [w.failing("a"), w.failing("b")]
    const scope = yield* Scope.make(strategy)
    const a = yield* Scope.provide(AsyncDropGuard.make(first.acquire, first.release, { name: "a" }), scope)
    const b = yield* Scope.provide(AsyncDropGuard.make(second.acquire, second.release, { name: "b" }), scope)
    const close = Scope.close(scope, Exit.void)
    const exits = yield* w.race(...sides(a, b, close))
    for (const exit of exits) w.ctl.invariant(expected(exit), `unexpected: ${exit}`)
    yield* close
  }).pipe(Effect.provideContext(w.sink))

describe("two resources", () => {
  explored("have two droppers", pair, (w) => two(w, "sequential", (a, b) => [dropOf(w, a), dropOf(w, b)]))

  explored(
    "have a dropper of the newer one and a closing scope",
    pair,
    (w) => two(w, "sequential", (_, b, close) => [dropOf(w, b), close])
  )

  explored(
    "have a dropper of the older one and a closing scope",
    pair,
    (w) => two(w, "sequential", (a, _, close) => [dropOf(w, a), close])
  )

  explored(
    "of a parallel scope have a dropper and a closing scope",
    pair,
    (w) => two(w, "parallel", (a, _, close) => [dropOf(w, a), close])
  )

  explored(
    "of a parallel scope have a user and a closing scope",
    pair,
    (w) => two(w, "parallel", (_, b, close) => [AsyncDropGuard.use(b, w.use), close])
  )

  explored(
    "end, or say that they wait for each other, when each is dropped inside a use of the other",
    pair,
    (w) =>
      two(w, "sequential", (a, b) => [
        AsyncDropGuard.use(a, () => dropOf(w, b)),
        AsyncDropGuard.use(b, () => dropOf(w, a))
      ])
  )

  explored(
    "end when their scope is closed inside a use of one and the other is dropped",
    pair,
    (w) =>
      two(w, "sequential", (a, b, close) => [
        AsyncDropGuard.use(a, () => close),
        dropOf(w, b)
      ])
  )

  explored("of AsyncDrop.all, one failing, are both rolled back", pair, (w) =>
    Effect.gen(function*() {
      const [a, b] = [w.failing("a"), w.broken("b")]
      const concurrency = w.ctl.oneOf(1, 2)
      const [exit] = yield* w.race(AsyncDrop.scoped(AsyncDrop.all([
        AsyncDrop.acquireRelease(a.acquire, a.release, { name: "a" }),
        AsyncDrop.acquireRelease(b.acquire, b.release, { name: "b" })
      ], { concurrency })))
      w.result(exit!)
    }))

  explored(
    "among plain finalizers are released in the reverse order, also when one was dropped early",
    pair,
    (w) =>
      Effect.gen(function*() {
        const [a, b] = [w.failing("a"), w.failing("b")]
        const order: Array<string> = []
        const plain = (name: string) => Effect.addFinalizer(() => Effect.sync(() => void order.push(name)))
        const own = ({ acquire, release }: typeof a, name: string) =>
          AsyncDropGuard.make(acquire, (held, exit) => {
            order.push(name)
            return release(held, exit)
          }, { name })
        const early = w.ctl.oneOf("none", "a", "b")
        const [exit] = yield* w.race(AsyncDrop.scoped(Effect.gen(function*() {
          yield* plain("1")
          const first = yield* own(a, "a")
          yield* plain("2")
          const second = yield* own(b, "b")
          if (early !== "none") {
            yield* Effect.flatMap(Effect.forkChild(dropOf(w, early === "a" ? first : second)), Fiber.await)
          }
          order.splice(0)
          yield* plain("3")
        })))
        w.result(exit!)
        const all = ["3", "b", "2", "a", "1"]
        const seen = order.join("")
        if (Exit.isSuccess(exit!)) {
          const want = all.filter((name) => name !== early).join("")
          w.ctl.invariant(seen === want, `released ${seen}, not ${want}`)
        }
      })
  )
})

const random = { strategy: "random", preemptions: 4, interrupts: 2, schedules: 3_000, seed: 20 } as const

describe("more of them, at random", () => {
  explored(
    "a guard that is used, dropped, mapped and closed at once has one end",
    random,
    (w) => contested(w, ({ close, drop, map, use }) => [use, drop, map, close, drop])
  )
  explored(
    "a guard that is used, unwrapped, transferred and closed at once has one end",
    random,
    (w) => contested(w, ({ close, transfer, unwrap, use }) => [use, transfer, close, unwrap])
  )
  explored(
    "two guards that users, droppers and closers share have one end each",
    random,
    (w) =>
      two(w, "sequential", (a, b, close) => [
        AsyncDropGuard.use(a, w.use),
        AsyncDropGuard.use(b, () => dropOf(w, a)),
        dropOf(w, b),
        close
      ])
  )
  explored(
    "two guards of a parallel scope that users, droppers and closers share have one end each",
    random,
    (w) =>
      two(w, "parallel", (a, b, close) => [
        AsyncDropGuard.use(b, w.use),
        AsyncDropGuard.use(a, () => dropOf(w, b)),
        dropOf(w, a),
        close
      ])
  )
})
