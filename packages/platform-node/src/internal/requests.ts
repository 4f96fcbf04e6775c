// The requests of one server whose fibres have not ended.
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import { pathOf } from "./early.ts"
import { type HttpServerRequest, RouteContext } from "./effect-http.ts"

export const requestsInFlight: Metric.Gauge<number> = Metric.gauge("http.server.active_requests", {
  description: "Requests whose fibres have not ended, of all servers of HttpDrain"
})

export interface InFlight {
  readonly method: string
  readonly path: string
  /** Where it is in the handler of one. */
  readonly route?: string
  readonly startedAt: bigint
}

/** A fibre of any type: its outcome is not looked at. */
type AnyFiber = Fiber.Fiber<unknown, unknown>

export class Requests {
  private readonly inFlight = new Map<AnyFiber, InFlight>()
  private readonly context: Context.Context<never>
  /** How many there have ever been. */
  come = 0
  private readonly changed: () => void

  /** `changed` is called when there is none left. */
  constructor(context: Context.Context<never>, changed: () => void) {
    this.context = context
    this.changed = changed
  }

  get size(): number {
    return this.inFlight.size
  }

  begun(fiber: AnyFiber, request: HttpServerRequest, startedAt: bigint): void {
    if (this.inFlight.has(fiber)) return
    this.come++
    this.inFlight.set(fiber, { method: request.method, path: pathOf(request.url), startedAt })
    requestsInFlight.modifyUnsafe(1, this.context)
    fiber.addObserver(() => {
      this.inFlight.delete(fiber)
      requestsInFlight.modifyUnsafe(-1, this.context)
      if (this.inFlight.size === 0) this.changed()
    })
  }

  /** Those that are in flight now. */
  all(): ReadonlyMap<AnyFiber, InFlight> {
    return new Map(Array.from(this.inFlight, ([fiber, request]) => [fiber, { ...request, ...routeOf(fiber) }]))
  }
}

/** Its router tells the handler alone. */
const routeOf = ({ context }: AnyFiber): Pick<InFlight, "route"> => {
  const routed = Context.getOrUndefined(context as Context.Context<RouteContext>, RouteContext) // perhaps
  return routed === undefined ? {} : { route: routed.route.path }
}
