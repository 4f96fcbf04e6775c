// A clock that stands still until the explorer moves it.
//
// Invariants
// 1. `timers` is sorted by when they fire, equal ones by when they were set.
// 2. A timer leaves the list before its fibre runs, or when its fibre is interrupted.
// 3. Time never goes back; wall and monotonic time are the same.
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export interface Timer {
  readonly at: number
  readonly resume: (effect: Effect.Effect<void>) => void
}

export class VirtualClock implements Clock.Clock {
  now = 0
  readonly timers: Array<Timer> = []

  currentTimeMillisUnsafe(): number {
    return this.now
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.now * 1_000_000))
  }
  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback((resume) => {
      const timer = this.insert({ at: this.now + millis, resume })
      return Effect.sync(() => this.remove(timer))
    })
  }

  /** How many timers fire at `time` or before. */
  until(time: number): number {
    let n = 0
    while (n < this.timers.length && this.timers[n]!.at <= time) n++
    return n
  }

  /** Fires the timer at `index`, after moving the time to it. */
  fire(index: number): void {
    const timer = this.timers[index]!
    this.timers.splice(index, 1)
    if (timer.at > this.now) this.now = timer.at
    timer.resume(Effect.void)
  }

  reset(): void {
    this.now = 0
    this.timers.length = 0
  }

  private insert(timer: Timer): Timer {
    let i = this.timers.length
    while (i > 0 && this.timers[i - 1]!.at > timer.at) i--
    this.timers.splice(i, 0, timer)
    return timer
  }

  private remove(timer: Timer): void {
    const i = this.timers.indexOf(timer)
    if (i >= 0) this.timers.splice(i, 1)
  }
}
