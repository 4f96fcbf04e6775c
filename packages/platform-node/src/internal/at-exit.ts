// What is done when the process ends with scopes open.
//
// 1. The listeners are there while there is something to do, and at no other time.
// 2. A signal that somebody else listens to is theirs: nothing is done, and they see no listener of
//    ours while they decide (some end the process only where theirs is the only one).
// 3. A signal that nobody else listens to ends the process as it would have without us, after all is done.
// 4. What cannot be done stops nothing else.
// 5. Children end before temporary paths go, which they may write to.

/** Synchronous: nothing asynchronous runs any more. */
export type Last = () => void

export type Kind = "child" | "path"

const all: Readonly<Record<Kind, Set<Last>>> = { child: new Set(), path: new Set() }

const isEmpty = (): boolean => all.child.size + all.path.size === 0

/** Those whose default ends the process before anything can run, and which can be listened to. */
const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const

/** What to do from now on, until what is returned is called. */
export const add = (kind: Kind, last: Last): () => void => {
  if (isEmpty()) listen()
  all[kind].add(last)
  return () => {
    if (all[kind].delete(last) && isEmpty()) unlisten()
  }
}

const listen = (): void => {
  process.on("exit", doAll)
  // First in line, so that whoever comes after sees the list without us (2).
  for (const signal of signals) process.prependListener(signal, onSignal)
}

const unlisten = (): void => {
  process.off("exit", doAll)
  for (const signal of signals) process.off(signal, onSignal)
}

const onSignal = (signal: NodeJS.Signals): void => {
  process.off(signal, onSignal)
  if (process.listenerCount(signal) > 0) {
    setImmediate(back, signal).unref()
    return
  }
  doAll()
  process.kill(process.pid, signal)
}

/** Whoever got the signal goes on. */
const back = (signal: NodeJS.Signals): void => {
  if (!isEmpty() && !process.listeners(signal).includes(onSignal)) process.prependListener(signal, onSignal)
}

const doAll = (): void => {
  for (const last of [...all.child, ...all.path]) { // (5)
    try {
      last()
    } catch {
      // (4) There is nobody left to tell.
    }
  }
}
