// A server in a process of its own; it says its port, and what it could not end.
import { AsyncDrop, DropError, DropFailure } from "@async-drop/core"
import { HttpDrain, NodeDrop, RequestDrop } from "@async-drop/platform-node"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import type { DrainedOptions } from "./process.ts"
import { echo, ticks } from "./routes.ts"
import { portOf } from "./server.ts"

const { drain, launch, main, runtime }: DrainedOptions = JSON.parse(process.argv[2] ?? "{}")

const held = (name: string, release: Effect.Effect<void, string>) =>
  AsyncDrop.acquireRelease(Effect.void, () => release, { name })

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", Effect.as(Effect.sleep("1 millis"), HttpServerResponse.text("hello"))),
  HttpRouter.add("GET", "/slow", Effect.as(Effect.sleep("2500 millis"), HttpServerResponse.text("done"))),
  HttpRouter.add("GET", "/ticks", HttpServerResponse.stream(ticks(25))),
  HttpRouter.add("GET", "/hang", Effect.uninterruptible(Effect.never)),
  HttpRouter.add("GET", "/leak", Effect.as(Effect.addFinalizer(() => Effect.never), HttpServerResponse.text("done"))),
  Layer.provide(
    Layer.mergeAll(
      HttpRouter.add("GET", "/poll/:id", Effect.andThen(held("poll", Console.log("poll given back")), Effect.never)),
      HttpRouter.add("GET", "/full", Effect.andThen(held("file", Effect.fail("disk full")), Effect.never))
    ),
    RequestDrop.layer()
  ),
  echo
)

const Database = Layer.effectDiscard(held("db", Console.log("db closed")))

const Server = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(Layer.effectDiscard(Effect.map(HttpServer.HttpServer, (server) => console.log(portOf(server))))),
  Layer.provideMerge(HttpDrain.layer(createServer, { port: 0, host: "127.0.0.1", ...drain })),
  Layer.provide(Layer.orDie(Database))
)

const program = AsyncDrop.launch(Server, { ...launch })

if (runtime === "effect") {
  NodeRuntime.runMain(Effect.tapCause(program, (cause) =>
    Effect.sync(() => {
      const failure = DropFailure.fromCause(cause)
      if (Option.isSome(failure)) console.log(failure.value.errors.map(DropError.toText).join("\n"))
    })))
} else {
  NodeDrop.runMain(program, { ...main })
}
