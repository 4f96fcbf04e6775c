// A server in a process of its own, and its end.
import { type Exited, runCommand } from "./command.ts"

interface Terminated extends Exited {
  /** From the signal to the exit, in milliseconds. */
  readonly took: number
  readonly output: string
}

export interface ServerProcess {
  readonly port: number
  /** Sends SIGTERM; SIGKILL where that did not end it within the limit. */
  readonly terminate: (limit: number) => Promise<Terminated>
}

/** What a program has until it says its port, in milliseconds. */
const startLimit = 6_000

/** Runs a program that prints its port once it listens. It does not outlive this process. */
export const startProcess = async (file: string, env: Record<string, string>): Promise<ServerProcess> => {
  const child = runCommand([process.execPath, file], { env, limit: 60_000 })
  const kill = () => child.kill("SIGKILL")
  const starting = setTimeout(kill, startLimit)
  const [port] = await child.until(() => /^\d+$/m.exec(child.output.both)).finally(() => clearTimeout(starting))
  return {
    port: Number(port),
    terminate: async (limit) => {
      const begun = performance.now()
      child.kill("SIGTERM")
      const timer = setTimeout(kill, limit)
      const exited = await child.exited
      const took = performance.now() - begun
      clearTimeout(timer)
      await child.ended
      return { ...exited, took, output: child.output.both }
    }
  }
}
