// A store under every schedule: three who want one key, several keys, little room, time that runs out, and owners
// that are closed by those they wait for.
import { Effect } from "effect"
import { describe } from "vitest"
import { isWide } from "./support/bounds.ts"
import { alone, contested, different, drawn, kept, names, operations } from "./support/store-contests.ts"
import type { Side } from "./support/store-ledger.ts"
import { type Contest, failing, plain, slow } from "./support/stores.ts"
import { crowd, immense, vast } from "./support/within.ts"

const triples = [
  ["clone", "getOption", "invalidate"]
] as const

/** Where there are so many schedules that the test run draws some: those of two of them are all walked elsewhere. */
const vastTriples = [
  ["use", "use", "drop"],
  ["use", "use", "invalidate"],
  ["use", "use", "requestAndDrop"],
  ["use", "requestAndDrop", "drop"],
  ["use", "requestAndDrop", "insert"],
  ["insertLoading", "insert", "invalidate"],
  ["request", "requestAndDrop", "use"]
] as const

describe("three on one key", () => {
  const sides = (three: ReadonlyArray<string>) => (contest: Contest) => three.map((name) => operations[name]!(contest))
  if (isWide) {
    const kinds = Object.keys(different)
    kinds.forEach((one, i) =>
      kinds.slice(i).forEach((two, j) =>
        kinds.slice(i + j).forEach((three) => {
          const all = [one, two, three]
          alone(`${one}, ${two} and ${three}, absent`, crowd, {}, sides(all))
          alone(`${one}, ${two} and ${three}, idle`, crowd, kept, sides(all))
        })
      )
    )
  }
  for (const three of triples) {
    contested(three.join(", "), isWide ? crowd : [{ preemptions: 0, interrupts: 1 }], { fates: slow }, sides(three))
  }
  for (const three of vastTriples) {
    contested(three.join(", "), immense, { fates: slow }, sides(three))
    if (!isWide) drawn(`${three.join(", ")}: at random`, {}, sides(three))
  }
})

describe("room for one", () => {
  for (const onFull of ["wait", "fail"] as const) {
    const room = { capacity: 1, onFull, fates: slow }
    // Where one waits and the other fails they go on alike: stops are tried with those who wait.
    const bounds = isWide || onFull === "wait" ? crowd : vast
    contested(`${onFull}: two keys`, bounds, room, ({ use }) => [use("a"), use("b")])
    contested(`${onFull}: one idle, another wanted`, bounds, { ...room, ...kept }, ({ use }) => [use("a"), use("b")])
    contested(`${onFull}: one idle, two others wanted`, bounds, { ...room, ...kept }, ({ use }) => [use("b"), use("c")])
    contested(`${onFull}: one put in, another wanted`, bounds, room, ({ insert, use }) => [insert("a"), use("b")])
    contested(
      `${onFull}: one dropped by hand, another wanted`,
      bounds,
      { ...room, ...kept },
      ({ requestAndDrop, use }) => [requestAndDrop("a"), use("b")]
    )
    contested(
      `${onFull}: another wanted as it closes`,
      bounds,
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
    const sides = (contest: Contest) => [contest.use("a"), late(operations[other]!(contest))]
    const bounds = other === "getOption" || other === "insert" || other === "invalidate" ? immense : vast
    contested(`a use, and ${other} in the last moment`, bounds, expiring, sides)
    if (!isWide && bounds === immense) drawn(`a use, and ${other} in the last moment: at random`, expiring, sides)
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
    contested(`with the value in hand, and ${other}`, vast, { ...kept, fates: slow }, (contest) => [
      contest.closeInHand("a"),
      operations[other]!(contest)
    ])
  }
  contested(
    "and the use of another key",
    vast,
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

describe("more of them, at random", () => {
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
