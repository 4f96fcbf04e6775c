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

/**
 * Says of each uninterruptible region of a fibre that ends whether it ended well, before the fibre goes on: it may
 * begin the next one without a turn of the event loop in between. What is looked at is in no type; without it nothing
 * is said.
 */
export const onRegionEnd = (fiber: Fiber.Fiber<unknown, unknown>, said: (well: boolean) => void): void => {
  if (!("getCont" in fiber) || typeof fiber.getCont !== "function") return
  const { getCont } = fiber
  // A fibre asks so for what takes its next value or its next error; that the region ends is on the way to it.
  const looked = (kind: unknown): unknown => {
    const wasInterruptible = isInterruptible(fiber)
    const next: unknown = Reflect.apply(getCont, fiber, [kind])
    if (!wasInterruptible && next !== undefined && isInterruptible(fiber)) said(kind === ofSuccess)
    return next
  }
  Object.assign(fiber, { getCont: looked })
}

const ofSuccess = "~effect/Effect/successCont"
