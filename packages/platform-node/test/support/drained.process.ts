// A server in a process of its own; it says its port, and what it could not end.
import { AsyncDrop, DropError, DropFailure } from "@async-drop/core"
import { HttpDrain } from "@async-drop/platform-node"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { echo, ticks } from "./routes.ts"
import { portOf } from "./server.ts"

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", Effect.as(Effect.sleep("1 millis"), HttpServerResponse.text("hello"))),
  HttpRouter.add("GET", "/slow", Effect.as(Effect.sleep("2500 millis"), HttpServerResponse.text("done"))),
  HttpRouter.add("GET", "/ticks", HttpServerResponse.stream(ticks(25))),
  HttpRouter.add("GET", "/hang", Effect.uninterruptible(Effect.never)),
  HttpRouter.add("GET", "/leak", Effect.as(Effect.addFinalizer(() => Effect.never), HttpServerResponse.text("done"))),
  echo
)

const Server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(Layer.effectDiscard(Effect.map(HttpServer.HttpServer, (server) => console.log(portOf(server))))),
  Layer.provideMerge(
    HttpDrain.layer(createServer, {
      port: 0,
      host: "127.0.0.1",
      drainDelay: Number(process.env["DRAIN_DELAY"] ?? 0),
      budget: Number(process.env["BUDGET"] ?? 10_000)
    })
  )
)

NodeRuntime.runMain(Effect.tapCause(AsyncDrop.launch(Server), (cause) =>
  Effect.sync(() => {
    const failure = DropFailure.fromCause(cause)
    if (Option.isSome(failure)) console.log(failure.value.errors.map(DropError.toText).join("\n"))
  })))
