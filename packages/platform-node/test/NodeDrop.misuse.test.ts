// What a process says, and gives back, that asks for what it cannot have.
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { program } from "./support/program.ts"

const linux = process.platform === "linux"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "misuse-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const portInUse = Effect.acquireRelease(
  Effect.callback<ReturnType<typeof createServer>>((resume) => {
    const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
).pipe(Effect.map((server) => {
  const address = server.address()
  return typeof address === "object" && address !== null ? String(address.port) : ""
}))

/** It ends with 1, says the sentence once, and gives back what it had. */
const refused = Effect.fnUntraced(function*(name: string, where: string, sentence: string) {
  const { code, signal, stderr, stdout } = yield* Effect.flatMap(program("misuse", name, where), ({ ended }) => ended)
  assert.deepStrictEqual([code, signal, stderr], [1, null, ""], stdout)
  const lines = stdout.split("\n")
  assert.strictEqual(lines[0], "open")
  assert.strictEqual(lines.filter((line) => line === "closed").length, 1, stdout)
  assert.strictEqual(stdout.split(sentence).length, 2, stdout)
})

describe("a program under NodeDrop.runMain", { timeout: 30_000 }, () => {
  it.live("is told of a port in use, and gives back what it had", () =>
    Effect.scoped(Effect.gen(function*() {
      const port = yield* portInUse
      yield* refused("a port in use", port, `listen EADDRINUSE: address already in use 127.0.0.1:${port}`)
    })))

  it.live("is told of a drainDelay that is longer than the budget, before anything listens", () =>
    refused(
      "a drainDelay longer than the budget",
      "",
      "HttpDrain.layer of HTTP server: drainDelay is 20000 ms, longer than the budget of 10000 ms. It is part of the budget"
    ).pipe(Effect.scoped))

  // Root may write in every folder but those of the kernel.
  it.live.skipIf(!linux)("is told of a lock in a folder that takes none", () =>
    refused(
      "a lock in a folder that cannot be written",
      "/proc/self",
      "cannot lock /proc/self/app.lock: "
    ).pipe(Effect.scoped))

  it.live("is told of a lock in a folder that is not there", () =>
    Effect.scoped(Effect.gen(function*() {
      const path = join(yield* folder, "nope")
      yield* refused("a lock in a folder that cannot be written", path, `cannot lock ${path}/app.lock: `)
    })))

  it.live.skipIf(!linux)("is told of a temporary directory in a folder that takes none", () =>
    refused(
      "a temporary directory in a folder that cannot be written",
      "/proc/self",
      "PlatformError: NotFound: TempDrop.directory (/proc/self/async-drop-"
    ).pipe(Effect.scoped))

  it.live.skipIf(!linux)(
    "is told of a full disk",
    () => refused("a file on a full disk", "", "ENOSPC: no space left on device, write").pipe(Effect.scoped)
  )

  it.live("is told of a child that cannot start", () =>
    refused("a child that cannot start", "", "ChildProcess.spawn (no-such-program --now)").pipe(Effect.scoped))
})
