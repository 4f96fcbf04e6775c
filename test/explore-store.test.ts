// A store of instances by key, under every schedule: each operation against each other one.
import { AsyncDrop, AsyncDropGuard, ConcurrentStore } from "@async-drop/core"
import { Effect, Exit, Latch, type Scope } from "effect"
import { describe } from "vitest"
import { isWide } from "./support/bounds.ts"
import { explored } from "./support/explored.ts"
import type { Side } from "./support/store-ledger.ts"
import { type Contest, failing, plain, type Setting, slow, stored } from "./support/stores.ts"
import { apart, crowd, each, immense, vast } from "./support/within.ts"

const contested = (
  name: string,
  bounds: Parameters<typeof each>[1],
  setting: Omit<Setting, "interrupts">,
  sides: (contest: Contest) => ReadonlyArray<Side>
) =>
  each(
    name,
    bounds,
    (name, bounds) =>
      explored(name, { ...bounds, delays: setting.delays }, (w) =>
        stored(w, { ...setting, interrupts: bounds.interrupts !== 0 }, sides))
  )

/** Those that are different to the machine of a key. */
const different: { readonly [name: string]: (contest: Contest) => Side } = {
  use: ({ use }) => use("a"),
  getOption: ({ getOption }) => getOption("a"),
  insert: ({ insert }) => insert("a"),
  insertLoading: ({ insertLoading }) => insertLoading("a"),
  requestAndDrop: ({ requestAndDrop }) => requestAndDrop("a"),
  invalidate: ({ invalidate }) => invalidate("a"),
  drop: ({ drop }) => drop
}

const alike: typeof different = {
  get: ({ get }) => get("a"),
  open: ({ open }) => open("a"),
  clone: ({ clone }) => clone("a"),
  getOrLoad: ({ getOrLoad }) => getOrLoad("a"),
  entries: ({ entries }) => entries,
  request: ({ request }) => request("a"),
  invalidateAll: ({ invalidateAll }) => invalidateAll
}

const operations = { ...different, ...alike }
const names = Object.keys(operations)
const kept = { idle: ["a"], idleTimeToLive: Infinity }

const triple = isWide ? crowd : [{ preemptions: 0, interrupts: 1 }]

/** In the test run, those that are alike meet two others each. */
const meets = (one: string, other: string): boolean =>
  isWide || (one in different && other in different) || one === "use" || one === "drop"

