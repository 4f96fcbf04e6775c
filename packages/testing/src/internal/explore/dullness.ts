// Finds the stops and interrupts that are the same as those one step later.
//
// A step that only pushes a continuation changes nothing that another fibre, or an interrupt, could tell. So
// what may come before it is the same as after it, where there is the same choice again.
import type { FiberInfo } from "./fibers.ts"
import { depthOf, onlyPushed } from "./operation.ts"
import type { Trail } from "./trail.ts"

export class Dullness {
  private passed: FiberInfo | undefined = undefined
  private step = 0
  private choice = 0
  private depth = 0

  /** The fibre might have been stopped or interrupted at this step, by the last choice, and was not. */
  pass(info: FiberInfo, step: number, trail: Trail): void {
    this.passed = info
    this.step = step
    this.choice = trail.length - 1
    this.depth = depthOf(info.fiber)
  }

  /** A fibre is at its next step: if it is that one, its step is known by now. */
  look(info: FiberInfo, step: number, trail: Trail): void {
    if (this.passed === undefined) return
    if (info === this.passed && step === this.step + 1 && onlyPushed(info.fiber, this.depth)) {
      trail.dull[this.choice] = true
    }
    this.passed = undefined
  }

  reset(): void {
    this.passed = undefined
  }
}
