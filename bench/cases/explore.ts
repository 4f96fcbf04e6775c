// One schedule of a program that forks three fibres: 66,667 ns are 15,000 schedules a second.
import { Explore } from "@async-drop/testing"
import { Effect, Fiber } from "effect"
import type { Group } from "../runner/model.ts"

const program = Effect.gen(function*() {
  let count = 0
  const increment = Effect.gen(function*() {
    const seen = yield* Effect.sync(() => count)
    yield* Effect.sync(() => {
      count = seen + 1
    })
  })
  const one = yield* Effect.forkChild(increment)
  const other = yield* Effect.forkChild(increment)
  const third = yield* Effect.forkChild(increment)
  yield* Fiber.joinAll([one, other, third])
})

/** There are more schedules than a round runs. */
const explore = (options: Explore.Options) => async (ops: number) => {
  const report = await Effect.runPromise(Explore.check(program, { ...options, schedules: ops }))
  if (report.schedules !== ops) throw new Error(`${report.schedules} schedules instead of ${ops}`)
}

const goals = [{ unit: "ns", atMost: 66_667 }] as const

export const exploreSchedules: Group = {
  name: "one schedule of three fibres",
  yardstick: "Effect.runSync",
  cases: [
    {
      name: "Effect.runSync",
      run: (ops) => {
        for (let i = 0; i < ops; i++) Effect.runSync(program)
      }
    },
    { name: "Explore, exhaustive", goals, run: explore({ preemptions: 3 }), ops: 2_000 },
    { name: "Explore, random", goals, run: explore({ strategy: "random" }), ops: 2_000 }
  ]
}
