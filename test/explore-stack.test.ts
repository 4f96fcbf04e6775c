// The state machines of core under every schedule: a stack, and what is in it.
import { DropStack } from "@async-drop/core"
import { Effect } from "effect"
import { describe } from "vitest"
import { explored, type World } from "./support/explored.ts"
import { agree } from "./support/nests.ts"
import { stacked } from "./support/stacks.ts"
import { apart, close, crowd, each } from "./support/within.ts"

describe("a stack", () => {
  const contested = (
    name: string,
    bounds: Parameters<typeof each>[1],
    program: (w: World) => ReturnType<typeof stacked>
  ) => each(name, bounds, (name, bounds) => explored(name, bounds, program))

  contested(
    "owns what is acquired before it is closed, and releases what comes meanwhile",
    apart,
    (w) => stacked(w, ({ close, use }) => [use(w.failing("b")), close])
  )
  contested(
    "owns what is acquired before its scope is closed, and releases what comes meanwhile",
    crowd,
    (w) => stacked(w, ({ closeScope, use }) => [use(w.failing("b")), closeScope])
  )
  contested(
    "is released once by two closers, who hear the same",
    crowd,
    (w) => stacked(w, ({ close }) => [close, close], (exits) => agree(w, exits))
  )
  contested(
    "is released once by a closer and its closing scope",
    crowd,
    (w) => stacked(w, ({ close, closeScope }) => [close, closeScope])
  )
  const three = ["a", "b", "c"]
  contested(
    "of three is released once by a closer and its closing scope",
    crowd,
    (w) => stacked(w, ({ close, closeScope }) => [close, closeScope], undefined, three)
  )
  contested(
    "of three is moved or closed",
    crowd,
    (w) => stacked(w, ({ close, leave }) => [leave, close], undefined, three)
  )
  contested("is moved or closed", close, (w) => stacked(w, ({ close, leave }) => [leave, close]))
  contested("is moved once", crowd, (w) => stacked(w, ({ leave, move }) => [leave, move]))
  contested("is moved or closed by its scope", crowd, (w) => stacked(w, ({ closeScope, move }) => [move, closeScope]))
  contested(
    "is filled before it is moved, or not at all",
    crowd,
    (w) => stacked(w, ({ move, use }) => [move, use(w.failing("b"))])
  )
  contested(
    "says so when it is closed inside a release of its own",
    crowd,
    (w) =>
      stacked(w, ({ close, closeScope }, stack) => {
        let within = ""
        const inside = Effect.flatMap(
          Effect.exit(DropStack.close(stack)),
          (exit) => Effect.sync(() => void (within = String(exit)))
        )
        w.ctl.atEnd("the close inside is a cycle", () => within === "" || within.includes("DropCycle"))
        return [Effect.andThen(DropStack.defer(stack, () => inside), close), closeScope]
      })
  )
})

const random = { strategy: "random", preemptions: 4, interrupts: 2, schedules: 2_000, seed: 33 } as const

describe("more of them, at random", () => {
  explored(
    "a stack that is filled, moved and closed at once has one end",
    random,
    (w) => stacked(w, ({ close, closeScope, leave, move, use }) => [use(w.faulty("b")), leave, move, close, closeScope])
  )
})
