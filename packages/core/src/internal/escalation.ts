// One release that has a limit: asked, then forced, then given up on.
//
//   graceful ──limit──▶ stopping ──ended, or not at once──▶ force ──its limit──▶ over
//      └───────────────────┴──────────── ended ───────────────┴──────────────────▲
//
// 1. The release runs in a fibre of its own; who closes waits here, uninterruptibly, and only for as long as
//    the limits say, whatever that fibre does.
// 2. `force` is started at most once, after the release was interrupted.
// 3. It answers once. What ends after that is reported as late, once.
// 4. No timer and no fibre of its own is left once it has answered, but for what was given up on.
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { DropContext } from "../DropContext.ts"
import type { Phase } from "../DropError.ts"
import type { Limit } from "../DropTimeout.ts"
import type { Budget, Member } from "./budget.ts"
import { invoke } from "./call.ts"
import { type Closing, leftUntil, Release } from "./closing.ts"
import { cutShort } from "./cut-short.ts"
import { beginWork, endWork } from "./cycle.ts"
import { dropError, reportBeside } from "./errors.ts"
import { inline, isDeep, nested } from "./inline.ts"
import { type AnyFiber, type Lifetime, observe } from "./lifetime.ts"
import { noting } from "./noting.ts"
import { isExit } from "./shape.ts"

type Resume = (effect: Effect.Effect<unknown, unknown>) => void

/**
 * Runs the release of `lifetime` within what is left of its own limit, in milliseconds, and of the budget of
 * the close that it is part of. What is over at once needs neither.
 */
export const escalating = (
  lifetime: Lifetime,
  exit: Exit.Exit<unknown, unknown>,
  clock: Clock.Clock,
  closing: Closing | undefined,
  timeout: number
): Effect.Effect<unknown, unknown> => {
  const force = lifetime.meta?.limits?.force
  const late = closing?.budget !== undefined && closing.budget.phase !== "graceful"
  const graceful = late && force !== undefined
    ? undefined
    : noting(lifetime, invoke(lifetime, lifetime.release, exit))
  if (graceful !== undefined && isExit(graceful)) return graceful
  return Effect.uninterruptible(
    Effect.withFiber((fiber) =>
      Effect.callback((resume) =>
        new Escalation(lifetime, exit, clock, closing, timeout, fiber, resume).begin(graceful)
      )
    )
  )
}

class Escalation extends Release implements Member {
  readonly closing: Closing | undefined
  private readonly lifetime: Lifetime
  private readonly exit: Exit.Exit<unknown, unknown>
  private readonly clock: Clock.Clock
  private readonly closer: AnyFiber
  private readonly context: Context.Context<never>
  private readonly resume: Resume
  private readonly base: bigint
  private readonly begun: bigint
  private readonly timeout: number
  private state: "graceful" | "stopping" | "force" | "over" = "graceful"
  /** What runs in this state. */
  private fiber: AnyFiber | undefined = undefined
  private timer: AnyFiber | undefined = undefined
  private deadline = Infinity
  /** Which limit has passed, and who imposed it. */
  private limit: Limit = "timeout"
  private by: Budget | undefined = undefined
  /** What ends while it is being interrupted does not end late. */
  private interrupting = false

  constructor(
    lifetime: Lifetime,
    exit: Exit.Exit<unknown, unknown>,
    clock: Clock.Clock,
    closing: Closing | undefined,
    timeout: number,
    closer: AnyFiber,
    resume: Resume
  ) {
    super()
    this.lifetime = lifetime
    this.exit = exit
    this.clock = clock
    this.closing = closing
    this.timeout = timeout
    this.closer = closer
    this.context = Context.add(closer.context, DropContext, this)
    this.resume = resume
    this.begun = clock.monotonicTimeNanosUnsafe()
    this.base = lifetime.owner?.startedAt ?? this.begun
  }

  /** Without a release it is forced at once. */
  begin(graceful: Effect.Effect<unknown, unknown> | undefined): void {
    const budget = this.closing?.budget
    // Before what is inside of it: that is given up on first. With no time left, everything still is begun.
    const inTime = budget !== undefined && budget.phase !== "spent"
    if (inTime) budget.add(this)
    if (graceful === undefined) {
      this.limit = "budget"
      this.by = budget?.imposing
      this.state = "stopping"
      this.force()
    } else if (this.state === "graceful" || this.state === "stopping") {
      this.run("graceful", graceful, this.timeout)
      if (this.state === "graceful") this.arm(this.timeout, () => this.passed("timeout", undefined))
    }
    if (!inTime && !this.isOver) budget?.add(this)
  }

  hurry(by: Budget): void {
    // What others may be closed in is given the time that they get.
    if (this.lifetime.composition !== "foreign") this.passed("budget", by)
  }

  giveUp(by: Budget, atLast: boolean): void {
    if (this.isOver || (this.lifetime.composition === "foreign" && !atLast)) return
    this.by ??= by
    this.limit = "budget"
    this.abandon()
  }

  get phase(): Phase {
    return this.state === "graceful" || this.isOver ? "graceful" : "force"
  }

  get reason(): Option.Option<Limit> {
    return this.phase === "graceful" ? Option.none() : Option.some(this.limit)
  }

