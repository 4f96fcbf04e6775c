// A program of `NodeDrop.misuse.test.ts`: it opens a door, and then asks for what it cannot have. The first argument
// says for what, the second is a path or a port.
import { AsyncDrop } from "@async-drop/core"
import { ChildDrop, FileDrop, HttpDrain, LockDrop, NodeDrop, TempDrop } from "@async-drop/platform-node"
import { NodeServices } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { HttpServer, HttpServerResponse } from "effect/http"
import { ChildProcess } from "effect/process"
import { createServer } from "node:http"

const [name = "", where = ""] = process.argv.slice(2)

const server = (options: { readonly port: number; readonly drainDelay?: string; readonly budget?: string }) =>
  HttpServer.serve(Effect.succeed(HttpServerResponse.empty())).pipe(
    // as from a file
    Layer.provide(HttpDrain.layer(createServer, { host: "127.0.0.1", ...options } as HttpDrain.Options)),
    Layer.launch
  )

const misuses = {
  "a port in use": server({ port: Number(where) }),
  "a drainDelay longer than the budget": server({ port: 0, drainDelay: "20 seconds", budget: "10 seconds" }),
  "a lock in a folder that cannot be written": LockDrop.acquire(`${where}/app.lock`),
  "a temporary directory in a folder that cannot be written": TempDrop.directory({ parent: where }),
  "a file on a full disk": Effect.flatMap(
    FileDrop.open("/dev/full", { flag: "w" }),
    (file) => file.writeAll(new Uint8Array(10))
  ),
  "a child that cannot start": ChildDrop.spawn(ChildProcess.make("no-such-program", ["--now"]))
}

const program = Effect.gen(function*() {
  yield* AsyncDrop.acquireRelease(Console.log("open"), () => Console.log("closed"), { name: "door" })
  return yield* misuses[name as keyof typeof misuses] // one of them, or the test is wrong
})

program.pipe(Effect.provide(NodeServices.layer), NodeDrop.runMain)
