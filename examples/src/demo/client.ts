import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Duration, Effect } from "effect"
import type { HttpClient } from "effect/http"
import type { Database } from "./database.ts"
import { WrongResponse } from "./errors.ts"
import { digest } from "./files.ts"
import { named } from "./named.ts"
import { forEachShown } from "./progress.ts"

/** A client that keeps up to so many connections open between requests, until the current scope closes. */
export const connect = (connections: number) =>
  named(
    "client",
    Effect.flatMap(NodeHttpClient.makeDispatcherOptions({ connections }), (dispatcher) =>
      Effect.provideService(NodeHttpClient.makeUndici, NodeHttpClient.Dispatcher, dispatcher))
  )

interface Service {
  readonly client: HttpClient.HttpClient
  readonly database: Database
  readonly url: string
}

/** Asks for each path, 32 at a time, and compares what comes with the database; gives the milliseconds it took. */
export const checkAll = (service: Service, paths: ReadonlyArray<string>) =>
  forEachShown("checked", paths, (path) => check(service, path), 32).pipe(
    Effect.timed,
    Effect.map(([took]) => Duration.toMillis(took))
  )

const check = Effect.fnUntraced(function*({ client, database, url }: Service, path: string) {
  const expected = yield* database.find(path)
  const response = yield* client.get(`${url}/${encodeURIComponent(path)}`)
  const actual = yield* digest(response.stream)
  if (response.status === 200 && actual.sha256 === expected?.sha256) return
  const message = `${path} came with status ${response.status} and hash ${actual.sha256}, not ${expected?.sha256}`
  return yield* new WrongResponse({ message })
})
