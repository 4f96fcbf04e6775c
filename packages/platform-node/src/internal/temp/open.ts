// The temporary paths that are open, and what removes them when the process ends with its scopes open.
//
// 1. The listeners are there while a path is open, and at no other time.
// 2. A signal that somebody else listens to is theirs: nothing is removed, and they see no listener of
//    ours while they decide (some end the process only where theirs is the only one).
// 3. A signal that nobody else listens to ends the process as it would have without us, after the removal.
// 4. What cannot be removed stops nothing else.
import { rmSync } from "node:fs"

const open = new Set<string>()

/** Those whose default ends the process before anything can run, and which can be listened to. */
const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const

export const add = (path: string): void => {
  open.add(path)
  if (open.size === 1) listen()
}

export const remove = (path: string): void => {
  if (open.delete(path) && open.size === 0) unlisten()
}

const listen = (): void => {
  process.on("exit", removeAll)
  // First in line, so that whoever comes after sees the list without us (2).
  for (const signal of signals) process.prependListener(signal, onSignal)
}

const unlisten = (): void => {
  process.off("exit", removeAll)
  for (const signal of signals) process.off(signal, onSignal)
}

const onSignal = (signal: NodeJS.Signals): void => {
  process.off(signal, onSignal)
  if (process.listenerCount(signal) > 0) {
    setImmediate(back, signal).unref()
    return
  }
  removeAll()
  process.kill(process.pid, signal)
}

/** Whoever got the signal goes on. */
const back = (signal: NodeJS.Signals): void => {
  if (open.size > 0 && !process.listeners(signal).includes(onSignal)) process.prependListener(signal, onSignal)
}

/** Synchronous: nothing asynchronous runs any more. */
const removeAll = (): void => {
  for (const path of open) {
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // (4) The next start sweeps it.
    }
  }
}
