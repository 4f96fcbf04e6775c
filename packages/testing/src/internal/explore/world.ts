// Runs one program once, synchronously, asking a source wherever the runtime could go more than one way.
//
// A step is one operation of Effect's run loop. Between two steps the run loop asks `shouldYield`; between
// two tasks control is here, in `loop`.
//
// Invariants
// 1. The choices depend on the program, the bounds and the source's answers alone. A choice is recorded
//    only where there are at least two options.
// 2. Option 0 is what goes on as before: the fibre runs on, the oldest task is next.
// 3. A fibre is not stopped before the first operation of a run loop: Effect's own scheduler does not
//    stop it there either. Nor is it stopped twice before the same operation.
// 4. A fibre that was just stopped is not the next to go on, and not the next to be interrupted, unless
//    something else ran in between: both would repeat another schedule. With nothing else to do, the
//    schedule is redundant; where schedules are drawn it goes on, as if the fibre had not been stopped.
// 5. A fibre that runs is interrupted by stopping it first; the interrupt is then delivered before
//    anything else that is ready, as from a fibre whose turn it is.
// 6. A world that ended never runs a fibre again: one that is woken late yields, and its task is dropped.
// 7. A task that a fibre scheduled by its last step, and that runs this fibre first, runs nothing else: it
//    is how a fibre yields.
// 8. A fibre that yields by itself need not be stopped before it does: who goes on then is a choice anyway.
// 9. Time moves only when nothing is ready, or by one of the `delays`.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import type { Bounds, Limits } from "./bounds.ts"
import { VirtualClock } from "./clock.ts"
import { services } from "./context.ts"
import { Dullness } from "./dullness.ts"
import { type FiberInfo, Fibers, type Task } from "./fibers.ts"
import { Invariants } from "./invariants.ts"
import { yieldsNext } from "./operation.ts"
import { SeededRandom } from "./random.ts"
import { Ready } from "./ready.ts"
import type { Recorder } from "./recorder.ts"
import { Kind, type Source, type Trail } from "./trail.ts"

/**
 * `done`: nothing is left to run; `stalled`: the program waits for what no fibre and no timer will bring;
 * `livelock`: the steps are used up; `redundant`: equal to another schedule; `diverged`: not the run that
 * it should repeat; `broken`: an invariant does not hold.
 */
export type Ending = "done" | "stalled" | "livelock" | "redundant" | "diverged" | "broken"

