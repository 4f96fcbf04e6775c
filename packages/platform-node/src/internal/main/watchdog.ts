// A thread that ends the process when its event loop does not turn any more.
//
// 1. It counts its own looks, not the time: a process that was stopped as a whole is not taken for blocked.
// 2. It keeps nothing alive, and ends with the process: what blocks may be the last that is run.
import { Worker } from "node:worker_threads"

export interface Watchdog {
  /** From now on the process has so long to end, whatever its event loop does. */
  readonly limit: (millis: number) => void
  /** And then again as long as its event loop turns. */
  readonly unlimit: () => void
}

export const watch = (millis: number): Watchdog => {
  const beats = new Int32Array(new SharedArrayBuffer(8))
  const looks = Math.ceil(millis / 50)
  const every = millis / looks
  setInterval(() => Atomics.add(beats, 0, 1), every / 2).unref()
  const worker = new Worker(source, {
    eval: true,
    execArgv: [],
    workerData: { beats, every, looks },
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 }
  })
  worker.unref()
  return {
    limit: (limit) => Atomics.store(beats, 1, Math.max(1, Math.round(limit))),
    unlimit: () => Atomics.store(beats, 1, 0)
  }
}

/** Plain text, so that it needs no file beside a bundle. The second number is the limit, once there is one. */
const source = `
const { workerData: { beats, every, looks } } = require("node:worker_threads")
const { writeSync } = require("node:fs")
let seen = 0, missed = 0, spent = 0
const end = (why) => {
  try { writeSync(2, "NodeDrop.runMain: " + why + ". Its watchdog ends the process by SIGKILL.\\n") } catch {}
  process.kill(process.pid, "SIGKILL")
}
setInterval(() => {
  const beat = Atomics.load(beats, 0)
  missed = beat === seen ? missed + 1 : 0
  seen = beat
  if (missed >= looks) end("the event loop has been blocked for " + Math.round(missed * every) + " ms")
  const limit = Atomics.load(beats, 1)
  if (limit > 0 && (spent += every) >= limit + every) end("the shutdown has not ended within its budget")
}, every)
`
