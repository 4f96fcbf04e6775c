// The programs of `programs/main.ts`, each in a process of its own.
import type { NodeDrop } from "@async-drop/platform-node"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { runCommand } from "./command.ts"

const file = fileURLToPath(new URL("../programs/main.ts", import.meta.url))

/** Starts it; the test ends it at the latest. */
export const start = Effect.fnUntraced(
  function*(name: string, options: NodeDrop.Options = {}, before: ReadonlyArray<string> = []) {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => runCommand([...before, process.execPath, file, name, JSON.stringify(options)])),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const { output } = child
    return {
      pid: child.pid,
      says: (pattern: RegExp) => Effect.promise(() => child.until(() => pattern.exec(output.both))),
      /** Its end, and how long that took from this call. */
      ended: Effect.suspend(() => {
        const from = performance.now()
        return Effect.promise(async () => {
          const exited = await child.ended
          return { ...exited, took: performance.now() - from, out: output.stdout, err: output.stderr }
        })
      }),
      kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal))
    }
  }
)

/** Runs it, and sends it signals, with so many milliseconds between them, once it says that it is ready. */
export const signalled = Effect.fnUntraced(
  function*(name: string, signals: ReadonlyArray<NodeJS.Signals | number>, options?: NodeDrop.Options) {
    const program = yield* start(name, options)
    yield* program.says(/ready/)
    const ended = program.ended
    const [first, ...later] = signals
    const killing = Effect.forEach(later, (it) => typeof it === "number" ? Effect.sleep(it) : program.kill(it))
    yield* program.kill(first as NodeJS.Signals) // a list of signals begins with one
    const [end] = yield* Effect.all([ended, killing], { concurrency: 2 })
    return end
  }
)
