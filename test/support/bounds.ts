// How far the explorations of core go: in the test run, and with `EXPLORE_WIDE=1`, which takes far longer.
import type { Explore } from "@async-drop/testing"

type Bounds = Pick<Explore.TestOptions, "preemptions" | "interrupts">

/** Whether to explore within the full bounds, with every fault. */
export const isWide = process.env["EXPLORE_WIDE"] === "1"

/** The full bounds of one resource. */
export const one: Bounds = { preemptions: 2, interrupts: 1 }

/** The full bounds of two. */
export const pair: Bounds = { preemptions: 1, interrupts: 1 }

/** What the test run has time for where several fibres contest one resource. */
export const stopped: Bounds = isWide ? one : { preemptions: 2, interrupts: 0 }
export const interrupted: Bounds = isWide ? one : { preemptions: 1, interrupts: 1 }
export const parts: ReadonlyArray<Bounds> = isWide ? [one] : [stopped, interrupted]
