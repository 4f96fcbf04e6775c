// The end of one HTTP server.
//
// 1. Readiness flips before anything else; then, for the delay, all is served as before, with word that
//    connections close.
// 2. After the delay nothing new is accepted, and what is idle is closed.
// 3. What is in flight has nine tenths of the budget for its own end, then it is interrupted; what has not
//    ended by the whole budget is abandoned, and its connection destroyed. So the close ends within the budget.
// 4. It runs once; who closes too waits for the same end, and the first alone gets the error.
// 5. Whoever cuts it short finds it planned by what was left; where that was not enough, it goes on from where
//    it was: what is in flight is interrupted at once, and named all the same.
// 6. What is cut is known before it is waited for, so that it is named however little time is left.
import * as DropContext from "@async-drop/core/DropContext"
import * as DropReport from "@async-drop/core/DropReport"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Http from "node:http"
import { type CutRequest, HttpDrainTimeout } from "../HttpDrainTimeout.ts"
import { Connections } from "./connections.ts"
import { forcing, type Limits, type Plan, planOf } from "./drain-plan.ts"
import { delayOf, outcomeOf, shortened } from "./drain-words.ts"
import { type Answer, answerEarly, type Probes } from "./early.ts"
import { HttpServerRequest } from "./effect-http.ts"
import { type InFlight, Requests } from "./requests.ts"
import type { WebSockets } from "./web-sockets.ts"

export type State = "starting" | "ready" | "draining"

/** How long a request whose head has begun to come may take to be there. */
const unfinished = 1_000_000_000n

/** The part of the budget in which what waits to be accepted is, at the most. */
const accepting = 0.02

type AnyFiber = Fiber.Fiber<unknown, unknown>

export class Drain {
  readonly state: Effect.Effect<State> = Effect.sync(() => this.phase)
  readonly requests: Effect.Effect<number> = Effect.sync(() => this.inFlight.size)
  private readonly probes: Probes = new Map()
  private phase: State = "starting"
  private readonly inFlight: Requests
  private readonly limits: Limits
  private readonly webSockets: WebSockets
  private readonly connections: Connections
  private readonly scopes = new Set<Scope.Closeable>()
  private readonly ended = Deferred.makeUnsafe<void>()
  private readonly stopEarly: () => void
  /** How many were in flight as it began, and how many had come by then. */
  private first = { inFlight: 0, come: 0 }
  private plan: Plan | undefined = undefined
  /** What had not ended by itself. */
  private overdue: ReadonlyMap<AnyFiber, InFlight> | undefined = undefined
  /** The fibre that interrupts it. */
  private interrupting: AnyFiber | undefined = undefined
  private isCut = false
  private isOver = false
  /** Those who wait for requests and connections to be gone. */
  private readonly waiters = new Set<() => void>()

  constructor(server: Http.Server, webSockets: WebSockets, limits: Limits, context: Context.Context<never>) {
    const changed = () => {
      if (this.isQuiet()) { for (const waiter of this.waiters) waiter() }
    }
    this.limits = limits
    this.webSockets = webSockets
    this.connections = new Connections(server, changed)
    this.inFlight = new Requests(context, changed)
    this.stopEarly = answerEarly(server, this.probes)
  }

  /** Answers at a path while no app is served. */
  probe(path: string, answer: (state: State) => Answer): void {
    this.probes.set(path, () => answer(this.phase))
  }

