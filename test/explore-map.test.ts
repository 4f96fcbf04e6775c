// The state machines of core under every schedule: a map, and what is in it.
import { AsyncDropGuard } from "@async-drop/core"
import { Effect, Exit } from "effect"
import { describe } from "vitest"
import { dropOf, explored, type World } from "./support/explored.ts"
import { indexed } from "./support/maps.ts"
import { agree } from "./support/nests.ts"
import { apart, close, crowd, each } from "./support/within.ts"

const limits = [1, 2, "unbounded"] as const

describe("a map", () => {
  const contested = (
    name: string,
    bounds: Parameters<typeof each>[1],
    program: (w: World) => ReturnType<typeof indexed>
  ) => each(name, bounds, (name, bounds) => explored(name, bounds, program))

  contested("takes one of two guards of the same key", crowd, (w) =>
    indexed(
      w,
      { entries: [], guards: [w.failing("a"), w.failing("b")] },
      ({ insert }, [a, b]) => [insert(a!, "key"), insert(b!, "key")],
      (exits) => {
        const inserted = exits.map((exit) => Exit.isSuccess(exit) ? exit.value : "interrupted")
        w.ctl.invariant(inserted.includes(false) || inserted.includes("interrupted"), "both are in")
        w.ctl.invariant(inserted.includes(true) || inserted.includes("interrupted"), "none is in")
      }
    ))
  contested(
    "owns what is inserted before its drop, and nothing else",
    close,
    (w) => indexed(w, { entries: [], guards: [w.failing("a")] }, ({ drop, insert }, [a]) => [insert(a!), drop])
  )
  contested(
    "owns what is inserted before it is closed, and nothing else",
    crowd,
    (w) => indexed(w, { entries: [], guards: [w.failing("a")] }, ({ close, insert }, [a]) => [insert(a!), close])
  )
  contested(
    "releases what is not removed before its drop",
    apart,
    (w) => indexed(w, { entries: [w.failing("a")] }, ({ drop, remove }) => [remove("a"), drop])
  )
  contested(
    "is removed from once",
    crowd,
    (w) => indexed(w, { entries: [w.failing("a")] }, ({ remove }) => [remove("a"), remove("a")])
  )
  contested(
    "owns a guard, or its dropper does",
    close,
    (w) => indexed(w, { entries: [], guards: [w.failing("a")] }, ({ insert }, [a]) => [insert(a!), dropOf(w, a!)])
  )
  contested("takes a guard when its use has ended", crowd, (w) =>
    indexed(
      w,
      { entries: [], guards: [w.failing("a")] },
      ({ insert }, [a]) => [insert(a!), AsyncDropGuard.use(a!, w.use)]
    ))
  contested("takes a guard when its use has ended, unless its drop has begun", crowd, (w) =>
    indexed(
      w,
      { entries: [w.probe.source("a")], guards: [w.failing("b")] },
      ({ drop, insert }, [b]) => [AsyncDropGuard.use(b!, w.use), insert(b!), drop]
    ))

  for (const concurrency of [1, 2]) {
    const entries = (w: World) => [w.failing("a"), w.failing("b")]
    contested(
      `that releases ${concurrency} at a time is released once by two droppers, who hear the same`,
      crowd,
      (w) => indexed(w, { concurrency, entries: entries(w) }, ({ drop }) => [drop, drop], (exits) => agree(w, exits))
    )
    contested(
      `that releases ${concurrency} at a time is released once by a dropper and its closing scope`,
      crowd,
      (w) => indexed(w, { concurrency, entries: entries(w) }, ({ close, drop }) => [drop, close])
    )
  }

  const three = (w: World) => [w.failing("a"), w.failing("b"), w.failing("c")]
  contested(
    "of three, one of which is removed meanwhile, is released by its dropper",
    crowd,
    (w) => indexed(w, { entries: three(w) }, ({ drop, remove }) => [remove("b"), drop])
  )
  contested(
    "of three that releases 2 at a time is released once by a dropper and its closing scope",
    crowd,
    (w) => indexed(w, { concurrency: 2, entries: three(w) }, ({ close, drop }) => [drop, close])
  )

  for (const concurrency of limits) {
    explored(
      `of concurrency ${concurrency} keeps every error of releases that wait, fail, die and throw`,
      { preemptions: 1, interrupts: 0 },
      (w) => indexed(w, { concurrency, entries: [w.faulty("a"), w.faulty("b")] }, ({ drop }) => [drop])
    )
  }
})

const random = { strategy: "random", preemptions: 4, interrupts: 2, schedules: 1_000, seed: 32 } as const

describe("more of them, at random", () => {
  for (const concurrency of limits) {
    explored(
      `a map of three with concurrency ${concurrency} that is dropped, closed and emptied at once has one end`,
      random,
      (w) =>
        indexed(
          w,
          { concurrency, entries: [w.faulty("a"), w.faulty("b"), w.faulty("c")], guards: [w.failing("d")] },
          ({ close, drop, insert, remove }, [d]) => [
            drop,
            remove("b"),
            insert(d!, "b"),
            close,
            Effect.andThen(AsyncDropGuard.use(d!, w.use), drop)
          ]
        )
    )
  }
})
