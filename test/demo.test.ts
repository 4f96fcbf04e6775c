import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../examples/src/demo/main.ts", import.meta.url))

/** npm would have it among the temporary files. */
const compiled = fileURLToPath(new URL("../node_modules/.cache/node", import.meta.url))

const node = process.execPath

const root = fileURLToPath(new URL("..", import.meta.url))

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

interface Started {
  /** Its directory for temporary files. */
  readonly directory: string
  readonly args: ReadonlyArray<string>
  /** What starts it in its place: a package manager and its arguments. */
  readonly by?: readonly [string, ...Array<string>]
}

/** A demo of its own process group; the test ends it at the latest. */
const startIn = Effect.fnUntraced(function*({ args, by = [node, main], directory }: Started) {
  const [command, ...before] = by
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(command, [...before, ...args], {
        cwd: root,
        env: { ...process.env, TMPDIR: directory, NODE_COMPILE_CACHE: compiled },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true
      })
    ),
    (child) => Effect.sync(() => signalGroup(child, "SIGKILL"))
  )
  const limit = setTimeout(() => signalGroup(child, "SIGKILL"), 25_000)
  const closed = once(child, "close").finally(() => clearTimeout(limit))
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
    return { code, stdout, stderr, left: existsSync(directory) ? readdirSync(directory) : [] }
  })
  return {
    directory,
    ended,
    kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)),
    /** As a terminal does. */
    killGroup: (signal: NodeJS.Signals) => Effect.sync(() => signalGroup(child, signal)),
    says
  }
})

/** One that has ended is in no group. */
const signalGroup = ({ pid }: ChildProcess, signal: NodeJS.Signals) => {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {}
}

/** With a directory for temporary files that nobody else has. */
const start = (...args: ReadonlyArray<string>) => Effect.flatMap(temporary, (directory) => startIn({ directory, args }))

const run = (...args: ReadonlyArray<string>) => Effect.flatMap(start(...args), ({ ended }) => ended)

/** Waits until its temporary directory is there. */
const begun = ({ directory }: { readonly directory: string }) =>
  Effect.callback<void>((resume) => {
    const watcher = watch(directory, () => resume(Effect.void))
    return Effect.sync(() => watcher.close())
  })

/** One file, too large for the buffers of a connection whose client does not read. */
const largeFile = Effect.tap(
  temporary,
  (directory) => Effect.sync(() => writeFileSync(join(directory, "large"), Buffer.alloc(32 * 1024 * 1024)))
)

/** A client that asks for the large file and does not read on; a server waits one second for it. */
const stalledClient = Effect.fnUntraced(function*(origin: string) {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => connect(Number(new URL(origin).port), "127.0.0.1")),
    (socket) => Effect.sync(() => socket.destroy())
  )
  socket.on("error", () => {}) // the server cuts it in the end
  socket.write("GET /large HTTP/1.1\r\nhost: demo\r\n\r\n")
  yield* Effect.promise(() => once(socket, "readable"))
})

/** One that serves, with a close that takes a second. */
const startSlow = Effect.fnUntraced(function*(by?: Started["by"]) {
  const args = ["--serve", yield* largeFile]
  const demo = yield* startIn({ directory: yield* temporary, args, ...(by === undefined ? {} : { by }) })
  yield* stalledClient(yield* demo.says(/http:\/\/127\.0\.0\.1:\d+/))
  return demo
})

/** The rows of the table, as `kind opened closed failed`. */
const table = (stdout: string) =>
  [...stdout.matchAll(/^ {2}(\S.*?) {2,}(\S+) +(\S+) +(\S+) .* ms$/gm)].map((row) => row.slice(1).join(" "))

