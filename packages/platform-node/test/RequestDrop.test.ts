import { AsyncDrop, DropObserver, DropReporter, DropUsageError } from "@async-drop/core"
import { RequestDrop } from "@async-drop/platform-node"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Layer, Logger, References, Schema, Stream, Tracer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import * as Http from "node:http"
import { connect, get, portOf, start } from "./support/server.ts"

const file = AsyncDrop.acquireRelease(Effect.succeed("text"), () => Effect.fail("disk full"), { name: "file" })

/** Collects what is reported, and lets one wait for it. */
const collector = Effect.gen(function*() {
  const seen: Array<RequestDrop.RequestDropError> = []
  const first = yield* Deferred.make<RequestDrop.RequestDropError>()
  const report = (error: RequestDrop.RequestDropError) => {
    seen.push(error)
    return Deferred.succeed(first, error)
  }
  return { seen, report, first: Deferred.await(first) }
})

const served = (route: Layer.Layer<never, any, any>, options?: RequestDrop.Options) =>
  // any: what is left is the router's
  start(Layer.provide(route, RequestDrop.layer(options)))

describe("RequestDrop.layer", () => {
  it.live("tells log, span and report of a failing release, with method, route and request id", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ cause, fiber, message }) => {
      logged.push([message, cause.reasons.length, fiber.getRef(References.CurrentLogAnnotations)])
    })
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const about = { "http.method": "GET", "http.route": "/files/:name", "http.request_id": "id-1" }
    return Effect.gen(function*() {
      const { first, report, seen } = yield* collector
      const route = HttpRouter.add("GET", "/files/:name", Effect.map(file, HttpServerResponse.text))
      const { errors, port } = yield* served(route, { report })
      const { body, status } = yield* get(port, "/files/a?token=secret", { headers: { "x-request-id": "id-1" } })
      assert.deepStrictEqual([status, body], [200, "text"])
      const { error, ...rest } = yield* first
      assert.deepStrictEqual(rest, { method: "GET", route: "/files/:name", requestId: "id-1" })
      assert.deepStrictEqual([error.resource, error.cause], ["file", Cause.fail("disk full")])
      assert.strictEqual(seen.length, 1)
      const annotations = { resource: "file", phase: "graceful", ...about }
      assert.deepStrictEqual(logged, [[["file: its release failed with disk full"], 1, annotations]])
      const [request, release, ...others] = spans
      assert.deepStrictEqual(others, [])
      assert.strictEqual(release!.name, "RequestDrop.release")
      assert.strictEqual(release!.traceId, request!.traceId)
      assert.deepStrictEqual(Object.fromEntries(release!.attributes), annotations)
      assert(release!.status._tag === "Ended")
      assert.deepStrictEqual(release!.status.exit, Exit.fail("disk full"))
      assert.deepStrictEqual(errors, []) // of the server's own place
    }).pipe(Effect.provide(Logger.layer([logger])), Effect.provideService(Tracer.Tracer, tracer))
  })

  it.live("is called as its request where someone watches, and serves one that cannot be named", () =>
    Effect.gen(function*() {
      const names: Array<string> = []
      const named = yield* Deferred.make<void>()
      const served = (options?: RequestDrop.Options) =>
        Effect.gen(function*() {
          const route = HttpRouter.add("GET", "/files/:name", HttpServerResponse.text("text"))
          const { port } = yield* start(Layer.provide(route, RequestDrop.layer(options)))
          const { body } = yield* get(port, "/files/a", { headers: { "x-request-id": "id-1" } })
          assert.strictEqual(body, "text")
        }).pipe(Effect.scoped)
      yield* Effect.andThen(served(), served({ requestId: () => assert.fail("no id") })).pipe(
        Effect.provideService(DropObserver.DropObserver, (event) => {
          if (event._tag !== "Acquired" || event.resource.startsWith("HTTP")) return
          names.push(event.resource)
          if (names.length === 2) Deferred.doneUnsafe(named, Exit.void)
        })
      )
      yield* Deferred.await(named)
      assert.deepStrictEqual(names, ["GET /files/:name id-1", "request"])
    }))

  it.live("ends the scope after a streamed body was sent", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const ended = yield* Deferred.make<void>()
      const open = AsyncDrop.acquireRelease(Effect.void, () => {
        log.push("released")
        return Deferred.succeed(ended, undefined)
      })
      const body = Stream.make("a", "b").pipe(
        Stream.tap((part) => Effect.sync(() => log.push(part))),
        Stream.encodeText
      )
      const { port } = yield* served(HttpRouter.add("GET", "/", Effect.as(open, HttpServerResponse.stream(body))))
      assert.strictEqual((yield* get(port, "/")).body, "ab")
      yield* Deferred.await(ended)
      assert.deepStrictEqual(log, ["a", "b", "released"])
    }))

  it.live("abandons a release that hangs at its limit, names it, and does not hold the shutdown", () =>
    Effect.gen(function*() {
      const { first, report } = yield* collector
      const stuck = AsyncDrop.acquireRelease(Effect.void, () => Effect.never, { name: "stuck" })
      const { close, errors, port } = yield* served(
        HttpRouter.add("GET", "/", Effect.as(stuck, HttpServerResponse.text("done"))),
        { report, releaseTimeout: "200 millis" }
      )
      assert.strictEqual((yield* get(port, "/")).body, "done")
      const took = yield* close
      const { error } = yield* first
      assert.deepStrictEqual([error.resource, error.phase], ["stuck", "abandoned"])
      assert.match(Cause.pretty(error.cause), /stuck did not end within its scope's budget/)
      assert.deepStrictEqual(errors, [])
      assert.isBelow(took, 800) // the budget is 5 seconds; measured 203
    }))

  it.live("interrupts the handler when the client goes away, and releases once", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const entered = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      const open = AsyncDrop.acquireRelease(Effect.void, (_, exit) => {
        log.push(Exit.hasInterrupts(exit) ? "released after an interrupt" : "released")
        return Deferred.succeed(released, undefined)
      })
      const handler = Effect.andThen(open, Effect.andThen(Deferred.succeed(entered, undefined), Effect.never))
      const { close, port } = yield* served(HttpRouter.add("GET", "/", handler))
      const client = yield* connect(port, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
      yield* Deferred.await(entered)
      client.socket.destroy()
      yield* Deferred.await(released)
      yield* close
      assert.deepStrictEqual(log, ["released after an interrupt"])
    }))

  it.live("leaves it to AsyncDrop.scoped to put a failure into the response", () =>
    Effect.gen(function*() {
      const { report, seen } = yield* collector
      const handler = AsyncDrop.scoped(Effect.map(file, HttpServerResponse.text)).pipe(
        Effect.catchTag("DropFailure", () => Effect.succeed(HttpServerResponse.text("not kept", { status: 507 })))
      )
      const { port } = yield* served(HttpRouter.add("GET", "/", handler), { report })
      assert.strictEqual((yield* get(port, "/")).status, 507)
      assert.deepStrictEqual(seen, [])
    }))

  it.live("tells of a plain finalizer that dies", () =>
    Effect.gen(function*() {
      const { first, report } = yield* collector
      const handler = Effect.as(Effect.addFinalizer(() => Effect.die("gone")), HttpServerResponse.text("done"))
      const { port } = yield* served(HttpRouter.add("GET", "/", handler), { report })
      assert.strictEqual((yield* get(port, "/")).body, "done")
      assert.strictEqual((yield* first).error.resource, "a plain finalizer")
    }))

  it.live("reports to the DropReporter of the context where no other is given", () =>
    Effect.gen(function*() {
      const seen = yield* Deferred.make<string>()
      const { port } = yield* served(HttpRouter.add("GET", "/", Effect.map(file, HttpServerResponse.text))).pipe(
        Effect.provideService(DropReporter.DropReporter, (error) => Deferred.succeed(seen, error.resource))
      )
      yield* get(port, "/")
      assert.strictEqual(yield* Deferred.await(seen), "file")
    }))

  it.live("is harmed by no report that dies or hangs", () =>
    Effect.gen(function*() {
      for (const report of [() => Effect.die("no"), () => Effect.never]) {
        const { close, errors, port } = yield* served(
          HttpRouter.add("GET", "/", Effect.map(file, HttpServerResponse.text)),
          { report }
        )
        assert.strictEqual((yield* get(port, "/")).body, "text")
        assert.isBelow(yield* close, 500)
        assert.deepStrictEqual(errors, [])
      }
    }).pipe(Effect.provide(Logger.layer([]))))

  it.live("works for the endpoints of an HttpApi", () =>
    Effect.gen(function*() {
      const { first, report } = yield* collector
      const Api = HttpApi.make("api").add(
        HttpApiGroup.make("files").add(HttpApiEndpoint.get("read", "/files/:name", {
          params: { name: Schema.String },
          success: Schema.String
        }))
      ).middleware(RequestDrop.Api)
      const Files = HttpApiBuilder.group(Api, "files", (handlers) => handlers.handle("read", () => file))
      const Routes = HttpApiBuilder.layer(Api).pipe(
        Layer.provide(Files),
        Layer.provide(RequestDrop.layerApi({ report }))
      )
      const { port } = yield* start(Routes)
      assert.strictEqual((yield* get(port, "/files/a")).body, "\"text\"")
      assert.strictEqual((yield* first).route, "/files/:name")
    }))

  it.effect("refuses a bad limit before anything is served", () =>
    Effect.gen(function*() {
      const exit = yield* RequestDrop.layer({ releaseTimeout: -1 }).pipe(Layer.build, Effect.scoped, Effect.exit)
      assert(Exit.isFailure(exit))
      const defect = Cause.squash(exit.cause)
      assert(defect instanceof DropUsageError.DropUsageError)
      assert.match(defect.message, /^RequestDrop.layer of HTTP requests: releaseTimeout is -1/)
    }))
})

describe("RequestDrop.provide", () => {
  it.live("does the same for an app without a router, on a plain server of Effect", () =>
    Effect.gen(function*() {
      const { first, report } = yield* collector
      const server = yield* NodeHttpServer.make(Http.createServer, { port: 0, host: "127.0.0.1" })
      yield* server.serve(RequestDrop.provide(Effect.map(file, HttpServerResponse.text), { report }))
      assert.strictEqual((yield* get(portOf(server), "/a/b?secret")).body, "text")
      const { method, requestId, route } = yield* first
      assert.deepStrictEqual([method, route, requestId.length > 0], ["GET", "/a/b", true])
    }))
})
