// A server that drains: readiness flips, what it has begun is served, and the close ends within its budget.
import { AsyncDrop } from "@async-drop/core"
import { HttpDrain, RequestDrop } from "@async-drop/platform-node"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

const file = AsyncDrop.acquireRelease(Effect.succeed("hello"), () => Effect.log("file closed"), { name: "file" })
const Routes = HttpRouter.add("GET", "/", Effect.map(file, HttpServerResponse.text))
const App = Layer.merge(Layer.provide(Routes, RequestDrop.layer()), HttpDrain.layerHealth())
const Server = HttpRouter.serve(App).pipe(
  Layer.provideMerge(HttpDrain.layer(createServer, { port: 0, host: "127.0.0.1", drainDelay: "100 millis" }))
)

// A server of one's own is run by `AsyncDrop.launch(Server)`; this one asks itself two things and closes.
const program = Effect.gen(function*() {
  const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  for (const path of ["/", "/ready"]) {
    console.log(path, yield* Effect.promise(() => fetch(url + path).then((response) => response.text())))
  }
})
await Effect.runPromise(AsyncDrop.scoped(Effect.provide(program, Server)))