  get timeLeft(): Option.Option<Duration.Duration> {
    if (this.isOver) return Option.none()
    const own = this.deadline === Infinity ? undefined : BigInt(Math.round(this.deadline))
    const until = this.closing?.budget?.until
    if (own === undefined) return until === undefined ? Option.none() : leftUntil(until, this.clock)
    return leftUntil(until !== undefined && until < own ? until : own, this.clock)
  }

  get abandoned(): ReadonlyArray<string> {
    return this.isOver ? [] : this.closing?.abandonedBefore(this.lifetime) ?? []
  }

  private get isOver(): boolean {
    return this.state === "over"
  }

  private passed(limit: Limit, by: Budget | undefined): void {
    if (this.state !== "graceful") return
    this.state = "stopping"
    this.limit = limit
    this.by = by
    this.disarm()
    this.interrupt()
    // It has ended, or it is left to itself; where it has no other way to end, it has the last tenth.
    if (this.state !== "stopping") return
    if (this.lifetime.meta?.limits?.force !== undefined) this.force()
    else if (by === undefined) this.abandon()
  }

  private force(): void {
    const limits = this.lifetime.meta?.limits
    if (limits?.force === undefined) return this.abandon()
    this.state = "force"
    this.quit()
    observe(this.lifetime, (id, resource) => ({ _tag: "Forcing", id, resource, limit: this.limit }))
    const millis = this.limit === "budget" ? Infinity : limits.forceTimeout
    this.run("force", noting(this.lifetime, invoke(this.lifetime, limits.force, this.exit)), millis)
    if (this.isOver) return
    this.arm(millis, () => {
      this.limit = "forceTimeout"
      this.abandon()
    })
  }

  private run(phase: Phase, effect: Effect.Effect<unknown, unknown>, millis: number): void {
    this.deadline = Number(this.clock.monotonicTimeNanosUnsafe()) + millis * 1e6
    const known = Effect.withFiber((fiber) => {
      // Known before its first step, which may look for cycles, or come back here.
      this.fiber = fiber
      beginWork(this.closer, fiber)
      return effect
    })
    const fork = Effect.runForkWith(this.context)
    const later = isDeep()
    const fiber = nested(() => fork(later ? Effect.andThen(Effect.yieldNow, known) : known))
    if (later) this.fiber = fiber
    fiber.addObserver((exit) => phase === "graceful" ? this.ended(exit) : this.forced(exit))
  }

  /** The release itself has ended. */
  private ended(exit: Exit.Exit<unknown, unknown>): void {
    if (this.state === "graceful") return this.answer(exit)
    if (this.state !== "stopping") return this.late("graceful", exit)
    if (exit._tag === "Success" || !Cause.hasInterruptsOnly(exit.cause)) return this.answer(exit)
    this.force()
  }

  private forced(exit: Exit.Exit<unknown, unknown>): void {
    if (this.state !== "force") return this.late("force", exit)
    if (exit._tag === "Success") return this.cut("force")
    // Its errors have no type: they cannot stand in a result.
    reportBeside(this.lifetime, "force", exit, this.times(), false)
    this.abandon()
  }

  private abandon(): void {
    if (this.isOver) return
    this.state = "over"
    observe(this.lifetime, (id, resource) => ({ _tag: "Abandoned", id, resource, limit: this.limit }))
    this.interrupt()
    this.cut("abandoned")
  }

  private late(phase: Phase, exit: Exit.Exit<unknown, unknown>): void {
    if (this.interrupting && exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)) return
    observe(this.lifetime, (id, resource) => ({ _tag: "Late", id, resource, phase, exit }))
    reportBeside(this.lifetime, phase, exit, this.times(), true)
  }

  /** Whoever imposed the limit is told at once: who waits here may go on only when that one has ended. */
  private cut(phase: Phase): void {
    const exit = cutShort(this.lifetime, this.limit, phase, this.by)
    this.by?.deliver(dropError(this.lifetime, exit.cause, this.times()))
    this.answer(exit)
  }

  private answer(exit: Exit.Exit<unknown, unknown>): void {
    this.state = "over"
    this.disarm()
    this.quit()
    this.closing?.budget?.remove(this)
    inline(this.closer, () => this.resume(exit))
  }

  private interrupt(): void {
    this.interrupting = true
    this.fiber?.interruptUnsafe()
    this.interrupting = false
  }

  /** Who closes waits for it no longer. */
  private quit(): void {
    if (this.fiber !== undefined) endWork(this.closer, this.fiber)
    this.fiber = undefined
  }

  private arm(millis: number, passed: () => void): void {
    if (millis === Infinity) return
    const timer = Effect.andThen(this.clock.sleep(Duration.millis(millis)), Effect.sync(passed))
    const fiber = Effect.runForkWith(this.context)(timer)
    // What passed at once may have armed the next one.
    if (fiber.pollUnsafe() === undefined) this.timer = fiber
  }

  private disarm(): void {
    this.deadline = Infinity
    const timer = this.timer
    this.timer = undefined
    timer?.interruptUnsafe()
  }

  private times() {
    return { base: this.base, start: this.begun, end: this.clock.monotonicTimeNanosUnsafe() }
  }
}
