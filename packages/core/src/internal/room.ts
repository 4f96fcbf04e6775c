// Room for so many live instances; who finds none waits in line.
//
// 1. A key has its place from the step that finds or frees it until its instance, or its load, has ended.
// 2. First come, first served. Who is interrupted leaves the line.
// 3. Who waits goes on when any place is free: he waits for himself only if every one of them leads back to him.
import * as Effect from "effect/Effect"
import { beginWait, endWait, findCycle } from "./cycle.ts"
import type { AnyFiber, Awaited } from "./lifetime.ts"

/** A key that has a place, or wants one. */
export interface Tenant extends Awaited {
  /** With `bound`, of what it waits for, that which cannot let another one end it. */
  view(bound: boolean, ending: boolean): Awaited
}

export class Room implements Awaited {
  private readonly home: { readonly name: string }
  private readonly capacity: number
  private readonly inside = new Map<Tenant, Awaited>()
  private readonly line = new Map<Tenant, { readonly fiber: AnyFiber; readonly go: () => void }>()

  constructor(home: { readonly name: string }, capacity: number) {
    this.home = home
    this.capacity = capacity
  }

  get label(): string {
    return `the room in ${this.home.name}`
  }
  get anyOf(): Iterable<Awaited> {
    return this.inside.values()
  }
  *blockers(): Generator<AnyFiber> {}

  get full(): boolean {
    return this.inside.size >= this.capacity
  }
  /** Whether someone waits for it. */
  get wanted(): boolean {
    return this.line.size > 0
  }

  /** Only where it is not full. */
  take(key: Tenant): void {
    this.inside.set(key, key.view(true, false))
  }

  /** Gives the place of one that keeps nothing there any more to another. */
  pass(from: Tenant, to: Tenant): void {
    if (this.inside.delete(from)) this.take(to)
  }

  /** Waits for a place; where there is none, `whenFull` may make one, or say that nobody is to wait. */
  wait<E>(key: Tenant, whenFull: () => Effect.Effect<never, E> | undefined): Effect.Effect<void, E> {
    return Effect.withFiber((fiber) =>
      Effect.callback((resume) => {
        const refused = this.full ? whenFull() : undefined
        if (refused !== undefined) return resume(refused)
        if (!this.full) {
          this.take(key)
          return resume(Effect.void)
        }
        const cycle = findCycle(fiber, this)
        if (cycle !== undefined) return resume(Effect.die(cycle))
        beginWait(fiber, this)
        this.line.set(key, { fiber, go: () => resume(Effect.void) })
        return Effect.sync(() => {
          endWait(fiber)
          this.line.delete(key)
        })
      })
    )
  }

  leave(key: Tenant): void {
    if (!this.inside.delete(key)) return
    for (const [next, { fiber, go }] of this.line) {
      this.line.delete(next)
      this.take(next)
      endWait(fiber)
      // In a task of its own: inline, a long line would be as deep on the stack as it is long.
      fiber.currentDispatcher.scheduleTask(go, 0)
      return
    }
  }
}
