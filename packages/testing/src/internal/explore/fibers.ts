// What a run knows of each fibre, numbered in the order in which they first run: #1 is the program.
import type * as Fiber from "effect/Fiber"

export interface Task {
  readonly run: () => void
  readonly priority: number
  /** Continues the fibre that was made to yield. */
  readonly resumes: FiberInfo | undefined
  /** The fibre that scheduled it. */
  readonly by: FiberInfo | undefined
  /** How many steps that fibre had taken. */
  readonly at: number
}

export interface FiberInfo {
  readonly id: number
  readonly fiber: Fiber.Fiber<unknown, unknown>
  /** The ready task that continues this fibre, while it is stopped by a preemption. */
  parked: Task | undefined
  name: string | undefined
  /** How many it has taken. */
  steps: number
}

export class Fibers {
  private readonly byFiber = new Map<Fiber.Fiber<unknown, unknown>, FiberInfo>()
  private lastFiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private lastInfo: FiberInfo | undefined = undefined

  find(fiber: Fiber.Fiber<unknown, unknown> | undefined): FiberInfo | undefined {
    if (fiber === undefined || fiber === this.lastFiber) return fiber && this.lastInfo
    return this.byFiber.get(fiber)
  }

  /** The fibre's entry, made if this is the first time it is seen. */
  enter(fiber: Fiber.Fiber<unknown, unknown>): FiberInfo {
    if (fiber === this.lastFiber) return this.lastInfo!
    let info = this.byFiber.get(fiber)
    if (info === undefined) {
      info = { id: this.byFiber.size + 1, fiber, parked: undefined, name: undefined, steps: 0 }
      this.byFiber.set(fiber, info)
    }
    this.lastFiber = fiber
    return this.lastInfo = info
  }

  get size(): number {
    return this.byFiber.size
  }

  all(): IterableIterator<FiberInfo> {
    return this.byFiber.values()
  }

  alive(): ReadonlyArray<FiberInfo> {
    return [...this.byFiber.values()].filter((info) => info.fiber.pollUnsafe() === undefined)
  }

  reset(): void {
    this.byFiber.clear()
    this.lastFiber = this.lastInfo = undefined
  }
}
