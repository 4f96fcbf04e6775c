// What `src/internal/effect-http.ts` says of Effect's HTTP modules, which are marked unstable. When one of these
// fails, an upgrade of Effect moved what HttpDrain and RequestDrop stand on.
import { NodeHttpServer, NodeWS } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as Http from "node:http"
import { get, portOf } from "./support/server.ts"

const listen = { port: 0, host: "127.0.0.1", disablePreemptiveShutdown: true }

describe("effect's HTTP modules", () => {
  it.live("listen with the server given, and add listeners for requests once something is served", () =>
    Effect.gen(function*() {
      const node = Http.createServer()
      const server = yield* NodeHttpServer.make(() => node, listen)
      assert.isTrue(node.listening)
      const counts = () => ["request", "checkContinue", "upgrade"].map((event) => node.listenerCount(event))
      assert.deepStrictEqual(counts(), [0, 0, 0])
      yield* server.serve(Effect.succeed(HttpServerResponse.empty()))
      assert.deepStrictEqual(counts(), [1, 1, 1])
    }))

  it.live("run requests in the scope of what serves them: closing that interrupts them at once", () =>
    Effect.gen(function*() {
      const server = yield* NodeHttpServer.make(Http.createServer, listen)
      const entered = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const app = Effect.interruptible(Effect.andThen(Deferred.succeed(entered, undefined), Effect.never))
      yield* Scope.provide(server.serve(app), scope)
      const client = yield* Effect.forkChild(get(portOf(server), "/"))
      yield* Deferred.await(entered)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(client)).status, 503)
    }))

  it.live("run an app in the fibre of its request, whose scope ends after the body was sent", () =>
    Effect.gen(function*() {
      const server = yield* NodeHttpServer.make(Http.createServer, listen)
      const log: Array<string> = []
      const ended = yield* Deferred.make<void>()
      const app = Effect.gen(function*() {
        const { method, source } = yield* HttpServerRequest.HttpServerRequest
        assert.instanceOf(source, Http.IncomingMessage)
        const fiber = Fiber.getCurrent()!
        fiber.addObserver(() => {
          log.push("the fibre ended")
          Deferred.doneUnsafe(ended, Exit.void)
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => log.push("the scope ended")))
        yield* Effect.addFinalizer(() => Effect.die("what closing it fails with reaches no client"))
        return HttpServerResponse.text(method)
      })
      yield* server.serve(app)
      const client = Effect.tap(get(portOf(server), "/"), ({ body }) => Effect.sync(() => log.push(body)))
      yield* client
      yield* Deferred.await(ended)
      assert.deepStrictEqual(log.toSorted(), ["GET", "the fibre ended", "the scope ended"])
    }))

  it.live("make WebSockets with the class of the options, and wait for none that is closed", () =>
    Effect.gen(function*() {
      const made: Array<NodeWS.WebSocket> = []
      const Mine = new Proxy(NodeWS.WebSocket, {
        construct: (target, args) => {
          const socket: NodeWS.WebSocket = Reflect.construct(target, args)
          made.push(socket)
          return socket
        }
      })
      const server = yield* NodeHttpServer.make(Http.createServer, { ...listen, websocket: { WebSocket: Mine } })
      yield* server.serve(Effect.gen(function*() {
        const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => request.upgrade)
        yield* Effect.ignore(Effect.flatMap(socket.reader, ({ pull }) => pull))
        return HttpServerResponse.empty()
      }))
      const client = new WebSocket(`ws://127.0.0.1:${portOf(server)}`)
      const closed = Promise.withResolvers<number>()
      client.onclose = ({ code }) => closed.resolve(code)
      client.onopen = () => made.forEach((socket) => socket.close(1001))
      assert.strictEqual(yield* Effect.promise(() => closed.promise), 1001)
      assert.strictEqual(made.length, 1)
    }))

  it.live("give middleware of a router the route", () =>
    Effect.gen(function*() {
      const server = yield* NodeHttpServer.make(Http.createServer, listen)
      const seen: Array<string> = []
      const app = yield* HttpRouter.toHttpEffect(HttpRouter.add(
        "GET",
        "/users/:id",
        Effect.map(HttpRouter.RouteContext, ({ route }) => {
          seen.push(route.path)
          return HttpServerResponse.empty()
        })
      ))
      yield* server.serve(app)
      yield* get(portOf(server), "/users/7")
      assert.deepStrictEqual(seen, ["/users/:id"])
    }))
})
