// What a program prints on a terminal, and what becomes of it when the terminal goes away.
import type { NodeDrop } from "@async-drop/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("programs/terminal.ts", import.meta.url))
const compiled = fileURLToPath(new URL("../../../node_modules/.cache/node", import.meta.url))

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "terminal-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** It with a terminal of its own, that of `script`. */
const start = Effect.fnUntraced(function*(env: Record<string, string | undefined>, options: NodeDrop.Options = {}) {
  const file = join(yield* folder, "notes")
  const words = { NODE: process.execPath, PROGRAM: program, FILE: file, OPTIONS: JSON.stringify(options) }
  const plain = { TERM: "xterm-256color", NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined }
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn("script", ["-qec", `exec "$NODE" "$PROGRAM" "$FILE" "$OPTIONS"`, "/dev/null"], {
        env: { ...process.env, ...plain, NODE_COMPILE_CACHE: compiled, SHELL: "/bin/sh", ...words, ...env },
        stdio: ["pipe", "pipe", "inherit"],
        timeout: 25_000,
        killSignal: "SIGKILL"
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const closed = once(child, "close")
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text)
  const pid = yield* Effect.callback<number>((resume) => {
    child.stdout.on("data", () => {
      const found = /ready (\d+)\s/.exec(output)
      if (found !== null) resume(Effect.succeed(Number(found[1])))
    })
    child.once("close", () => resume(Effect.die(new Error(`it never said that it is ready: ${output}`))))
  })
  const notes = () => existsSync(file) ? readFileSync(file, "utf8") : ""
  return {
    pid,
    /** What is typed. */
    type: (text: string) => Effect.sync(() => child.stdin.write(text)),
    /** The terminal goes. */
    hangUp: Effect.sync(() => child.kill("SIGKILL")),
    output: Effect.promise(async () => {
      await closed
      return output
    }),
    noted: (text: string) =>
      Effect.promise(async () => {
        for (let tries = 0; !notes().includes(text); tries++) {
          if (tries > 500) throw new Error(`it never noted ${text}: ${notes()}`)
          await setTimeout(20)
        }
        return notes()
      })
  }
})

const hasScript = spawnSync("script", ["--version"]).stdout?.toString().includes("util-linux") === true

// The `script` of util-linux gives a program a terminal; another one has other options.
describe.skipIf(!hasScript)("NodeDrop.runMain on a terminal", () => {
  const fact = (name: string, body: Effect.Effect<void, unknown, Scope.Scope>) =>
    it.live(name, () => Effect.scoped(body), 30_000)

  const report = (env: Record<string, string | undefined>) =>
    Effect.gen(function*() {
      const { output, type } = yield* start(env)
      yield* type("\x03")
      const text = yield* output
      assert.include(text, "SIGINT ended the program after")
      return text.slice(text.indexOf("SIGINT ended"))
    })

  fact(
    "draws the report in colours",
    Effect.gen(function*() {
      const text = yield* report({})
      assert.include(text, "\x1b[3")
      assert.include(text, "█")
    })
  )

  fact(
    "draws it without colours where NO_COLOR is set, and where the terminal has none",
    Effect.gen(function*() {
      for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
        const text = yield* report(env)
        assert.notInclude(text, "\x1b[3")
        assert.include(text, "█")
      }
    })
  )

  fact(
    "releases all when the terminal goes away, where nothing can be printed",
    Effect.gen(function*() {
      const { hangUp, noted } = yield* start({})
      yield* hangUp
      const notes = yield* noted("exit")
      assert.strictEqual(notes, "closed\nexit 129\n")
    })
  )
})
