// All of Effect that `NodeDrop` uses and that may change in a minor version; a test looks at each of it.
import * as ErrorReporter from "effect/ErrorReporter"
import type * as Fiber from "effect/Fiber"

export const { attributes, isIgnored, report, severity } = ErrorReporter

/**
 * Whether an interrupt would take effect at once. The flag is in no type; without it the answer is yes, and
 * an interrupt goes out at once, as Effect's own does.
 */
export const isInterruptible = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  !("interruptible" in fiber && fiber.interruptible === false)
