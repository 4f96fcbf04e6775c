/**
 * An HTTP server that ends in order: it says so, serves what it has begun, and closes within a budget.
 *
 * @since 0.1.0
 */
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import type { DropScope } from "@async-drop/core/DropScope"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import type * as Http from "node:http"
import type * as Http2 from "node:http2"
import type { HttpDrainTimeout } from "./HttpDrainTimeout.ts"
import { forcing, type Limits } from "./internal/drain-plan.ts"
import { Drain } from "./internal/drain.ts"
import type { Answer } from "./internal/early.ts"
import {
  addAll,
  disableLogger,
  type Generator,
  type HttpPlatform,
  type HttpRouter,
  HttpServer,
  type HttpServerResponse,
  layerHttpServices,
  makeNodeServer,
  makeServer,
  type NodeServerOptions,
  type NodeServices,
  type PathInput,
  route,
  type ServeError,
  textResponse
} from "./internal/effect-http.ts"
import { millisOf, misuse } from "./internal/options.ts"
import { requestsInFlight } from "./internal/requests.ts"
import { WebSockets } from "./internal/web-sockets.ts"

/**
 * `starting` until an app is served, `ready` while it is, `draining` from the
 * first step of the close on.
 *
 * @category models
 * @since 0.1.0
 */
export type State = "starting" | "ready" | "draining"

/**
 * The options of a server: how it closes, and what Effect's own server takes but for its grace period.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Omit<NodeServerOptions, "disablePreemptiveShutdown" | "gracefulShutdownTimeout"> {
  /**
   * How long the whole close may take; it is a part of each budget around it. Its last tenth is kept for what has to be
   * forced. Default 10 seconds.
   */
  readonly budget?: Duration.Input | undefined
  /** How long all is served as before once readiness has flipped. Part of the budget. Default 0; 5 seconds under Kubernetes. */
  readonly drainDelay?: Duration.Input | undefined
}

/**
 * What an `HttpDrain` says about its server.
 *
 * @category services
 * @since 0.1.0
 */
export class HttpDrain extends Context.Service<HttpDrain, {
  readonly state: Effect.Effect<State>
  /** How many requests are in flight: their fibres have not ended. */
  readonly requests: Effect.Effect<number>
}>()("@async-drop/platform-node/HttpDrain") {}

