// The tasks that may run next.
//
// Invariant: sorted by priority, lower first; equal ones by when they were scheduled.
import type { FiberInfo, Task } from "./fibers.ts"

export class Ready {
  private readonly tasks: Array<Task> = []

  get length(): number {
    return this.tasks.length
  }

  add(task: Task): void {
    let i = this.tasks.length
    while (i > 0 && this.tasks[i - 1]!.priority > task.priority) i--
    if (i === this.tasks.length) this.tasks.push(task)
    else this.tasks.splice(i, 0, task)
    if (task.resumes !== undefined) task.resumes.parked = task
  }

  take(index: number): Task {
    const task = this.tasks[index]!
    this.tasks.splice(index, 1)
    if (task.resumes !== undefined) task.resumes.parked = undefined
    return task
  }

  /** The place of the task that continues a stopped fibre. */
  placeOf(info: FiberInfo): number {
    return this.tasks.indexOf(info.parked!)
  }

  clear(): void {
    this.tasks.length = 0
  }
}
