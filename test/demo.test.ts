import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../examples/src/demo/main.ts", import.meta.url))

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "demo-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** Fifty files, in two directories. */
const files = Effect.tap(temporary, (directory) =>
  Effect.sync(() => {
    mkdirSync(join(directory, "below it"))
    for (let i = 0; i < 50; i++) {
      writeFileSync(join(directory, i % 2 ? "below it" : ".", `${i} %.txt`), `${i}\n`.repeat(i * 100))
    }
  }))

/** A demo of its own process and temporary directory; the test ends it at the latest. */
const start = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const directory = yield* temporary
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [main, ...args], {
        env: { ...process.env, TMPDIR: directory },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: 25_000,
        killSignal: "SIGKILL"
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const closed = once(child, "close")
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)

  const says = (pattern: RegExp) =>
    Effect.callback<string>((resume) => {
      const look = () => {
        const found = pattern.exec(stdout)
        if (found !== null) resume(Effect.succeed(found[0]))
      }
      child.stdout.on("data", look)
      child.stdout.once("end", () => resume(Effect.die(new Error(`it never said ${pattern}: ${stdout}${stderr}`))))
      look()
    })
  const ended = Effect.promise(async () => {
    const [code] = await closed
    return { code, stdout, stderr, left: readdirSync(directory) }
  })
  return { directory, ended, kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)), says }
})

const run = (...args: ReadonlyArray<string>) => Effect.flatMap(start(...args), ({ ended }) => ended)

/** The rows of the table, as `kind opened closed failed`. */
const table = (stdout: string) =>
  [...stdout.matchAll(/^ {2}(\S.*?) {2,}(\S+) +(\S+) +(\S+) .* ms$/gm)].map((row) => row.slice(1).join(" "))

const nothingLeft = "still open: nothing that was not there at the start"

describe.concurrent("demo", () => {
  it.effect("opens, serves, checks and closes all, in order", () =>
    Effect.gen(function*() {
      const { code, left, stderr, stdout } = yield* run(yield* files)
      assert.deepStrictEqual({ code, left, stderr }, { code: 0, left: [], stderr: "" }, stdout)
      assert.match(stdout, /^indexed 50 files, \d+\.\d MB, in \d+\.\d\d s$/m)
      assert.match(
        stdout,
        /^served 2,000 requests over 8 connections in \d+\.\d\d s, [\d,]+ requests per second; each body has the/m
      )
      assert.match(stdout, /^no release failed$/m)
      assert.include(stdout, nothingLeft)

      const rows = table(stdout)
      assert.sameMembers(rows.slice(), [
        "indexed file 50 50 0",
        "transaction 1 1 0",
        "client 1 1 0",
        "served file 2,000 2,000 0",
        "server 1 1 0",
        "database 1 1 0",
        "temporary directory 1 1 0"
      ])
      // The last file may close just before or after the client that asked for it.
      assert.deepStrictEqual(
        rows.filter((row) => row.endsWith(" 1 1 0")),
        ["transaction 1 1 0", "client 1 1 0", "server 1 1 0", "database 1 1 0", "temporary directory 1 1 0"]
      )
    }))

  it.effect.skipIf(process.platform !== "linux")(
    "names each release that fails, and keeps the result",
    () =>
      Effect.gen(function*() {
        const { code, left, stderr, stdout } = yield* run("--fail", yield* files)
        assert.deepStrictEqual({ code, left, stderr }, { code: 1, left: [], stderr: "" }, stdout)
        assert.match(stdout, /^indexed 50 files/)
        assert.deepStrictEqual(table(stdout), [
          "indexed file 50 50 0",
          "transaction 1 1 0",
          "faulty device 1 1 1",
          "error log 1 1 1",
          "access log 1 1 1",
          "log file 2 2 0",
          "database 1 1 1",
          "temporary directory 1 1 0"
        ])
        assert.include(
          stdout,
          [
            "4 releases failed:",
            "  faulty device: Error: the device does not answer",
            "  error log: CloseError: ENOSPC: no space left on device, write",
            "  access log: CloseError: ENOSPC: no space left on device, write",
            "  database: CloseError: database is not open",
            nothingLeft
          ].join("\n")
        )
      })
  )

  it.effect("--serve answers until a signal, then closes all", () =>
    Effect.gen(function*() {
      const directory = yield* files
      const demo = yield* start("--serve", directory)
      const origin = yield* demo.says(/http:\/\/127\.0\.0\.1:\d+/)
      const [found, missing] = yield* Effect.promise(() =>
        Promise.all([fetch(`${origin}/below it/49 %25.txt`), fetch(`${origin}/%2e%2e%2fnope`)])
      )
      const body = yield* Effect.promise(() => found.text())
      assert.deepStrictEqual([found.status, missing.status], [200, 404])
      assert.strictEqual(body, readFileSync(join(directory, "below it/49 %.txt"), "utf8"))

      yield* demo.kill("SIGTERM")
      yield* demo.kill("SIGTERM") // as package managers do
      const { code, left, stderr, stdout } = yield* demo.ended
      assert.deepStrictEqual({ code, left, stderr }, { code: 0, left: [], stderr: "" }, stdout)
      assert.deepStrictEqual(table(stdout).slice(-4), [
        "served file 1 1 0",
        "server 1 1 0",
        "database 1 1 0",
        "temporary directory 1 1 0"
      ])
      assert.include(stdout, nothingLeft)
    }))

  it.effect("closes all when a signal comes before the end", () =>
    Effect.gen(function*() {
      const demo = yield* start(yield* files)
      yield* Effect.callback<void>((resume) => {
        const watcher = watch(demo.directory, () => resume(Effect.void))
        return Effect.sync(() => watcher.close())
      })
      yield* demo.kill("SIGINT")
      const { code, left, stderr, stdout } = yield* demo.ended
      assert.deepStrictEqual({ code, left, stderr }, { code: 130, left: [], stderr: "stopped by SIGINT\n" }, stdout)
      assert.include(stdout, nothingLeft)
    }))

  const refuses = Effect.fnUntraced(function*(args: ReadonlyArray<string>, sentence: string) {
    const outcome = yield* run(...args)
    assert.deepStrictEqual(outcome, { code: 2, stdout: "", stderr: `demo: ${sentence}\n`, left: [] })
  })

  it.effect("refuses a directory that does not exist", () =>
    refuses(["/does/not/exist"], "there is no directory /does/not/exist"))

  it.effect("refuses a file in place of a directory", () => refuses([main], `${main} is not a directory`))

  it.effect("refuses a directory without files", () =>
    Effect.flatMap(temporary, (empty) => refuses([empty], `there is no file in ${empty}`)))

  it.effect("refuses an unknown flag", () => refuses(["--unknown"], "Unknown option '--unknown'"))

  it.effect("refuses a port that is no port", () =>
    refuses(["--port", "65536"], "--port takes a number from 0 to 65535, not \"65536\""))

  it.effect("refuses a port in use", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      yield* refuses(["--port", `${port}`, yield* files], `port ${port} is in use`)
    }))

  it.effect("says how to call it", () =>
    Effect.gen(function*() {
      const { code, left, stdout } = yield* run("--help")
      assert.deepStrictEqual({ code, left }, { code: 0, left: [] })
      for (const flag of ["DIR", "--serve", "--fail", "--port", "--help"]) assert.include(stdout, flag)
    }))
})
