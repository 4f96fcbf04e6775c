/**
 * A scope for each HTTP request, whose release failures are told and change no response.
 *
 * @since 0.1.0
 */
import * as DropError from "@async-drop/core/DropError"
import { DropReporter } from "@async-drop/core/DropReporter"
import type { DropScope } from "@async-drop/core/DropScope"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { randomUUID } from "node:crypto"
import { pathOf } from "./internal/early.ts"
import {
  ApiMiddleware,
  HttpServerRequest,
  type HttpServerResponse,
  middleware,
  type Request,
  RouteContext
} from "./internal/effect-http.ts"
import { millisOf } from "./internal/options.ts"
import { inRequestScope, type Settings } from "./internal/request-scope.ts"

/**
 * A release that failed, and the request that it belongs to.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestDropError {
  readonly method: string
  /** The pattern of the route, as `/users/:id`; the path, where there is no router. */
  readonly route: string
  readonly requestId: string
  readonly error: DropError.DropError<unknown>
}

/**
 * The options of the scopes of requests.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How long the releases of one request may take, all together; then they are given up on. Default 5 seconds. */
  readonly releaseTimeout?: Duration.Input | undefined
  /** Gets each failure, beside log and span. Default: the `DropReporter` of the context, where there is one. */
  readonly report?: ((error: RequestDropError) => Effect.Effect<unknown>) | undefined
  /** Default: the header `x-request-id`, else the trace id of the request, else a UUID. */
  readonly requestId?: ((request: HttpServerRequest) => string) | undefined
}

/**
 * Gives each request of the routes that it is provided to a scope of its own.
 *
 * **When to use**
 *
 * Once, around all routes of an `HttpRouter` whose handlers acquire something;
 * for an `HttpApi` use `Api`. A handler that wants a release failure in its
 * response uses `AsyncDrop.scoped` inside.
 *
 * **Details**
 *
 * The scope ends after the body was sent, a streamed one too, so no failure
 * there changes a response. Each failure is logged as an error annotated with
 * `http.method`, `http.route` and `http.request_id`; is a failed span
 * `RequestDrop.release` in the trace of the request; and goes to `report`.
 * Telling is started at once and not waited for: a `report` that fails or hangs harms nothing. In reports of
 * closes the scope is called by method, route and request id.
 *
 * A `releaseTimeout` that is negative or endless is a `DropUsageError` before
 * anything is served.
 *
 * **Interruption**
 *
 * A client that goes away interrupts the handler; what it acquired is released
 * once. The releases are uninterruptible, and end or are abandoned within
 * `releaseTimeout`, so that they do not hold a shutdown for longer.
 *
 * **Gotchas**
 *
 * The limit is the `budget` of the request's scope: after nine tenths of it
 * those behind a release that hangs begin all together, and at its end what
 * still runs is given up on.
 *
 * **Example** (A file that cannot be closed)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { RequestDrop } from "@async-drop/platform-node"
 * import { Effect, Layer } from "effect"
 * import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
 *
 * const file = AsyncDrop.acquireRelease(Effect.succeed("text"), () => Effect.fail("disk full"), { name: "file" })
 * const Routes = HttpRouter.add("GET", "/files/:name", Effect.map(file, HttpServerResponse.text))
 *
 * const seen: Array<string> = []
 * const App = Routes.pipe(
 *   Layer.provide(RequestDrop.layer({
 *     report: ({ error, method, route }) => Effect.sync(() => seen.push(`${method} ${route}: ${error.resource}`))
 *   })),
 *   Layer.provide(HttpServer.layerServices)
 * )
 * const { dispose, handler } = HttpRouter.toWebHandler(App, { disableLogger: true })
 * const response = await handler(new Request("http://localhost/files/log"))
 * await response.text() // => "text"
 * await dispose()
 * seen // => ["GET /files/:name: file"]
 * ```
 *
 * @see {@link provide} for an app without a router
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Request.From<"Requires", DropScope<any>>> =>
  // any: of all errors
  middleware<{ provides: DropScope<any> }>()( // any: as above
    Effect.map(settingsOf("RequestDrop.layer", options), (settings) => (app) => inRequest(app, settings))
  ).layer

/**
 * A middleware for an `HttpApi`, a group or an endpoint: gives each of its requests a scope of its own.
 *
 * **When to use**
 *
 * `api.middleware(RequestDrop.Api)`, with `layerApi`. Handlers of an `HttpApi` run with the services of their group,
 * the place for drop errors of the whole server among them, so `layer` around them is too far outside.
 *
 * @category middleware
 * @since 0.1.0
 */
export class Api extends ApiMiddleware<Api, { provides: DropScope<any> }>()( // any: of all errors
  "@async-drop/platform-node/RequestDrop/Api"
) {}

