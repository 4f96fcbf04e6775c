// A command as a process of its own, which ends at a limit and does not outlive this one: so every wait is bounded.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

export interface Exited {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Command {
  readonly pid: number
  /** What it wrote so far. */
  readonly output: { readonly stdout: string; readonly stderr: string; readonly both: string }
  /** Waits until its output holds something; rejects where it has ended without. */
  readonly until: <A>(look: () => A | null | undefined) => Promise<A>
  /** As soon as the process has gone, whoever holds its output. */
  readonly exited: Promise<Exited>
  /** After its output has ended too. */
  readonly ended: Promise<Exited>
  readonly kill: (signal: NodeJS.Signals) => void
}

interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
  /** In milliseconds. */
  readonly limit?: number
}

const compiled = fileURLToPath(new URL("../../../../node_modules/.cache/node", import.meta.url))

/** Reading source takes longer than running it, and many programs read the same. */
const environment = { ...process.env, NODE_COMPILE_CACHE: compiled }

export const runCommand = (words: ReadonlyArray<string>, options: Options = {}): Command => {
  const [file = "", ...args] = words
  const { env, limit = 25_000, ...ids } = options
  const child = spawn(file, args, {
    ...ids,
    env: { ...environment, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limit,
    killSignal: "SIGKILL"
  })
  const kill = () => child.kill("SIGKILL")
  process.once("exit", kill)
  const output = { stdout: "", stderr: "", both: "" }
  const waiting = new Set<() => void>()
  const wake = () => [...waiting].forEach((look) => look())
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text
      output.both += text
      wake()
    })
  }
  const exitOf = async (event: "exit" | "close"): Promise<Exited> => {
    const [code, signal] = await once(child, event) as [number | null, NodeJS.Signals | null] // what both say
    return { code, signal }
  }
  const exited = exitOf("exit").finally(() => process.off("exit", kill))
  const ended = exitOf("close")
  // A test need not wait for the end of what it has started.
  void exited.catch(() => {})
  void ended.catch(() => {})
  const until: Command["until"] = (look) => {
    const { promise, reject, resolve } = Promise.withResolvers<NonNullable<ReturnType<typeof look>>>()
    const settle = () => {
      const found = look()
      if (found !== null && found !== undefined) resolve(found)
    }
    waiting.add(settle)
    settle()
    const how = (it: unknown) =>
      reject(new Error(`${words.join(" ")} ended without it, ${JSON.stringify(it)}: ${output.both}`))
    void ended.then(how, how)
    return promise.finally(() => waiting.delete(settle))
  }
  // What could not be started has no pid, and says nothing either.
  return { pid: child.pid!, output, until, exited, ended, kill: (signal) => void child.kill(signal) }
}
