// What reporters still do, in the whole process: each resource has the reporter of its own context.
//
// 1. Only what has not ended is kept.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

const fibers = /* @__PURE__ */ new Set<Fiber.Fiber<void>>()

export const onItsWay = (fiber: Fiber.Fiber<void>): void => {
  if (fiber.pollUnsafe() !== undefined) return
  fibers.add(fiber)
  fiber.addObserver(() => fibers.delete(fiber))
}

/** Others may have begun while some were waited for. */
export const allReported: Effect.Effect<void> = /* @__PURE__ */ Effect.suspend(() =>
  fibers.size === 0 ? Effect.void : Effect.flatMap(Fiber.awaitAll(fibers), () => allReported)
)
