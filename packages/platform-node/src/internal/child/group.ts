// A process, or a process group, as the kernel names it to `kill`: a group by its negated number.
import * as Effect from "effect/Effect"
import type { ChildProcessHandle } from "effect/process/ChildProcessSpawner"
import { readdirSync, readFileSync } from "node:fs"

export type Target = number

/** Whether there was somebody to send it to. */
export const send = (target: Target, signal: NodeJS.Signals | 0): "sent" | "refused" | "gone" => {
  // `kill` answers by throwing.
  try {
    process.kill(target, signal)
    return "sent"
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH" ? "gone" : "refused" // what `process.kill` throws
  }
}

/** Whether one of them lives; who waits to be reaped does not. */
export const isAlive = (target: Target): boolean => {
  if (send(target, 0) === "gone") return false
  return target > 0 || process.platform !== "linux" || hasLiving(-target)
}

/** Ends by force what this process has started, and at once; `runs` is whether it has not ended yet. */
export const endNow = (target: Target, runs: boolean): void => {
  // While its group lives no other process gets its number: one that has it after ours ended is a stranger.
  const isStranger = !runs && (target > 0 || send(-target, 0) !== "gone")
  if (!isStranger) send(target, "SIGKILL")
}

/** What can be told at once of a process that this one has started; where it cannot be told, it does not run. */
export const runs = (handle: ChildProcessHandle): boolean => {
  const exit = Effect.runSyncExit(handle.isRunning)
  return exit._tag === "Success" && exit.value
}

/** As pid 1 of a container nobody may reap the orphans of a group: it exists, and none of it lives. */
const hasLiving = (group: number): boolean => {
  const leader = stat(String(group))
  if (leader !== undefined && !isDead(leader)) return true
  return readdirSync("/proc").some((name) => {
    const fields = /^\d+$/.test(name) ? stat(name) : undefined
    return fields !== undefined && fields[2] === String(group) && !isDead(fields)
  })
}

const isDead = (fields: ReadonlyArray<string>): boolean => fields[0] === "Z" || fields[0] === "X"

/** State, parent, group: what follows the name of the program, which may hold blanks and brackets. */
const stat = (pid: string): ReadonlyArray<string> | undefined => {
  // It may go between the listing and the reading.
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    return text.slice(text.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined
  }
}
