// A server in a process of its own, and its end.
import { spawn } from "node:child_process"
import { once } from "node:events"

interface Exited {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** From the signal to the exit, in milliseconds. */
  readonly took: number
  readonly output: string
}

export interface ServerProcess {
  readonly port: number
  /** Sends SIGTERM; SIGKILL where that did not end it within the limit. */
  readonly terminate: (limit: number) => Promise<Exited>
}

/** What a program has until it says its port, in milliseconds. */
const startLimit = 6_000

/** Runs a program that prints its port once it listens. It does not outlive this process. */
export const startProcess = async (file: string, env: Record<string, string>): Promise<ServerProcess> => {
  const child = spawn(process.execPath, [file], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] })
  const kill = () => child.kill("SIGKILL")
  process.once("exit", kill)
  const starting = setTimeout(kill, startLimit)
  let output = ""
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>
  const closed = once(child, "close") // its output may come after its exit
  const port = Promise.withResolvers<number>()
  const read = (chunk: Buffer) => {
    output += chunk
    const match = /^(\d+)$/m.exec(output)
    if (match !== null) port.resolve(Number(match[1]))
  }
  child.stdout.on("data", read)
  child.stderr.on("data", read)
  void exited.then(([code, signal]) => {
    process.off("exit", kill)
    port.reject(new Error(`${file} ended with ${signal ?? code} before it said its port: ${output}`))
  })
  return {
    port: await port.promise.finally(() => clearTimeout(starting)),
    terminate: async (limit) => {
      const begun = performance.now()
      child.kill("SIGTERM")
      const timer = setTimeout(kill, limit)
      const [code, signal] = await exited
      const took = performance.now() - begun
      clearTimeout(timer)
      await closed
      return { code, signal, took, output }
    }
  }
}
