// A whole server as the process: it drains, each request has a scope, and its end is drawn on stderr.
import { AsyncDrop } from "@async-drop/core"
import { HttpDrain, NodeDrop, RequestDrop } from "@async-drop/platform-node"
import { Console, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

const file = AsyncDrop.acquireRelease(Effect.succeed("hello"), () => Effect.void, { name: "file" })
const Database = Layer.effectDiscard(
  AsyncDrop.acquireRelease(Console.log("connected"), () => Console.log("disconnected"), { name: "database" })
)
const Routes = HttpRouter.add("GET", "/", Effect.map(file, HttpServerResponse.text))
const App = Layer.merge(Layer.provide(Routes, RequestDrop.layer()), HttpDrain.layerHealth())
const Server = HttpRouter.serve(App).pipe(
  Layer.provide(
    HttpDrain.layer(createServer, { port: 0, host: "127.0.0.1", budget: "8 seconds", drainDelay: "100 millis" })
  ),
  Layer.provide(Database)
)

// This one is told to end after a moment, as by an operator; SIGTERM is then no failure.
setTimeout(() => process.kill(process.pid, "SIGTERM"), 500)
AsyncDrop.launch(Server).pipe(NodeDrop.runMain({ budget: "10 seconds", report: "always", exitCode: "zero" }))