/**
 * Makes a Node server, as `NodeHttpServer.make` does, that closes in order.
 *
 * **Details**
 *
 * The close begins when the scope of what it serves is closed, or its own:
 *
 * 1. `state` is `draining`. Responses say `Connection: close` (HTTP/2: GOAWAY), and for `drainDelay` all is
 *    served as before, new connections too.
 * 2. It accepts what waits for that, and stops listening. Connections that are idle or were never used are closed
 *    at once, WebSockets get close frame 1001, and what is in flight goes on: requests, their streamed bodies, the
 *    releases of their scopes.
 * 3. What is left after nine tenths of the budget is interrupted; what is left after all of it is abandoned, and
 *    its connection destroyed. Then the release fails with `HttpDrainTimeout`, which names the requests.
 *
 * All of that fits into nine tenths of what is left of the budgets around it, of `AsyncDrop.launch` and of
 * `NodeDrop.runMain`; a `drainDelay` that does not is cut to two thirds of them, with a warning. Where the time is
 * over before that, requests are interrupted at once, and named all the same. In a report the close is the row
 * `HTTP drain`, with a note of how many requests there were and how they ended.
 *
 * Requests that come before an app is served are answered with 503.
 *
 * **Interruption**
 *
 * Listening can be interrupted. The close cannot; it ends within the budget.
 *
 * **Gotchas**
 *
 * A budget that is negative or endless, and a `drainDelay` of nine tenths of it
 * or more, are a `DropUsageError` before anything is opened; a port in use is a
 * `ServeError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  evaluate: () => NodeServer,
  options: Options
): Effect.Effect<
  { readonly server: HttpServer["Service"]; readonly drain: HttpDrain["Service"] },
  ServeError,
  Scope.Scope | DropScope<HttpDrainTimeout>
> => Effect.flatMap(limitsOf("HttpDrain.make", options), (limits) => open(evaluate, options, limits))

/**
 * Provides a server that closes in order, in place of `NodeHttpServer.layer`.
 *
 * **Details**
 *
 * As `make`, with the services that `NodeHttpServer.layer` provides. What it
 * could not end within its budget is an `HttpDrainTimeout` in the `DropScope`
 * that it asks for; `AsyncDrop.launch` provides one.
 *
 * **Interruption**
 *
 * As `make`.
 *
 * **Example** (A server that drains)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { HttpDrain } from "@async-drop/platform-node"
 * import { Effect, Layer } from "effect"
 * import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
 * import { createServer } from "node:http"
 *
 * const App = Layer.mergeAll(
 *   HttpRouter.add("GET", "/", HttpServerResponse.text("hello")),
 *   HttpDrain.layerHealth()
 * )
 * const Server = HttpRouter.serve(App, { disableLogger: true, disableListenLog: true }).pipe(
 *   Layer.provideMerge(HttpDrain.layer(createServer, { port: 0, host: "127.0.0.1", budget: "5 seconds" }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const { address } = yield* HttpServer.HttpServer
 *   const get = (path: string) =>
 *     Effect.promise(() => fetch(HttpServer.formatAddress(address) + path).then((response) => response.text()))
 *   return [yield* get("/"), yield* get("/ready")]
 * })
 * await Effect.runPromise(AsyncDrop.scoped(Effect.provide(program, Server))) // => ["hello", "ready"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  evaluate: () => NodeServer,
  options: Options
): Layer.Layer<HttpDrain | Provided, ServeError, DropScope<HttpDrainTimeout>> =>
  layerOf(Effect.flatMap(limitsOf("HttpDrain.layer", options), (limits) => open(evaluate, options, limits)))

/**
 * As `layer`, with options from configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  evaluate: () => NodeServer,
  options: Config.Wrap<Options>
): Layer.Layer<HttpDrain | Provided, ServeError | Config.ConfigError, DropScope<HttpDrainTimeout>> =>
  layerOf(
    Effect.flatMap(Config.unwrap(options), (options) =>
      Effect.flatMap(limitsOf("HttpDrain.layerConfig", options), (limits) => open(evaluate, options, limits)))
  )

/**
 * Adds routes for what watches the server: `/live` says 200 as long as it
 * answers, `/ready` says 200 while it is ready, else 503 and the state.
 *
 * **Details**
 *
 * They also answer while the app is still being built, and are not logged.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHealth = (options?: {
  /** Default `/live`. */
  readonly live?: PathInput | undefined
  /** Default `/ready`. */
  readonly ready?: PathInput | undefined
}): Layer.Layer<never, never, HttpDrain | HttpRouter> =>
  Layer.provide(
    addAll(Effect.map(HttpDrain, (drain) => [
      probe(drain, options?.live ?? "/live", isLive),
      probe(drain, options?.ready ?? "/ready", isReady)
    ])),
    disableLogger
  )

/**
 * What the server is at.
 *
 * @category accessors
 * @since 0.1.0
 */
export const state: Effect.Effect<State, never, HttpDrain> = Effect.flatMap(HttpDrain, (drain) => drain.state)

/**
 * How many requests of the server are in flight: their fibres have not ended.
 *
 * @see {@link activeRequests} for the metric
 * @category accessors
 * @since 0.1.0
 */
export const requests: Effect.Effect<number, never, HttpDrain> = Effect.flatMap(HttpDrain, (drain) => drain.requests)

/**
 * The metric `http.server.active_requests`: the requests in flight of all
 * servers made here.
 *
 * @category metrics
 * @since 0.1.0
 */
export const activeRequests: Metric.Gauge<number> = requestsInFlight

/** What Effect's server takes: the servers of `node:http`, `node:https` and `node:http2`. */
type NodeServer = Http.Server | Http2.Http2Server | Http2.Http2SecureServer

