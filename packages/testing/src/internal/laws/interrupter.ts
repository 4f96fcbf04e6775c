// Interrupts a program after each number of its steps, one run for each.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

class InterruptAfter implements Scheduler.Scheduler {
  readonly executionMode: "sync" | "async"
  private readonly inner: Scheduler.Scheduler
  private left: number
  private victim: Fiber.Fiber<unknown, unknown> | undefined = undefined
  done = false

  constructor(inner: Scheduler.Scheduler, steps: number) {
    this.inner = inner
    this.executionMode = inner.executionMode
    this.left = steps
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    const victim = this.victim ??= fiber
    if (this.left-- === 0) {
      this.done = true
      victim.interruptUnsafe()
    }
    return this.inner.shouldYield(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.inner.makeDispatcher()
  }
}

const most = 2000

/** `program` is made anew for each run and looks itself whether all is well in `check`. */
export const everyStep = (
  program: () => { readonly run: Effect.Effect<unknown, unknown>; readonly check: () => void }
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const inner = yield* Scheduler.Scheduler
    for (let steps = 0; steps < most; steps++) {
      const interrupt = new InterruptAfter(inner, steps)
      const { check, run } = program()
      const fiber = yield* Effect.forkChild(Effect.provideService(run, Scheduler.Scheduler, interrupt))
      yield* Fiber.await(fiber)
      check()
      if (!interrupt.done) return
    }
  })
