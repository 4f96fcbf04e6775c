// Programs that run as processes of their own, and what is left of them.
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"

const compiled = fileURLToPath(new URL("../../../../node_modules/.cache/node", import.meta.url))

/** A directory of the test alone. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "platform-node-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts a command; the test ends it at the latest, and so does a limit of 25 s. */
export const command = Effect.fnUntraced(function*(words: readonly [string, ...Array<string>]) {
  const [file, ...args] = words
  const mark = `TEST_MARK=${randomUUID()}`
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const env = { ...process.env, NODE_COMPILE_CACHE: compiled, TEST_MARK: mark.slice("TEST_MARK=".length) }
      return spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: 25_000, killSignal: "SIGKILL" })
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const exited = once(child, "exit")
  const closed = once(child, "close")
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)

  const says = (pattern: RegExp) =>
    Effect.callback<string>((resume) => {
      const look = () => {
        const found = pattern.exec(stdout)
        if (found !== null) resume(Effect.succeed(found[1] ?? found[0]))
      }
      child.stdout.on("data", look)
      child.stdout.once("end", () => resume(Effect.die(new Error(`it never said ${pattern}: ${stdout}${stderr}`))))
      look()
    })
  return {
    pid: child.pid!,
    /** It and what it started, the guardians too, that live. */
    living: () =>
      readdirSync("/proc").filter((name) => /^\d+$/.test(name) && environOf(name).includes(mark)).map(Number),
    says,
    kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)),
    /** After its output has ended too. */
    ended: Effect.promise(async (): Promise<Ended> => {
      const [code, signal] = await closed
      return { code, signal, stdout, stderr }
    }),
    /** As soon as the process has gone, whoever holds its output. */
    exited: Effect.promise(async () => {
      await exited
    })
  }
})

/** Empty, as that of a zombie, where it has gone meanwhile. */
const environOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8")
  } catch {
    return ""
  }
}

/** Waits until something holds, at most so long, and says how long that took. */
export const until = (millis: number, holds: () => boolean) =>
  Effect.promise(async () => {
    const start = performance.now()
    while (!holds()) {
      if (performance.now() - start > millis) throw new Error(`not within ${millis} ms`)
      await setTimeout(10)
    }
    return performance.now() - start
  })

/** A program of `test/programs`. */
export const program = (name: string, ...args: ReadonlyArray<string>) =>
  command([process.execPath, fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url)), ...args])
