// Running others inside of this step: they may run others in turn, but not deeper than the stack can bear.
import type { AnyFiber } from "./lifetime.ts"

let depth = 0

/** Whether what is to be run should begin in a turn of its own. */
export const isDeep = (): boolean => depth >= 64

export const nested = <A>(go: () => A): A => {
  depth++
  try {
    return go()
  } finally {
    depth--
  }
}

/** Now, or in a turn of its own. */
export const inline = (fiber: AnyFiber, go: () => void): void =>
  isDeep() ? fiber.currentDispatcher.scheduleTask(go, 0) : nested(go)