export class World implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "sync"
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(1)
  readonly fibers = new Fibers()
  readonly invariants = new Invariants()
  readonly trail: Trail
  steps = 0
  /** Rises when a fibre runs after the end: by that an escape to real time is noticed. */
  lateSteps = 0
  main: Fiber.Fiber<unknown, unknown> | undefined = undefined
  interrupted = new Set<FiberInfo>()
  readonly victims = new Set<FiberInfo>()
  recorder: Recorder | undefined = undefined

  private readonly bounds: Bounds
  private readonly limits: Limits
  private source: Source = { next: () => 0 }
  private readonly start: (program: Effect.Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>
  private readonly ready = new Ready()
  private readonly dullness = new Dullness()
  private active = false
  private turns = 0
  private preemptions = 0
  private interrupts = 0
  private delays = 0
  private stopped: Ending | undefined = undefined
  /** Made to yield so as to be interrupted. */
  private readonly doomed: Array<FiberInfo> = []
  /** Made to yield, and yet to schedule its continuation. */
  private yielding: FiberInfo | undefined = undefined
  /** Made to yield at `preemptedAt` steps. */
  private preempted: FiberInfo | undefined = undefined
  private preemptedAt = -1
  private current: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** The first fibre of this turn, and whether the turn is known to start no other by itself. */
  private first: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private single = false
  private resuming: FiberInfo | undefined = undefined
  /** The fibre that scheduled the task of this turn by its last step. */
  private yielded: FiberInfo | undefined = undefined

  constructor(options: {
    readonly context: Context.Context<never>
    readonly bounds: Bounds
    readonly limits: Limits
    readonly trail: Trail
  }) {
    this.bounds = options.bounds
    this.limits = options.limits
    this.trail = options.trail
    this.start = Effect.runForkWith(services(options.context, this, this.clock, this.random))
  }

  /** Runs the program from its start to its end. A world that ended `done` may be used again. */
  run(program: Effect.Effect<unknown, unknown>, source: Source): Ending {
    this.reset()
    this.source = source
    this.active = true
    this.single = true
    this.main = this.start(program)
    const ending = this.loop()
    this.active = false
    return ending
  }

  /** The program's own choice. */
  choose(n: number): number {
    return n < 2 ? 0 : this.ask(Kind.choose, n, n)
  }

  /** Ends the run at the next step. */
  break(): void {
    if (this.stopped === undefined) this.recorder?.broke(this.invariants.broken!.message)
    this.stopped ??= "broken"
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (!this.active) {
      this.lateSteps++
      return true
    }
    const info = fiber === this.current ? this.fibers.enter(fiber) : this.enter(fiber)
    this.steps++
    info.steps++
    this.dullness.look(info, this.steps, this.trail)
    this.recorder?.stepped(info)
    if (this.steps + this.turns > this.limits.steps) this.stopped ??= "livelock"
    this.invariants.check(this)
    if (this.stopped !== undefined) return true
    const ops = fiber.currentOpCount
    if (info === this.resuming) {
      if (ops > 1) this.resuming = undefined
      if (ops < 3) return false
    }
    return ops > 1 && this.step(info)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  scheduleTask(run: () => void, priority: number): void {
    if (!this.active) return
    const resumes = this.yielding
    this.yielding = undefined
    const by = this.fibers.find(Fiber.getCurrent())
    const task: Task = { run, priority, resumes, by, at: by === undefined ? 0 : by.steps }
    this.ready.add(task)
    this.recorder?.scheduled(task)
    if (resumes !== undefined && this.source.prunes === true && yieldsNext(resumes.fiber)) {
      this.trail.dull[this.trail.length - 1] = true
      this.stopped ??= "redundant"
    }
  }

  flush(): void {}

  /** Whether nothing else could go on, be interrupted or come due if this fibre stopped. */
  private alone(info: FiberInfo): boolean {
    const { clock } = this
    return this.ready.length === 0 && this.single && info.fiber === this.first &&
      (clock.timers.length === 0 || (this.delays === 0 && clock.until(clock.now) === 0)) &&
      (this.interrupts === 0 || this.waiting(info).length === 0)
  }

  /** Whether the fibre stops before its next step. */
  private step(info: FiberInfo): boolean {
    const ordinary = this.preemptions > 0 && !this.alone(info) ? 2 : 1
    const n = ordinary + (this.interrupts > 0 && this.victims.has(info) ? 1 : 0)
    if (n === 1) return false
    const value = this.ask(Kind.step, n, ordinary)
    if (value === 0) {
      this.dullness.pass(info, this.steps, this.trail)
      return this.stopped !== undefined
    }
    this.yielding = info
    if (value < ordinary) {
      this.preemptions--
      this.preempted = info
      this.preemptedAt = this.steps
    } else {
      this.interrupts--
      this.victims.delete(info)
      this.doomed.push(info)
    }
    this.recorder?.stopped(info, value < ordinary)
    return true
  }

  private loop(): Ending {
    for (;;) {
      this.recorder?.left()
      this.turns++
      if (this.stopped !== undefined) return this.stopped
      const victim = this.doomed.shift()
      if (victim !== undefined) this.interrupt(victim)
      else {
        const ending = this.turn()
        if (ending !== undefined) return ending
      }
    }
  }

  /** Takes one task or timer, or delivers one interrupt. */
  private turn(): Ending | undefined {
    const { clock, ready } = this
    const held = this.preempted !== undefined && this.preemptedAt === this.steps ? this.preempted : undefined
    this.preempted = undefined
    const due = clock.until(clock.now)
    let timers = due
    if (ready.length + due === 0) {
      if (this.main!.pollUnsafe() !== undefined) return "done"
      if (clock.timers.length === 0) return "stalled"
      timers = clock.until(clock.timers[0]!.at)
    } else if (this.delays > 0 && due < clock.timers.length) timers++
    const tasks = held === undefined ? ready.length : ready.length - 1
    const victims = this.interrupts > 0 && this.victims.size > 0 ? this.waiting(held) : none
    const ordinary = tasks + timers
    const n = ordinary + victims.length
    if (n === 0) {
      if (this.source.takesEachOnce) return "redundant"
      this.preemptions++
      this.take(0)
      return undefined
    }
    let value = n === 1 ? 0 : this.ask(Kind.pick, n, ordinary)
    if (value < 0) return undefined
    if (value >= ordinary) {
      this.interrupts--
      this.victims.delete(victims[value - ordinary]!)
      this.interrupt(victims[value - ordinary]!)
    } else if (value >= tasks) {
      if (value - tasks >= due && ready.length + due > 0) this.delays--
      this.fire(value - tasks)
    } else {
      if (held !== undefined && value >= ready.placeOf(held)) value++
      this.take(value)
    }
    return undefined
  }

  private take(index: number): void {
    const task = this.ready.take(index)
    const { by, resumes: info } = task
    this.begin(info !== undefined)
    this.resuming = info
    this.yielded = by !== undefined && by.steps === task.at ? by : undefined
    this.recorder?.took(task)
    task.run()
    this.resuming = this.yielded = undefined
  }

  private fire(index: number): void {
    this.begin(true)
    this.recorder?.fires(this.clock.timers[index]!.at)
    this.clock.fire(index)
  }

  private interrupt(info: FiberInfo): void {
    this.interrupted.add(info)
    this.begin(true)
    this.recorder?.interrupts(info)
    info.fiber.interruptUnsafe()
  }

  private begin(single: boolean): void {
    this.current = this.first = undefined
    this.single = single
  }

  /** Another fibre than before takes a step. */
  private enter(fiber: Fiber.Fiber<unknown, unknown>): FiberInfo {
    this.current = fiber
    const known = this.fibers.size
    const info = this.fibers.enter(fiber)
    if (this.first === undefined) {
      this.first = fiber
      // A fibre that was never seen is started by a task that starts nothing else.
      if (this.fibers.size > known || info === this.yielded) this.single = true
    }
    if (info.parked !== undefined) this.ready.take(this.ready.placeOf(info))
    this.recorder?.entered(info)
    return info
  }

  private waiting(held: FiberInfo | undefined): ReadonlyArray<FiberInfo> {
    return [...this.victims].filter((info) => info !== held && info.fiber.pollUnsafe() === undefined)
  }

  private ask(kind: Kind, n: number, ordinary: number): number {
    const value = this.source.next(this.trail, kind, n, ordinary)
    if (value < 0) {
      this.stopped ??= "diverged"
      return kind === Kind.pick ? -1 : 0
    }
    this.trail.push(kind, n, value, this.steps)
    this.recorder?.chose(kind, n, value)
    return value
  }

  private reset(): void {
    this.trail.length = 0
    this.clock.reset()
    this.random.reset()
    this.fibers.reset()
    this.invariants.reset()
    this.victims.clear()
    this.interrupted.clear()
    this.ready.clear()
    this.dullness.reset()
    this.steps = this.turns = this.lateSteps = 0
    this.preemptions = this.bounds.preemptions
    this.interrupts = this.bounds.interrupts
    this.delays = this.bounds.delays
    this.doomed.length = 0
    this.stopped =
      this.yielding =
      this.preempted =
      this.resuming =
      this.main =
        undefined
    this.preemptedAt = -1
    this.begin(true)
  }
}

const none: ReadonlyArray<FiberInfo> = []
