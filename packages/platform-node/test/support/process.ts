// A server in a process of its own, and its end.
import type { AsyncDrop } from "@async-drop/core"
import type { HttpDrain, NodeDrop } from "@async-drop/platform-node"
import { type Exited, runCommand } from "./command.ts"

/** What `drained.process.ts` runs with. */
export interface DrainedOptions {
  readonly drain?: Pick<HttpDrain.Options, "budget" | "drainDelay">
  readonly launch?: Pick<AsyncDrop.ScopeOptions, "budget">
  readonly main?: NodeDrop.Options
  /** `effect` is `NodeRuntime.runMain`; default `NodeDrop.runMain`. */
  readonly runtime?: "effect"
}

interface Ended extends Exited {
  /** From the signal to the exit, in milliseconds. */
  readonly took: number
  readonly output: string
}

export interface ServerProcess {
  readonly port: number
  /** Sends a signal; SIGKILL where that did not end it within the limit. */
  readonly end: (signal: NodeJS.Signals, limit: number) => Promise<Ended>
}

/** What a program has until it says its port, in milliseconds. */
const startLimit = 10_000

/** Runs a program that prints its port once it listens. It does not outlive this process. */
export const startProcess = async (
  file: string,
  options: DrainedOptions,
  env: Readonly<Record<string, string>> = {}
): Promise<ServerProcess> => {
  const child = runCommand([process.execPath, file, JSON.stringify(options)], { env, limit: 60_000 })
  const kill = () => child.kill("SIGKILL")
  const starting = setTimeout(kill, startLimit)
  const [port] = await child.until(() => /^\d+$/m.exec(child.output.both)).finally(() => clearTimeout(starting))
  return {
    port: Number(port),
    end: async (signal, limit) => {
      const begun = performance.now()
      child.kill(signal)
      const timer = setTimeout(kill, limit)
      const exited = await child.exited
      const took = performance.now() - begun
      clearTimeout(timer)
      await child.ended
      return { ...exited, took, output: child.output.both }
    }
  }
}
