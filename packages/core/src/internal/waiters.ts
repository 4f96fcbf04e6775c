// Those who wait for a key, in order, and how they are answered.
//
// 1. A waiter is in at most one queue; leaving it is O(1).
// 2. An answer that comes before he listens is kept; of several, the first counts.
// 3. Answers run others inline, but not deeper than the stack can bear.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inline } from "./inline.ts"
import type { Hold } from "./instance.ts"
import type { AnyFiber } from "./lifetime.ts"

/** How a value is made, and with whose services. */
export interface Load {
  readonly effect: Effect.Effect<unknown, unknown, any> // any: what it needs is in its services
  readonly services: Context.Context<never>
}

/** Who is granted a value has it in hand. */
type Answer = Effect.Effect<void, any> // any: what the load fails with
type Resume = (answer: Answer) => void

/** One who waits: answered once, now or before he begins to listen. */
export class Waiter {
  readonly fiber: AnyFiber
  readonly load: Load | undefined
  hold: Hold | undefined = undefined
  queue: Queue | undefined = undefined
  prev: Waiter | undefined = undefined
  next: Waiter | undefined = undefined
  resume: Resume | undefined = undefined
  private answer: Answer | undefined = undefined

  constructor(fiber: AnyFiber, load: Load | undefined) {
    this.fiber = fiber
    this.load = load
  }
  /** Whether the first answer was a value. */
  get granted(): boolean {
    return this.answer === Exit.void
  }
  wait(resume: Resume): void {
    if (this.answer !== undefined) return resume(this.answer)
    this.resume = resume
  }
  /** It has its hold already. */
  grant(): void {
    this.settle(Exit.void)
  }
  fail(exit: Exit.Exit<never, unknown>): void {
    this.settle(exit)
  }
  interrupt(): void {
    this.settle(Effect.interrupt)
  }
  private settle(answer: Answer): void {
    const first = this.answer ??= answer
    const { resume } = this
    if (resume !== undefined) inline(this.fiber, () => resume(first))
  }
}

/** First in, first out; leaving it is O(1). */
export class Queue {
  first: Waiter | undefined = undefined
  private last: Waiter | undefined = undefined

  add(waiter: Waiter): void {
    waiter.queue = this
    waiter.prev = this.last
    waiter.next = undefined
    if (this.last === undefined) this.first = waiter
    else this.last.next = waiter
    this.last = waiter
  }
  remove(waiter: Waiter): void {
    if (waiter.prev === undefined) this.first = waiter.next
    else waiter.prev.next = waiter.next
    if (waiter.next === undefined) this.last = waiter.prev
    else waiter.next.prev = waiter.prev
    waiter.queue = waiter.prev = waiter.next = undefined
  }
  takeAll(): ReadonlyArray<Waiter> {
    const all = this.all()
    for (const waiter of all) this.remove(waiter)
    return all
  }
  all(): ReadonlyArray<Waiter> {
    const all: Array<Waiter> = []
    for (let waiter = this.first; waiter !== undefined; waiter = waiter.next) all.push(waiter)
    return all
  }
  moveTo(other: Queue): void {
    for (const waiter of this.takeAll()) other.add(waiter)
  }
}