/** A shell that starts its arguments, and sends SIGINT on a little later: at once they might be seen as one. */
const forwarding = `
  trap 'sleep 0.1; kill -INT $child' INT
  "$0" "$@" & child=$!
  while kill -0 $child 2>/dev/null; do wait $child; done
`

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

  it.effect("--serve answers until SIGTERM, then closes all", () =>
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
      const { code, left, stderr, stdout } = yield* demo.ended
      assert.deepStrictEqual({ code, left, stderr }, { code: 0, left: [], stderr: "" }, stdout)
      assert.match(stdout, /^SIGTERM came$/m)
      assert.deepStrictEqual(table(stdout).slice(-4), [
        "served file 1 1 0",
        "server 1 1 0",
        "database 1 1 0",
        "temporary directory 1 1 0"
      ])
      assert.include(stdout, nothingLeft)
    }))

  for (const signal of ["SIGINT", "SIGHUP"] as const) {
    it.effect(`--serve closes all on ${signal}`, () =>
      Effect.gen(function*() {
        const demo = yield* start("--serve", yield* files)
        yield* demo.says(/^serving/m)
        yield* demo.kill(signal)
        const { code, left, stderr, stdout } = yield* demo.ended
        assert.deepStrictEqual({ code, left, stderr }, { code: 0, left: [], stderr: "" }, stdout)
        assert.match(stdout, new RegExp(`^${signal} came$`, "m"))
        assert.include(stdout, nothingLeft)
      }))
  }

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it.effect(`closes all when ${signal} comes before the end`, () =>
      Effect.gen(function*() {
        const demo = yield* start(yield* files)
        yield* begun(demo)
        yield* demo.kill(signal)
        const { code, left, stderr, stdout } = yield* demo.ended
        const cut = { code: 128 + constants.signals[signal], left: [], stderr: `stopped by ${signal}\n` }
        assert.deepStrictEqual({ code, left, stderr }, cut, stdout)
        assert.include(stdout, nothingLeft)
      }))
  }

  it.live("takes SIGTERM twice within 500 ms for one, and closes all", () =>
    Effect.gen(function*() {
      const demo = yield* startSlow()
      yield* demo.kill("SIGTERM")
      yield* Effect.sleep(150)
      yield* demo.kill("SIGTERM")
      const { code, left, stderr, stdout } = yield* demo.ended
      assert.deepStrictEqual({ code, left, stderr }, { code: 0, left: [], stderr: "" }, stdout)
      assert.deepStrictEqual(table(stdout), [
        "indexed file 1 1 0",
        "transaction 1 1 0",
        "served file 1 1 0",
        "server 1 1 0",
        "database 1 1 0",
        "temporary directory 1 1 0"
      ])
      assert.include(stdout, nothingLeft)
    }))

  it.live("ends at once on SIGTERM after 500 ms more, says what is open, and leaves no directory behind", () =>
    Effect.gen(function*() {
      const demo = yield* startSlow()
      yield* demo.kill("SIGTERM")
      yield* Effect.sleep(650)
      yield* demo.kill("SIGTERM")
      const { code, left, stderr, stdout } = yield* demo.ended
      assert.deepStrictEqual({ code, left }, { code: 143, left: [] }, stdout + stderr)
      assert.match(stderr, /^SIGTERM ended the program by force after \d+ ms: a second signal came\.$/m)
      assert.match(stderr, /^Not given back: .*server, database, temporary directory\.$/m)
      assert.notInclude(stdout, "still open")
    }))

  const byCtrlC = (...by: readonly [string, ...Array<string>]) =>
    Effect.gen(function*() {
      const demo = yield* startSlow(by)
      yield* demo.killGroup("SIGINT") // its parent, too
      const { left, stdout } = yield* demo.ended
      assert.deepStrictEqual([...stdout.matchAll(/^SIGINT came$/mg)].length, 1, stdout)
      assert.deepStrictEqual(table(stdout).slice(-3), ["server 1 1 0", "database 1 1 0", "temporary directory 1 1 0"])
      assert.include(stdout, nothingLeft)
      assert.deepStrictEqual(left, [])
    })

  it.live("closes all by Ctrl-C under a parent that sends it on", () => byCtrlC("sh", "-c", forwarding, node, main))

  it.live("closes all by Ctrl-C under npm", () => byCtrlC("npm", "run", "demo", "--"))

  const manager = process.env["npm_execpath"] ?? ""

  // The pnpm that runs the tests, where one does: no other is sure to be there.
  it.live.skipIf(!manager.endsWith("pnpm"))("closes all by Ctrl-C under pnpm", () => byCtrlC(manager, "demo"))

  it.effect("sweeps at its start what a killed run left, and nothing of one that lives", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const args = ["--serve", yield* files]
      const demos = yield* Effect.all([startIn({ directory, args }), startIn({ directory, args })], { concurrency: 2 })
      for (const { says } of demos) yield* says(/^serving/m)
      const [killed, living] = demos
      const both = readdirSync(directory)
      assert.strictEqual(both.length, 2)
      yield* killed.kill("SIGKILL")
      assert.deepStrictEqual((yield* killed.ended).left, both)

      const next = yield* Effect.gen(function*() {
        const demo = yield* startIn({ directory, args })
        yield* demo.says(/^serving/m)
        yield* demo.kill("SIGTERM")
        return yield* demo.ended
      })
      const gone = both.find((name) => !next.left.includes(name))
      assert.deepStrictEqual(next.stdout.split("\n").filter((line) => line.includes("swept")), [
        `swept ${join(directory, gone!)}, which a killed run had left`
      ])
      yield* living.kill("SIGTERM")
      const end = yield* living.ended
      assert.deepStrictEqual([end.code, end.left], [0, []])
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

  it.effect("refuses a directory for temporary files that is not there", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporary, "nope")
      const { ended } = yield* startIn({ directory, args: [yield* files] })
      const why = `cannot use the directory for temporary files: NotFound: FileSystem.readDirectory (${directory})`
      assert.deepStrictEqual(yield* ended, { code: 2, stdout: "", stderr: `demo: ${why}\n`, left: [] })
    }))

  it.effect.skipIf(process.platform !== "linux")(
    "refuses a directory for temporary files that takes none",
    () =>
      Effect.gen(function*() {
        const { ended } = yield* startIn({ directory: "/proc", args: [yield* files] }) // where nobody can make one
        const { code, stderr, stdout } = yield* ended
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.match(
          stderr,
          /^demo: cannot use the directory for temporary files: NotFound: TempDrop\.directory \(\/proc/
        )
      })
  )

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
