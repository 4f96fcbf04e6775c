// How far the contests of handles, locks, maps and stacks go: in the test run, and with `EXPLORE_WIDE=1`.
import type { Explore } from "@async-drop/testing"
import { isWide, one, pair } from "./bounds.ts"

type Bounds = Pick<Explore.TestOptions, "preemptions" | "interrupts">

const stopped: Bounds = { preemptions: 2, interrupts: 0 }
const interrupted: Bounds = { preemptions: 0, interrupts: 1 }

/** Two who contest one resource, where a stop and an interrupt may have to do with each other. */
export const close: ReadonlyArray<Bounds> = isWide ? [one] : [stopped, pair]

/** And where they have little to do with each other. */
export const apart: ReadonlyArray<Bounds> = isWide ? [one] : [stopped, interrupted]

/** Three fibres, several resources, or what is much like another contest. */
export const crowd: ReadonlyArray<Bounds> = isWide ? [pair] : [{ preemptions: 1, interrupts: 0 }, interrupted]

/** Where a stop makes so many more that the test run has no time for them. */
export const vast: ReadonlyArray<Bounds> = isWide ? [pair] : [interrupted]

/** And an interrupt as well. */
export const immense: ReadonlyArray<Bounds> = isWide ? [pair] : [{ preemptions: 0, interrupts: 0 }]

/** Nobody is stopped, so who asks first waits first. */
export const inOrder: Bounds = { preemptions: 0, interrupts: isWide ? 2 : 1 }

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
