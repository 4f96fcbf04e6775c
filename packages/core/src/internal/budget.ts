// The time that a whole close may take: nine tenths for what is done in order, the last for what is left.
//
//   graceful ──nine tenths──▶ force ──the end──▶ spent
//
// 1. Everything that may take long in the close is a member while it lasts, however deep in it.
// 2. When nine tenths have passed every member is told to hurry, once; at the end each is given up on.
// 3. One inside another's time has no more than that has left. Whoever imposes a limit hears of it: errors
//    of what it cuts short are its own.
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { DropError } from "../DropError.ts"
import type { AnyFiber } from "./lifetime.ts"

/** What lasts, and can be cut short; told by the budget that is out of time. */
export interface Member {
  hurry(by: Budget): void
  /** Asked first of those that do not only wait for others, and then, at last, of all. */
  giveUp(by: Budget, atLast: boolean): void
}

export class Budget implements Member {
  readonly millis: number
  phase: "graceful" | "force" | "spent" = "graceful"
  /** Gets the errors of what it cuts short. */
  readonly deliver: (error: DropError<unknown>) => void
  private readonly outer: Budget | undefined
  private readonly clock: Clock.Clock
  private readonly forceAt: bigint
  private readonly end: bigint
  private readonly members = new Set<Member>()
  private context: Context.Context<never> | undefined = undefined
  private timer: AnyFiber | undefined = undefined
  /** Whether there is a timer, or was. */
  private ticks = false
  /** Whether there is no patience left either. */
  private isOver = false
  /** Whose time has run out first: this one's, or that of one around it. */
  private imposer: Budget = this
  /** How many members there are, at any depth. */
  private size = 0

  constructor(
    millis: number,
    outer: Budget | undefined,
    clock: Clock.Clock,
    deliver: (error: DropError<unknown>) => void
  ) {
    this.millis = millis
    this.outer = outer
    this.clock = clock
    this.deliver = deliver
    const begun = clock.monotonicTimeNanosUnsafe()
    const whole = BigInt(Math.round(Math.min(millis, longest) * 1e6))
    this.forceAt = begun + (whole * 9n) / 10n
    this.end = begun + whole
  }

  start(context: Context.Context<never>): void {
    if (this.outer !== undefined) {
      this.phase = this.outer.phase
      this.imposer = this.phase === "graceful" ? this : this.outer.imposer
      this.outer.add(this, false)
    }
    this.context = context
    if (this.millis === 0) this.tick()
  }

  /** Its time is no longer asked for. */
  stop(): void {
    this.outer?.remove(this)
    this.context = undefined
    this.timer?.interruptUnsafe()
    this.timer = undefined
  }

  /** The monotonic instant at which the present phase ends. */
  get until(): bigint {
    const until = this.phase === "graceful" ? this.forceAt : this.end
    const outer = this.outer?.until
    return outer !== undefined && outer < until ? outer : until
  }

  /** Only for what lasts there is a timer: what is over at once needs none. */
  add(member: Member, lasts = true): void {
    this.members.add(member)
    this.counted(1)
    if (lasts) this.tick()
    if (this.phase === "spent") member.giveUp(this.imposer, this.isOver)
  }

  remove(member: Member): void {
    if (this.members.delete(member)) this.counted(-1)
  }

  /** While there is no member there need be no timer. */
  rest(): void {
    if (this.size > 0 || !this.ticks) return
    this.ticks = false
    this.timer?.interruptUnsafe()
    this.timer = undefined
  }

  /** Who has the errors of what is cut short now. */
  get imposing(): Budget {
    return this.imposer
  }

  hurry(by: Budget): void {
    if (this.phase !== "graceful") return
    this.phase = "force"
    this.imposer = by
    for (const member of newestFirst(this.members)) member.hurry(by)
  }

  giveUp(by: Budget, atLast: boolean): void {
    if (this.phase !== "spent") this.imposer = by
    this.phase = "spent"
    this.isOver ||= atLast
    for (const member of newestFirst(this.members)) member.giveUp(by, atLast)
  }

  /** What only waited for others ends by itself, in a few steps; then everything has to. */
  private lapse(): Effect.Effect<void> {
    this.giveUp(this, false)
    let quiet = 0
    let least = this.size
    const settle: Effect.Effect<void> = Effect.suspend(() => {
      // Only fewer than ever: what comes and goes may do so for ever.
      quiet = this.size < least ? 0 : quiet + 1
      least = Math.min(least, this.size)
      if (this.size > 0 && quiet < patience) return Effect.andThen(Effect.yieldNow, settle)
      this.giveUp(this, true)
      return Effect.void
    })
    return settle
  }

  private counted(change: number): void {
    this.size += change
    this.outer?.counted(change)
  }

  private tick(): void {
    this.outer?.tick()
    const { context } = this
    if (context === undefined || this.ticks) return
    this.ticks = true
    const lapse = Effect.flatMap(this.sleepUntil(this.forceAt), () => {
      this.hurry(this)
      return Effect.flatMap(this.sleepUntil(this.end), () => this.lapse())
    })
    // Where a release has blocked for longer than that, what comes after it still has its first steps.
    const isLate = this.millis > 0 && this.clock.monotonicTimeNanosUnsafe() >= this.forceAt
    const timer = Effect.runForkWith(context)(isLate ? Effect.andThen(Effect.yieldNow, lapse) : lapse)
    if (timer.pollUnsafe() === undefined) this.timer = timer
  }

  private sleepUntil(instant: bigint): Effect.Effect<void> {
    return Effect.suspend(() => {
      const left = instant - this.clock.monotonicTimeNanosUnsafe()
      // A timer may fire a little early.
      return left <= 0n
        ? Effect.void
        : Effect.andThen(this.clock.sleep(Duration.nanos(left)), this.sleepUntil(instant))
    })
  }
}

/** So many turns in which nothing more has gone mean that nothing will. */
const patience = 8

/** In milliseconds: some thirty thousand years. */
const longest = 1e15

const newestFirst = (members: Set<Member>): ReadonlyArray<Member> => [...members].reverse()
