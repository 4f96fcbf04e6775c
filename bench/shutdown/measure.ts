// One server process, from its start to its end.
import { setTimeout as sleep } from "node:timers/promises"
import { startLoad } from "../../packages/platform-node/test/support/load.ts"
import { startProcess } from "../../packages/platform-node/test/support/process.ts"
import type { Case } from "./cases.ts"

export interface Measured {
  /** From the signal to the exit, in milliseconds. */
  readonly took: number
  /** The exit code, or the signal that ended it: SIGKILL where the limit did. */
  readonly exit: string
  /** Requests sent after the signal that were answered with 200. */
  readonly served: number
  readonly resetsReused: number
  readonly resetsFresh: number
  readonly status503: number
  /** Other responses and errors; connections refused are none of them. */
  readonly other: number
}

export const clients = 50

/** In milliseconds. */
export const caseLimit = 30_000

/** The signal comes at a random moment, as the answers may come in step. */
const warmUp = () => 300 + Math.random() * 500

export const measure = async ({ env, file, name, options }: Case): Promise<Measured> => {
  const begun = performance.now()
  const server = await startProcess(file, options, env)
  const load = startLoad(server.port, { clients })
  await sleep(warmUp())
  const { served, servedAfter: _, ...unwanted } = load.seen
  if (served === 0 || total(unwanted) > 0) {
    await server.end("SIGTERM", 0)
    throw new Error(`${name} did not serve before the signal: ${JSON.stringify(await load.stop())}`)
  }
  load.mark()
  const exited = await server.end("SIGTERM", caseLimit - 1000 - (performance.now() - begun))
  await sleep(50) // for what the clients have yet to hear
  const { otherErrors, otherStatus, resetsFresh, resetsReused, servedAfter, status503 } = await load.stop()
  return {
    took: exited.took,
    exit: exited.signal ?? String(exited.code),
    served: servedAfter,
    resetsReused,
    resetsFresh,
    status503,
    other: otherStatus + total(otherErrors)
  }
}

const total = (counts: Readonly<Record<string, number | Readonly<Record<string, number>>>>): number =>
  Object.values(counts).reduce<number>((sum, count) => sum + (typeof count === "number" ? count : total(count)), 0)
