// A real server on a port of its own, and clients of it.
import { type DropError, DropScope } from "@async-drop/core"
import { HttpDrain } from "@async-drop/platform-node"
import { Context, Duration, Effect, Exit, Layer, Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import * as Http from "node:http"
import * as Net from "node:net"

interface Running {
  readonly port: number
  readonly context: Context.Context<HttpDrain.HttpDrain | HttpServer.HttpServer>
  /** What was given to the place of drop errors. */
  readonly errors: ReadonlyArray<DropError.DropError<unknown>>
  /** Closes it; how long that took, in milliseconds. */
  readonly close: Effect.Effect<number>
}

type Routes = Layer.Layer<never, any, any> // what routes ask for is provided here, or by the router

export const start = Effect.fnUntraced(function*(
  routes: Routes,
  options?: Partial<HttpDrain.Options>,
  evaluate: Parameters<typeof HttpDrain.layer>[0] = Http.createServer
) {
  const errors: Array<DropError.DropError<unknown>> = []
  const scope = yield* Scope.make()
  const close = timed(Scope.close(scope, Exit.void))
  yield* Effect.addFinalizer(() => close)
  const layer = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(HttpDrain.layer(evaluate, { port: 0, host: "127.0.0.1", budget: "5 seconds", ...options })),
    Layer.provide(DropScope.layerReport((error) => Effect.sync(() => errors.push(error))))
  ) as Layer.Layer<HttpDrain.HttpDrain | HttpServer.HttpServer>
  const context = yield* Scope.provide(Layer.build(layer), scope)
  const running: Running = { port: portOf(Context.get(context, HttpServer.HttpServer)), context, errors, close }
  return running
})

export const portOf = ({ address }: HttpServer.HttpServer["Service"]): number => {
  if (address._tag !== "InetAddressV4") throw new Error("not on a port of IPv4")
  return address.port
}

export const timed = (effect: Effect.Effect<unknown>): Effect.Effect<number> =>
  Effect.map(Effect.timed(effect), ([duration]) => Duration.toMillis(duration))

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

/** Fails with the code of the connection's error. */
export const get = (port: number, path: string, options?: Http.RequestOptions): Effect.Effect<Answer, string> =>
  Effect.callback((resume) => {
    const request = Http.request({ port, host: "127.0.0.1", path, agent: false, ...options }, (response) => {
      let body = ""
      response.on("data", (chunk) => body += chunk)
      response.on(
        "end",
        () => resume(Effect.succeed({ status: response.statusCode!, headers: response.headers, body }))
      )
      response.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? error.message)))
    })
    request.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? error.message)))
    request.end()
    return Effect.sync(() => request.destroy())
  })

export interface RawSocket {
  readonly socket: Net.Socket
  readonly received: () => string
  /** Ends with what was received when the server has closed the connection. */
  readonly closed: Effect.Effect<string>
}

export const connect = (port: number, first?: string): Effect.Effect<RawSocket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<RawSocket>((resume) => {
      let text = ""
      const ended = Promise.withResolvers<string>()
      const socket = Net.connect(port, "127.0.0.1", () => {
        if (first !== undefined) socket.write(first)
        resume(Effect.succeed({ socket, received: () => text, closed: Effect.promise(() => ended.promise) }))
      })
      socket.on("data", (chunk) => text += chunk)
      socket.on("error", () => {})
      socket.on("close", () => ended.resolve(text))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** The head of a request for a WebSocket, from a client that never sends a frame. */
export const upgradeTo = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
  "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
