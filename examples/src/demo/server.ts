import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { join } from "node:path"
import type { Database } from "./database.ts"
import { BadInput } from "./errors.ts"
import { contents, openFile } from "./files.ts"
import { named } from "./named.ts"

/** Serves the files that the database knows, until the current scope closes. */
export const serve = Effect.fnUntraced(function*(directory: string, database: Database, port: number) {
  const node = createServer({ keepAliveTimeout: 60_000 }) // longer than any pause between two requests
  let connections = 0
  node.on("connection", () => connections++)
  const address = yield* named(
    "server",
    Effect.gen(function*() {
      const server = yield* NodeHttpServer.make(() => node, { host, port, gracefulShutdownTimeout: "1 second" })
      // For clients that outstay the second of grace.
      yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
      yield* server.serve(respond(directory, database))
      return server.address
    })
  ).pipe(Effect.catchTag("ServeError", ({ cause }) => Effect.fail(new BadInput({ message: refusal(port, cause) }))))
  return { url: HttpServer.formatAddress(address), connections: () => connections }
})

/** The file closes with the scope of its request: when its last byte was sent. */
const respond = Effect.fnUntraced(function*(directory: string, database: Database) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const path = yield* Effect.orElseSucceed(
    Effect.try(() => decodeURIComponent(request.url.slice(1))),
    () => request.url
  )
  const known = yield* database.find(path)
  if (known === undefined) return HttpServerResponse.text(`there is no file ${path}\n`, { status: 404 })
  const file = yield* openFile(join(directory, path), `served file: ${path}`)
  return HttpServerResponse.stream(contents(file), { contentLength: known.size })
})

const host = "127.0.0.1"

const refusal = (port: number, cause: unknown) =>
  cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE"
    ? `port ${port} is in use`
    : `port ${port} cannot be used: ${cause}`