/** What `NodeHttpServer.layer` provides. */
type Provided = HttpServer | NodeServices | HttpPlatform | Generator

interface Opened {
  readonly server: HttpServer["Service"]
  readonly drain: HttpDrain["Service"]
}

const layerOf = <E>(
  opened: Effect.Effect<Opened, E, Scope.Scope | DropScope<HttpDrainTimeout>>
): Layer.Layer<HttpDrain | Provided, E, DropScope<HttpDrainTimeout>> =>
  Layer.merge(
    Layer.effectContext(
      Effect.map(opened, ({ drain, server }) => Context.add(Context.make(HttpDrain, drain), HttpServer, server))
    ),
    layerHttpServices
  )

/** What messages call it. */
const resource = "HTTP server"

const limitsOf = (operation: string, options: Options): Effect.Effect<Limits> =>
  Effect.gen(function*() {
    const budget = yield* millisOf(resource, operation, "budget", options.budget ?? "10 seconds")
    const drainDelay = yield* millisOf(resource, operation, "drainDelay", options.drainDelay ?? 0)
    if (drainDelay === 0 || drainDelay < budget * (1 - forcing)) return { budget, drainDelay }
    const why = drainDelay > budget ? "longer than the budget of" : "and leaves requests no time of the budget of"
    const state = `drainDelay is ${drainDelay} ms, ${why} ${budget} ms`
    return yield* Effect.die(
      misuse(resource, operation, state, "It is part of the budget: give less, or a longer budget")
    )
  })

const open = Effect.fnUntraced(function*(evaluate: () => NodeServer, options: Options, limits: Limits) {
  const context = yield* Effect.context<Scope.Scope | DropScope<HttpDrainTimeout>>()
  const webSockets = new WebSockets(options.websocket?.WebSocket)
  const node = evaluate()
  // The servers have what is used here in common, with types of listeners that differ.
  const drain = new Drain(node as Http.Server, webSockets, limits, context)
  const server = yield* makeNodeServer(() => node, {
    ...options,
    websocket: { ...options.websocket, WebSocket: webSockets.Class },
    disablePreemptiveShutdown: true
  })
  yield* AsyncDrop.acquireRelease(
    Effect.void,
    // Where it comes after the drain, there is nothing left to force.
    (_, exit) => Effect.onInterrupt(drain.close(exit), () => drain.cut(exit)),
    { name: resource }
  )
  const draining = (scope: Scope.Scope, own: Scope.Closeable) =>
    Effect.provideContext(
      AsyncDrop.acquireRelease(Effect.sync(() => drain.serving(own)), (_, exit) => drain.close(exit), {
        name: "HTTP drain",
        force: (_, exit) => drain.cut(exit)
      }),
      Context.add(context, Scope.Scope, scope)
    )
  const opened: Opened = {
    drain,
    server: makeServer({
      address: server.address,
      // Requests run in a scope that the drain alone closes: closing what serves them would interrupt them.
      serve: (app, middleware) =>
        Effect.flatMap(Effect.scope, (scope) => {
          const own = Scope.makeUnsafe()
          return Effect.uninterruptible(Effect.andThen(
            Scope.provide(server.serve(drain.tracked(app), middleware as any), own), // any: as Effect's own layers pass it
            draining(scope, own)
          ))
        })
    })
  }
  return opened
})

const isLive = (): Answer => ({ status: 200, text: "live" })

const isReady = (state: State): Answer => ({ status: state === "ready" ? 200 : 503, text: state })

const probe = (drain: HttpDrain["Service"], path: PathInput, answer: (state: State) => Answer) => {
  // Another's service has a state, and no server to answer early on.
  if (drain instanceof Drain) drain.probe(path, answer)
  const response: Effect.Effect<HttpServerResponse> = Effect.map(drain.state, (state) => {
    const { status, text } = answer(state)
    return textResponse(text, { status, headers: { "cache-control": "no-store" } })
  })
  return route("GET", path, response)
}