describe("two on one key", () => {
  for (const [i, one] of names.entries()) {
    for (const other of names.slice(i)) {
      if (!meets(one, other)) continue
      const sides = (contest: Contest) => [operations[one]!(contest), operations[other]!(contest)]
      contested(`${one} and ${other}, absent`, isWide ? apart : crowd, {}, sides)
      contested(`${one} and ${other}, idle`, isWide ? apart : crowd, kept, sides)
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

const triples = [
  ["use", "use", "drop"],
  ["use", "use", "invalidate"],
  ["use", "use", "requestAndDrop"],
  ["use", "requestAndDrop", "drop"],
  ["use", "requestAndDrop", "insert"],
  ["insertLoading", "insert", "invalidate"],
  ["clone", "getOption", "invalidate"],
  ["request", "requestAndDrop", "use"]
] as const

describe("three on one key", () => {
  for (const three of triples) {
    contested(three.join(", "), triple, { fates: slow }, (contest) => three.map((name) => operations[name]!(contest)))
  }
})

describe("room for one", () => {
  for (const onFull of ["wait", "fail"] as const) {
    const room = { capacity: 1, onFull, fates: slow }
    contested(`${onFull}: two keys`, crowd, room, ({ use }) => [use("a"), use("b")])
    contested(`${onFull}: one idle, another wanted`, crowd, { ...room, ...kept }, ({ use }) => [use("a"), use("b")])
    contested(`${onFull}: one idle, two others wanted`, crowd, { ...room, ...kept }, ({ use }) => [use("b"), use("c")])
    contested(`${onFull}: one put in, another wanted`, crowd, room, ({ insert, use }) => [insert("a"), use("b")])
    contested(
      `${onFull}: one dropped by hand, another wanted`,
      crowd,
      { ...room, ...kept },
      ({ requestAndDrop, use }) => [requestAndDrop("a"), use("b")]
    )
    contested(
      `${onFull}: another wanted as it closes`,
      crowd,
      { ...room, ...kept },
      ({ drop, use }) => [drop, use("b")]
    )
    contested(
      `${onFull}: two idle, two others wanted and kept`,
      immense,
      { ...room, capacity: 2, idle: ["a", "b"], idleTimeToLive: Infinity },
      ({ meet }) => meet("c", "d")
    )
  }
})

describe("as its time runs out", () => {
  const expiring = { idle: ["a"], idleTimeToLive: 1_000, delays: 1, fates: slow }
  const late = (side: Side) => Effect.andThen(Effect.sleep(1_000), side)
  for (const other of ["use", "getOption", "insert", "requestAndDrop", "invalidate", "drop"]) {
    contested(`a use, and ${other} in the last moment`, vast, expiring, (contest) => [
      contest.use("a"),
      late(operations[other]!(contest))
    ])
  }
  contested("two in the last moment", vast, expiring, ({ touch, use }) => [late(use("a")), late(touch("a"))])
  contested("another one wanted in the last moment", vast, { ...expiring, capacity: 1 }, ({ use }) => [late(use("b"))])
})

describe("an owner that is closed by one it waits for", () => {
  const meet = ["use", "getOption", "insert", "requestAndDrop", "invalidate", "drop"]
  for (const other of meet) {
    contested(`inside a use, and ${other}`, crowd, { fates: slow }, (contest) => [
      contest.closeInside("a"),
      operations[other]!(contest)
    ])
    contested(`with the value in hand, and ${other}`, crowd, { ...kept, fates: slow }, (contest) => [
      contest.closeInHand("a"),
      operations[other]!(contest)
    ])
  }
  contested(
    "and the use of another key",
    crowd,
    { fates: slow },
    ({ closeInside, use }) => [closeInside("a"), use("b")]
  )
  contested(
    "and another that is idle",
    crowd,
    { idle: ["a", "b"], idleTimeToLive: Infinity, fates: slow },
    ({ closeInside, use }) => [closeInside("a"), use("b")]
  )
})

const random = {
  strategy: "random",
  preemptions: 4,
  interrupts: 2,
  schedules: isWide ? 100_000 : 500,
  seed: 30
} as const

describe("more of them, at random", () => {
  const drawn = (
    name: string,
    setting: Omit<Setting, "interrupts">,
    sides: (contest: Contest) => ReadonlyArray<Side>
  ) => explored(name, { ...random, delays: setting.delays }, (w) => stored(w, { ...setting, interrupts: true }, sides))

  drawn("one key", {}, (contest) => names.map((name) => operations[name]!(contest)))
  drawn("one key that is kept", kept, (contest) => names.map((name) => operations[name]!(contest)))
  drawn(
    "failing loads",
    { fates: [...failing, ...plain] },
    (contest) => names.map((name) => operations[name]!(contest))
  )
  drawn(
    "three keys in a room for two",
    { capacity: 2, idle: ["a"], idleTimeToLive: 1_000, delays: 2 },
    ({ clone, entries, get, getOption, insert, invalidate, requestAndDrop, use }) => [
      use("a"),
      get("b"),
      clone("c"),
      insert("b"),
      getOption("a"),
      requestAndDrop("c"),
      invalidate("b"),
      entries,
      use("b")
    ]
  )
  drawn(
    "three keys in a room for one, none may wait",
    { capacity: 1, onFull: "fail", idle: ["a"], idleTimeToLive: 1_000, delays: 2 },
    ({ drop, get, insert, insertLoading, invalidateAll, request, use }) => [
      use("a"),
      get("b"),
      insertLoading("c"),
      insert("b"),
      request("a"),
      invalidateAll,
      drop
    ]
  )
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
