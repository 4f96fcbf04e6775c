// The programs of `programs/main.ts`, each in a process of its own.
import type { NodeDrop } from "@async-drop/platform-node"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const compiled = fileURLToPath(new URL("../../../../node_modules/.cache/node", import.meta.url))
const file = fileURLToPath(new URL("../programs/main.ts", import.meta.url))

/** Starts it; the test ends it at the latest, and so does a limit of 25 s. */
export const start = Effect.fnUntraced(
  function*(name: string, options: NodeDrop.Options = {}, before: ReadonlyArray<string> = []) {
    const [command = "", ...args] = [...before, process.execPath, file, name, JSON.stringify(options)]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(command, args, {
          env: { ...process.env, NODE_COMPILE_CACHE: compiled },
          stdio: ["ignore", "pipe", "pipe"],
          timeout: 25_000,
          killSignal: "SIGKILL"
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const closed = once(child, "close")
    const output = { out: "", err: "" }
    child.stdout.setEncoding("utf8").on("data", (text: string) => output.out += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => output.err += text)
    const says = (pattern: RegExp) =>
      Effect.callback<void>((resume) => {
        const look = () => {
          if (pattern.test(output.out + output.err)) resume(Effect.void)
        }
        child.stdout.on("data", look)
        child.stderr.on("data", look)
        child.once("close", () => resume(Effect.die(new Error(`it never said ${pattern}: ${output.out}${output.err}`))))
        look()
      })
    /** Its end, and how long that took from this call. */
    const ended = Effect.suspend(() => {
      const from = performance.now()
      return Effect.promise(async () => {
        const [code, signal]: [number | null, NodeJS.Signals | null] = await closed as never // of the event
        return { code, signal, took: performance.now() - from, ...output }
      })
    })
    return { pid: child.pid!, says, ended, kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)) }
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
