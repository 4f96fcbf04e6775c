// How far the explorations of shared, locked and indexed resources go: in the test run, and with `EXPLORE_WIDE=1`.
import type { Explore } from "@async-drop/testing"

type Bounds = Pick<Explore.TestOptions, "preemptions" | "interrupts">

const wide = process.env["EXPLORE_WIDE"] === "1"

const full: Bounds = { preemptions: 2, interrupts: 1 }
const stopped: Bounds = { preemptions: 2, interrupts: 0 }
const interrupted: Bounds = { preemptions: 0, interrupts: 1 }
const both: Bounds = { preemptions: 1, interrupts: 1 }

/** Two who contest one resource, where a stop and an interrupt may have to do with each other. */
export const close: ReadonlyArray<Bounds> = wide ? [full] : [stopped, both]

/** And where they have little to do with each other. */
export const apart: ReadonlyArray<Bounds> = wide ? [full] : [stopped, interrupted]

/** Three fibres, several resources, or what is much like another contest. */
export const crowd: ReadonlyArray<Bounds> = wide ? [both] : [{ preemptions: 1, interrupts: 0 }, interrupted]

/** Nobody is stopped, so who asks first waits first. */
export const inOrder: Bounds = { preemptions: 0, interrupts: wide ? 2 : 1 }

/** A name for each of the bounds. */
export const each = (
  name: string,
  bounds: ReadonlyArray<Bounds>,
  test: (name: string, bounds: Bounds) => void
): void => {
  for (const bound of bounds) {
    test(`${name}: ${bound.preemptions} preemptions, ${bound.interrupts} interrupts`, bound)
  }
}
