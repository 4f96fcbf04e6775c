// Effect's own server, as its documentation runs it.
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { portOf } from "../../../packages/platform-node/test/support/server.ts"

const routes = HttpRouter.add("GET", "/", Effect.as(Effect.sleep("1 millis"), HttpServerResponse.text("hello")))

const Server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(Layer.effectDiscard(Effect.map(HttpServer.HttpServer, (server) => console.log(portOf(server))))),
  Layer.provide(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

NodeRuntime.runMain(Layer.launch(Server))
