// Runs a program over and over on the default scheduler, interrupting it after each number of steps.
import { Effect, type Exit, type Fiber, Scheduler } from "effect"

/**
 * How the interrupt comes: while the fibre is stopped between two steps, as from another fibre, or from
 * within a step of its own, as when its code interrupts it.
 */
export type Mode = "between" | "within"

class InterruptAfter extends Scheduler.MixedScheduler {
  private left: number
  private readonly mode: Mode
  private victim: Fiber.Fiber<unknown, unknown> | undefined = undefined
  done = false

  constructor(steps: number, mode: Mode) {
    super()
    this.left = steps
    this.mode = mode
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>) {
    const victim = this.victim ??= fiber
    if (this.left-- !== 0) return super.shouldYield(fiber)
    this.done = true
    if (this.mode === "within") {
      victim.interruptUnsafe()
      return super.shouldYield(fiber)
    }
    queueMicrotask(() => victim.interruptUnsafe())
    return true
  }
}

export interface Trial {
  readonly program: Effect.Effect<unknown, unknown>
  readonly check: (exit: Exit.Exit<unknown, unknown>) => void
}

/**
 * `make` gives a fresh program and what must hold of its exit. Every number of operations before a yield
 * is combined with an interrupt of the first fibre after every number of steps, until a run ends before
 * its interrupt is due. Gives the number of runs.
 */
export const everyStep = (
  make: () => Trial,
  modes: ReadonlyArray<Mode> = ["between", "within"],
  ops: ReadonlyArray<number> = [3, 4, 5, 7, 11, 16, 33, 64]
): Effect.Effect<number> =>
  Effect.promise(async () => {
    let runs = 0
    for (const mode of modes) {
      for (const maxOps of ops) {
        for (let step = 0, done = true; done; step++, runs++) {
          done = await once(make(), new InterruptAfter(step, mode), maxOps, `${mode} steps, after ${step}`)
        }
      }
    }
    return runs
  })

const once = async ({ check, program }: Trial, scheduler: InterruptAfter, maxOps: number, where: string) => {
  const limited = Effect.provideService(program, Scheduler.MaxOpsBeforeYield, maxOps)
  const exit = await Effect.runPromiseExit(limited, { scheduler })
  try {
    check(exit)
  } catch (error) {
    throw new Error(`${maxOps} operations before a yield, interrupted ${where}`, { cause: error })
  }
  return scheduler.done
}