/**
 * What `Api` does: as `layer`, for the endpoints that name it.
 *
 * **Interruption**
 *
 * As `layer`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerApi = (options?: Options): Layer.Layer<Api> =>
  Layer.effect(
    Api,
    Effect.map(settingsOf("RequestDrop.layerApi", options), (settings) => (app) => inRequest(app, settings))
  )

/**
 * Gives each request of an app a scope of its own, as `layer` does for routes.
 *
 * **Interruption**
 *
 * As `layer`.
 *
 * @category middleware
 * @since 0.1.0
 */
export const provide: {
  (options?: Options): <E, R>(
    app: Effect.Effect<HttpServerResponse, E, R>
  ) => Effect.Effect<HttpServerResponse, E, Exclude<R, DropScope<any>> | Scope.Scope | HttpServerRequest> // any: of all errors
  <E, R>(
    app: Effect.Effect<HttpServerResponse, E, R>,
    options?: Options
  ): Effect.Effect<HttpServerResponse, E, Exclude<R, DropScope<any>> | Scope.Scope | HttpServerRequest> // any: of all errors
} = dual(
  (args) => Effect.isEffect(args[0]),
  <E, R>(app: Effect.Effect<HttpServerResponse, E, R>, options?: Options) =>
    Effect.flatMap(settingsOf("RequestDrop.provide", options), (settings) => inRequest(app, settings))
)

type Telling = Omit<Options, "releaseTimeout"> & Pick<Settings, "releaseTimeout">

const settingsOf = (operation: string, options: Options | undefined): Effect.Effect<Telling> =>
  Effect.map(
    millisOf("HTTP requests", operation, "releaseTimeout", options?.releaseTimeout ?? "5 seconds"),
    (releaseTimeout) => ({ ...options, releaseTimeout })
  )

const inRequest = <E, R>(
  app: Effect.Effect<HttpServerResponse, E, R>,
  settings: Telling
): Effect.Effect<HttpServerResponse, E, Exclude<R, DropScope<any>> | Scope.Scope | HttpServerRequest> =>
  // any: of all errors
  Effect.flatMap(HttpServerRequest, (request) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const about = aboutOf(request, context, settings)
      return inRequestScope(app, {
        name: () => nameOf(about),
        releaseTimeout: settings.releaseTimeout,
        tell: (error) => Effect.suspend(() => tell({ ...about(), error }, context, settings))
      })
    }))

/** Asked for once there is a failure, or for the name of the scope. */
const aboutOf = (
  request: HttpServerRequest,
  context: Context.Context<never>,
  { requestId }: Telling
): () => Omit<RequestDropError, "error"> => {
  let known: Omit<RequestDropError, "error"> | undefined
  return () =>
    known ??= {
      method: request.method,
      route: Context.getOrUndefined(context as Context.Context<RouteContext>, RouteContext)?.route.path ??
        pathOf(request.url),
      requestId: requestId?.(request) ?? request.headers["x-request-id"]?.slice(0, 200) ?? parentOf(context)?.traceId ??
        randomUUID()
    }
}

/** One that has no id because `requestId` throws is served all the same. */
const nameOf = (about: () => Omit<RequestDropError, "error">): string => {
  const known = Effect.runSyncExit(Effect.sync(about))
  if (known._tag === "Failure") return "request"
  const { method, requestId, route } = known.value
  return `${method} ${route} ${requestId}`
}

/** The three are told in this order, so that a report that hangs keeps nothing from the others. */
const tell = (failure: RequestDropError, context: Context.Context<never>, { report }: Telling): Effect.Effect<void> => {
  const { error, method, requestId, route } = failure
  const about = { "http.method": method, "http.route": route, "http.request_id": requestId }
  const annotations = { resource: error.resource, phase: error.phase, ...about }
  const logged = Effect.logError(DropError.toText(error), error.cause)
  // Its default would write the same entry once more.
  const reporter = context.mapUnsafe.has(DropReporter.key) ? Context.get(context, DropReporter) : undefined
  const reported = report?.(failure) ?? reporter?.(error) ?? Effect.void
  return Effect.annotateLogs(
    Effect.andThen(logged, Effect.andThen(traced(error, annotations, context), reported)),
    annotations
  )
}

/** A span of its own: that of the request has ended by now. */
const traced = (
  error: DropError.DropError<unknown>,
  attributes: Record<string, unknown>,
  context: Context.Context<never>
): Effect.Effect<void> =>
  Effect.flatMap(Effect.tracer, (tracer) =>
    Effect.map(Clock.currentTimeNanos, (end) => {
      const parent = parentOf(context)
      if (parent === undefined) return
      const span = tracer.span({
        name: "RequestDrop.release",
        parent: Option.some(parent),
        annotations: Context.empty(),
        links: [],
        startTime: end - Duration.toNanosUnsafe(error.duration),
        kind: "internal",
        root: false,
        sampled: parent.sampled
      })
      for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
      span.end(end, Exit.failCause(error.cause))
    }))

const parentOf = (context: Context.Context<never>): Tracer.AnySpan | undefined =>
  Context.getOrUndefined(context as Context.Context<Tracer.ParentSpan>, Tracer.ParentSpan) // it is there where there is tracing
