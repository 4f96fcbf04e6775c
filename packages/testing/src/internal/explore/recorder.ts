// Writes down what the fibres of one run do, for its timeline.
import * as Exit from "effect/Exit"
import type { FiberInfo, Task } from "./fibers.ts"
import { operationOf } from "./operation.ts"
import { Kind } from "./trail.ts"
import { describe, oneLine } from "./verdict.ts"

export interface Event {
  readonly step: number
  readonly fiber: FiberInfo | undefined
  text: string
}

export class Recorder {
  readonly events: Array<Event> = []
  /** The fibre of each step, and the notes: equal for equal runs. */
  readonly digest: Array<string | number> = []
  private steps = 0
  private running: FiberInfo | undefined = undefined
  private task: Task | undefined = undefined
  private time = 0
  private over = false
  private readonly seen = new Set<FiberInfo>()
  private readonly ended = new Set<FiberInfo>()
  /** The step at which a fibre last scheduled a task: if it then stops, it yielded. */
  private readonly scheduledAt = new Map<FiberInfo, number>()
  private atStop: Event | undefined = undefined

  stepped(info: FiberInfo): void {
    this.steps++
    this.digest.push(info.id)
  }

  entered(info: FiberInfo): void {
    const before = this.running
    if (before === info) return
    if (before !== undefined) this.leaves(before, info)
    this.running = info
    if (this.seen.has(info)) return
    this.seen.add(info)
    const by = before ?? this.task?.by
    this.add(info, by === undefined ? "starts" : `starts, forked by #${by.id}`)
  }

  /** The turn is over: control is back at the scheduler. */
  left(): void {
    if (this.running !== undefined) this.leaves(this.running, undefined)
    this.running = this.task = undefined
  }

  took(task: Task): void {
    this.task = task
  }

  fires(at: number): void {
    if (at > this.time) this.add(undefined, `${this.time = at} ms`)
  }

  stopped(info: FiberInfo, preempted: boolean): void {
    this.atStop = this.add(info, preempted ? "is stopped" : "is stopped, to be interrupted")
  }

  scheduled(task: Task): void {
    if (task.by !== undefined) this.scheduledAt.set(task.by, this.steps)
    if (task.resumes === undefined || this.atStop === undefined) return
    this.atStop.text += operationOf(task.resumes.fiber)
    this.atStop = undefined
  }

  interrupts(info: FiberInfo): void {
    this.add(info, "is interrupted from outside")
  }

  chose(kind: Kind, n: number, value: number): void {
    this.digest.push(-1, kind, n, value)
    if (kind === Kind.choose) this.add(this.running, `chooses ${value} of ${n}`)
  }

  note(text: string): void {
    this.digest.push(text)
    this.add(this.running, `"${text}"`)
  }

  /** Nothing is written down after it: the run is over. */
  broke(message: string): void {
    this.add(this.running, `breaks: ${message}`)
    this.over = true
  }

  private leaves(info: FiberInfo, next: FiberInfo | undefined): void {
    const exit = info.fiber.pollUnsafe()
    if (exit !== undefined) {
      if (this.ended.has(info)) return
      this.ended.add(info)
      this.add(info, Exit.isSuccess(exit) ? "ends" : `ends: ${oneLine(exit.cause)}`)
    } else if (next !== undefined && isRunning(info)) {
      this.add(info, this.seen.has(next) ? `wakes ${describe(next)}` : "")
    } else if (info.parked === undefined) {
      this.add(info, this.scheduledAt.get(info) === this.steps ? "yields" : "waits")
    }
  }

  private add(fiber: FiberInfo | undefined, text: string): Event {
    const event = { step: this.steps, fiber, text }
    if (text !== "" && !this.over) this.events.push(event)
    return event
  }
}

/** Whether the fibre is in the middle of a step, which runs another fibre. */
const isRunning = (info: FiberInfo): boolean =>
  // Not in Effect's types: only the words of the timeline depend on it.
  (info.fiber as { readonly _running?: boolean })._running === true