  /** Counts a request from the first step of its app to the end of its fibre. */
  tracked<A, E, R>(app: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | HttpServerRequest> {
    return Effect.flatMap(HttpServerRequest, (request) =>
      Effect.withFiber((fiber) => {
        this.inFlight.begun(fiber, request, now(fiber))
        return app
      }))
  }

  /** An app is served; its requests run in `scope`. */
  serving(scope: Scope.Closeable): void {
    this.stopEarly()
    this.scopes.add(scope)
    this.connections.watchUpgrades()
    if (this.phase === "starting") this.phase = "ready"
  }

  /** Uninterruptible where it is called, in a release, but for who cuts it then. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, HttpDrainTimeout> {
    return Effect.suspend(() => {
      if (this.phase === "draining") return Deferred.await(this.ended)
      this.begin() // 4: in the step that has seen that it had not
      return Effect.onExit(this.closing(exit), (exit) => isInterrupted(exit) ? Effect.void : this.end)
    })
  }

  /** As `close`, where there is no time left: also while that is under way, or was interrupted. */
  cut(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, HttpDrainTimeout> {
    return Effect.suspend(() => {
      if (this.isCut || Deferred.isDoneUnsafe(this.ended)) return Deferred.await(this.ended)
      this.isCut = true
      if (this.phase !== "draining") this.begin()
      return Effect.ensuring(this.cutting(exit), this.end)
    })
  }

  private begin(): void {
    this.phase = "draining" // 1
    this.first = { inFlight: this.inFlight.size, come: this.inFlight.come }
    this.connections.announce()
  }

  private readonly end: Effect.Effect<unknown> = Effect.suspend(() => Deferred.succeed(this.ended, undefined))

  private readonly closing = Effect.fnUntraced(function*(this: Drain, exit: Exit.Exit<unknown, unknown>) {
    const plan = this.plan = planOf(this.limits, (yield* DropContext.DropContext).timeLeft)
    const begun = yield* Clock.monotonicTimeNanos
    const forced = begun + nanos(plan.forced)
    yield* this.say()
    if (this.hurries) yield* Effect.logWarning(shortened(this.limits, plan))
    if (plan.drainDelay > 0) yield* Effect.sleep(plan.drainDelay)
    yield* this.connections.close(plan.budget * accepting)
    this.webSockets.close()
    yield* before(earlier((yield* Clock.monotonicTimeNanos) + unfinished, forced), this.quiet)
    this.connections.closeUnfinished()
    yield* before(forced, this.quiet)
    yield* this.forcing(exit, begun + nanos(plan.budget), plan.budget)
  })

  private readonly cutting = Effect.fnUntraced(function*(this: Drain, exit: Exit.Exit<unknown, unknown>) {
    const { timeLeft } = yield* DropContext.DropContext
    const left = Option.match(timeLeft, { onNone: () => this.limits.budget * forcing, onSome: Duration.toMillis })
    const end = (yield* Clock.monotonicTimeNanos) + nanos(left * (1 - forcing))
    this.connections.stop()
    this.webSockets.close()
    this.connections.closeUnfinished()
    yield* this.forcing(exit, end, this.plan?.budget ?? Math.round(left))
  })

  /** 3, from its nine tenths on. */
  private readonly forcing = Effect.fnUntraced(
    function*(this: Drain, exit: Exit.Exit<unknown, unknown>, end: bigint, budget: number) {
      this.overdue ??= this.inFlight.all() // 6
      this.webSockets.terminate()
      this.interrupting ??= yield* Effect.forkDetach(
        Effect.forEach(this.scopes, (scope) => Scope.close(scope, exit), { concurrency: "unbounded", discard: true }),
        { startImmediately: true }
      )
      const ending = before(end, Effect.andThen(Fiber.await(this.interrupting), this.quiet))
      // Without time, too, what is cut is said; unless there is some for doing that in order.
      yield* Effect.onInterrupt(ending, () => this.isCut ? this.over(budget) : Effect.void)
      yield* this.over(budget)
    }
  )

  private readonly over = Effect.fnUntraced(function*(this: Drain, budget: number) {
    if (this.isOver) return
    this.isOver = true
    const connections = this.connections.destroy()
    const at = yield* Clock.monotonicTimeNanos
    const left = this.inFlight.all()
    const requests = Array.from(this.overdue ?? [], ([fiber, { startedAt, ...request }]): CutRequest => ({
      ...request,
      duration: Duration.millis(Math.round(Number(at - startedAt) / 1e6)),
      end: left.has(fiber) ? "abandoned" : "interrupted"
    }))
    yield* this.say({ requests, connections })
    if (requests.length === 0 && connections === 0) return
    return yield* new HttpDrainTimeout({ budget: Duration.millis(budget), requests, connections })
  })

  /** Whether the delay is shorter than it was to be. */
  private get hurries(): boolean {
    return this.plan !== undefined && this.plan.drainDelay < this.limits.drainDelay
  }

  private say(cut?: { readonly requests: ReadonlyArray<CutRequest>; readonly connections: number }) {
    const { come, inFlight } = this.first
    const words = outcomeOf({ inFlight, came: this.inFlight.come - come, cut })
    return DropReport.note(this.plan !== undefined && this.hurries ? `${words}; ${delayOf(this.plan)}` : words)
  }

  private readonly isQuiet = (): boolean => this.inFlight.size === 0 && this.connections.size === 0

  private readonly quiet: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.isQuiet()) return resume(Effect.void)
    const waiter = () => resume(Effect.void)
    this.waiters.add(waiter)
    return Effect.sync(() => this.waiters.delete(waiter))
  })
}

const isInterrupted = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)

const now = (fiber: AnyFiber): bigint => fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe()

const nanos = (millis: number): bigint => BigInt(Math.round(millis * 1e6))

const earlier = (a: bigint, b: bigint): bigint => a < b ? a : b

/** Waits for `self`, but not beyond a time of the monotonic clock. */
const before = (end: bigint, self: Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.flatMap(
    Clock.monotonicTimeNanos,
    (now) => Effect.asVoid(Effect.raceFirst(self, Effect.sleep(Duration.nanos(end > now ? end - now : 0n))))
  )
