// A store of instances by key, under every schedule: each operation against each other one, on one key.
import { AsyncDrop, AsyncDropGuard, ConcurrentStore } from "@async-drop/core"
import { Effect, Exit, Latch, type Scope } from "effect"
import { describe } from "vitest"
import { isWide } from "./support/bounds.ts"
import { explored } from "./support/explored.ts"
import { contested, different, kept, names, operations, random } from "./support/store-contests.ts"
import { type Contest, failing, plain, slow } from "./support/stores.ts"
import { apart, crowd } from "./support/within.ts"

/** In the test run, those that are alike meet two others each: one where nothing is there, one where it is idle. */
const meets = (one: string, other: string, idle: boolean): boolean =>
  isWide || (one in different && other in different) || one === (idle ? "drop" : "use")

/** What is put in has a fate too: stops are tried with one for all, interrupts with each where one is put in. */
const boundsOf = (one: string, other: string) => {
  const inserts = [one, other].filter((each) => each === "insert").length
  if (isWide || inserts === 0) return [{ bounds: isWide ? apart : crowd, fates: plain }]
  return crowd.map((bound) => ({ bounds: [bound], fates: inserts === 2 || bound.interrupts === 0 ? slow : plain }))
}

describe("two on one key", () => {
  for (const [i, one] of names.entries()) {
    for (const other of names.slice(i)) {
      const sides = (contest: Contest) => [operations[one]!(contest), operations[other]!(contest)]
      for (const { bounds, fates } of boundsOf(one, other)) {
        if (meets(one, other, false)) contested(`${one} and ${other}, absent`, bounds, { fates }, sides)
        if (meets(one, other, true)) contested(`${one} and ${other}, idle`, bounds, { ...kept, fates }, sides)
      }
    }
  }
})

describe("loads that come to nothing", () => {
  const meet = ["use", "getOption", "insertLoading", "requestAndDrop", "invalidate", "drop"]
  for (const other of meet) {
    contested(`use and ${other}`, isWide ? apart : crowd, { fates: failing }, (contest) => [
      contest.use("a"),
      operations[other]!(contest)
    ])
  }
})

describe("a wait that is over", () => {
  explored(
    "closes no circle with the load that comes next",
    { ...random, interrupts: 0, schedules: 30 },
    (w) =>
      Effect.gen(function*() {
        const released = yield* Latch.make()
        const [holding, asked] = [yield* Latch.make(), yield* Latch.make()]
        let loads = 0
        const store: ConcurrentStore.ConcurrentStore<string, string> = yield* ConcurrentStore.make({
          lookup: (key: string): Effect.Effect<string, never, Scope.Scope> =>
            key === "a" && ++loads === 2
              ? ConcurrentStore.get(store, "b")
              : AsyncDrop.acquireRelease(Effect.succeed(key), () => key === "a" ? released.await : Effect.void)
        })
        // Holds b, and puts into a as soon as the first a is gone: it is refused then.
        const puts = Effect.scoped(Effect.gen(function*() {
          yield* ConcurrentStore.get(store, "b")
          yield* ConcurrentStore.invalidate(store, "b")
          const guard = yield* AsyncDropGuard.make(Effect.succeed("mine"), () => Effect.void)
          yield* holding.open
          yield* Effect.exit(ConcurrentStore.insert(store, "a", guard))
        }))
        const drops = ConcurrentStore.use(store, "a", () => Effect.void)
        // Loads a anew, which takes b: it waits for who holds that.
        const gets = Effect.andThen(asked.await, Effect.scoped(ConcurrentStore.get(store, "a")))
        const frees = Effect.gen(function*() {
          yield* holding.await
          yield* Effect.yieldNow
          yield* asked.open
          yield* Effect.yieldNow
          yield* released.open
        })
        const exits = yield* w.race(drops, puts, gets, frees)
        for (const exit of exits) w.ctl.invariant(Exit.isSuccess(exit), `unexpected: ${exit}`)
      })
  )
})
