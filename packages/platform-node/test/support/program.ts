// Programs that run as processes of their own, and what is left of them.
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { runCommand } from "./command.ts"

/** A directory of the test alone. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "platform-node-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Starts a command; the test ends it at the latest. */
export const command = Effect.fnUntraced(function*(words: readonly [string, ...Array<string>]) {
  const mark = randomUUID()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => runCommand(words, { env: { TEST_MARK: mark } })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  return {
    pid: child.pid,
    /** It and what it started, the guardians too, that live. */
    living: () =>
      readdirSync("/proc").filter((name) => /^\d+$/.test(name) && environOf(name).includes(`TEST_MARK=${mark}`)).map(
        Number
      ),
    says: (pattern: RegExp) =>
      Effect.promise(() =>
        child.until(() => {
          const found = pattern.exec(child.output.stdout)
          return found && (found[1] ?? found[0])
        })
      ),
    kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)),
    /** After its output has ended too. */
    ended: Effect.promise(async () => ({ ...(await child.ended), ...child.output })),
    /** As soon as the process has gone, whoever holds its output. */
    exited: Effect.promise(() => child.exited)
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
