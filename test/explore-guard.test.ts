// The state machines of core under every schedule: fibres that contest one guard.
import { describe } from "vitest"
import { parts } from "./support/bounds.ts"
import { contested } from "./support/contested.ts"
import { explored } from "./support/explored.ts"

describe("a guard", () => {
  for (const bounds of parts) {
    const within = `${bounds.preemptions} preemptions, ${bounds.interrupts} interrupts`
    explored(`is not released while it is used: ${within}`, bounds, (w) => contested(w, ({ drop, use }) => [use, drop]))
    explored(`is released once by two droppers: ${within}`, bounds, (w) => contested(w, ({ drop }) => [drop, drop]))
    explored(
      `is released once by a dropper and its closing scope: ${within}`,
      bounds,
      (w) => contested(w, ({ close, drop }) => [drop, close])
    )
    explored(
      `is not released by its closing scope while it is used: ${within}`,
      bounds,
      (w) => contested(w, ({ close, use }) => [use, close])
    )

    for (const move of ["unwrap", "map", "transfer"] as const) {
      for (const against of ["use", "drop", "close"] as const) {
        explored(
          `has one end when ${move} meets ${against}: ${within}`,
          bounds,
          (w) => contested(w, (contest) => [contest[move], contest[against]], w.failing("a"))
        )
      }
    }
  }
})
