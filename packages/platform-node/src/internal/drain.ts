// The end of one HTTP server.
//
// 1. Readiness flips before anything else; then, for the delay, all is served as before, with word that
//    connections close.
// 2. After the delay nothing new is accepted, and what is idle is closed.
// 3. What is in flight has nine tenths of the budget for its own end, then it is interrupted; what has not
//    ended by the whole budget is abandoned, and its connection destroyed. So the close ends within the budget.
// 4. It runs once; who closes too waits for the same end, and the first alone gets the error.
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Http from "node:http"
import { type CutRequest, HttpDrainTimeout } from "../HttpDrainTimeout.ts"
import { Connections } from "./connections.ts"
import { type Answer, answerEarly, type Probes } from "./early.ts"
import { HttpServerRequest } from "./effect-http.ts"
import { Requests } from "./requests.ts"
import type { WebSockets } from "./web-sockets.ts"

/** In milliseconds. */
export interface Limits {
  readonly budget: number
  readonly drainDelay: number
}

export type State = "starting" | "ready" | "draining"

/** How long a request whose head has begun to come may take to be there. */
const unfinished = 1_000_000_000n

/** The part of the budget in which what waits to be accepted is, at the most. */
const accepting = 0.02

/** The part of the budget that is kept for forced ends. */
const forcing = 0.1

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
  /** Waits for requests and connections to be gone. */
  private waiter: (() => void) | undefined = undefined

  constructor(server: Http.Server, webSockets: WebSockets, limits: Limits, context: Context.Context<never>) {
    const changed = () => {
      if (this.isQuiet()) this.waiter?.()
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

  /** Uninterruptible where it is called: in a release. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, HttpDrainTimeout> {
    return Effect.suspend(() => {
      if (this.phase === "draining") return Deferred.await(this.ended)
      this.phase = "draining" // 1, and 4: in the step that has seen that it was not
      return Effect.ensuring(this.closing(exit), Deferred.succeed(this.ended, undefined))
    })
  }

  private readonly closing = Effect.fnUntraced(function*(this: Drain, exit: Exit.Exit<unknown, unknown>) {
    const { budget, drainDelay } = this.limits
    const end = (yield* Clock.monotonicTimeNanos) + BigInt(Math.round(budget * 1e6))
    const forced = end - BigInt(Math.round(budget * forcing * 1e6))
    this.connections.announce()
    if (drainDelay > 0) yield* Effect.sleep(drainDelay)
    yield* this.connections.close(budget * accepting)
    this.webSockets.close()
    yield* before(earlier((yield* Clock.monotonicTimeNanos) + unfinished, forced), this.quiet)
    this.connections.closeUnfinished()
    yield* before(forced, this.quiet)
    const overdue = new Map([...this.inFlight.fibers()].map((fiber) => [fiber, this.inFlight.of(fiber)!])) // both in this step
    this.webSockets.terminate()
    const scopes = yield* Effect.forkDetach(
      Effect.forEach(this.scopes, (scope) => Scope.close(scope, exit), { concurrency: "unbounded", discard: true }),
      { startImmediately: true }
    )
    yield* before(end, Effect.andThen(Fiber.await(scopes), this.quiet))
    const connections = this.connections.destroy()
    if (overdue.size === 0 && connections === 0) return
    const at = yield* Clock.monotonicTimeNanos
    const left = this.inFlight.fibers()
    const requests = Array.from(overdue, ([fiber, { method, path, startedAt }]): CutRequest => ({
      method,
      path,
      duration: Duration.millis(Math.round(Number(at - startedAt) / 1e6)),
      end: left.has(fiber) ? "abandoned" : "interrupted"
    }))
    return yield* new HttpDrainTimeout({ budget: Duration.millis(budget), requests, connections })
  })

  private readonly isQuiet = (): boolean => this.inFlight.size === 0 && this.connections.size === 0

  private readonly quiet: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.isQuiet()) return resume(Effect.void)
    this.waiter = () => resume(Effect.void)
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })
}

const now = (fiber: Fiber.Fiber<unknown, unknown>): bigint => fiber.getRef(Clock.Clock).monotonicTimeNanosUnsafe()

const earlier = (a: bigint, b: bigint): bigint => a < b ? a : b

/** Waits for `self`, but not beyond a time of the monotonic clock. */
const before = (end: bigint, self: Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.flatMap(
    Clock.monotonicTimeNanos,
    (now) => Effect.asVoid(Effect.raceFirst(self, Effect.sleep(Duration.nanos(end > now ? end - now : 0n))))
  )
