// Closes with limits under every schedule: whatever happens at one instant, in whichever order.
import { Explore } from "@async-drop/testing"
import { describe } from "vitest"
import { isWide } from "./support/bounds.ts"
import { type Course, type Happening, happenings, limited, type Spec } from "./support/limited.ts"

const all = Object.keys(happenings) as ReadonlyArray<Happening> // those it has, as it is written down
const courseOf = (happening: Happening): Omit<Course, "specs"> | undefined => {
  const found = happenings[happening]
  return "course" in found ? found.course : undefined
}
const specOf = (happening: Happening): Spec | undefined => {
  const found = happenings[happening]
  return "spec" in found ? found.spec : undefined
}

const exhaustive = isWide
  ? { preemptions: 2, interrupts: 1, schedules: 1_000_000_000 }
  : { preemptions: 1, interrupts: 0, schedules: 1_000_000 }

const explored = (name: string, course: Course, options: Explore.TestOptions = exhaustive) =>
  Explore.effect(name, isWide ? { timeout: 3_600_000, ...options } : options, limited(course))

/** Each two of them that may meet. */
const pairs = all.flatMap((one, i) => all.slice(i).map((other) => [one, other] as const))

describe("one resource", () => {
  for (const [one, other] of pairs) {
    const [spec, course] = [specOf(one) ?? specOf(other), courseOf(one) ?? courseOf(other)]
    const both = specOf(one) !== undefined && specOf(other) !== undefined
    if (one === other ? spec === undefined : both) continue
    const meet = one === other ? `${one}, and the closer is interrupted anywhere` : `${one} as ${other}`
    explored(
      meet,
      { specs: [spec ?? {}], ...course, ...courseOf(other) },
      one === other ? { ...exhaustive, interrupts: 1, preemptions: 1 } : exhaustive
    )
  }
})

describe("two resources", () => {
  for (const [one, other] of pairs) {
    if (one === other && specOf(one) === undefined) continue
    const specs = [specOf(one) ?? {}, specOf(other) ?? {}]
    explored(
      `${one} as ${other}`,
      { specs, concurrency: 2, ...courseOf(one), ...courseOf(other) },
      { ...exhaustive, preemptions: isWide ? 1 : 0, interrupts: 1 }
    )
  }
})

describe("more of them, at random", () => {
  const specs = all.flatMap((happening) => specOf(happening) ?? [])
  for (const concurrency of [1, 2, 6]) {
    for (const budget of [1_000, 900]) {
      explored(`in a budget of ${budget}, ${concurrency} at a time`, {
        specs: [...specs.slice(concurrency % 3), ...specs].slice(0, 6),
        budget,
        concurrency,
        interrupt: 900,
        second: 810
      }, { strategy: "random", preemptions: 4, interrupts: 2, schedules: isWide ? 20_000 : 300, seed: 6 })
    }
  }
})
