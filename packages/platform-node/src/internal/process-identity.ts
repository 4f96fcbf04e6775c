// Which process: a pid is given again once its process is gone, so its start time is part of it.
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { codeOf } from "./errno.ts"

/** When a process started, in the kernel's own count; "" where the system does not tell; undefined: no such process. */
export const startTimeOf = (pid: number): Effect.Effect<string | undefined> =>
  Effect.try(() => readFileSync(`/proc/${pid}/stat`, "latin1")).pipe(
    Effect.map((line) => {
      // The name in parentheses may hold spaces and parentheses itself.
      const [state, ...fields] = line.slice(line.lastIndexOf(")") + 2).split(" ")
      return state === "Z" || state === "X" ? undefined : fields[18]
    }),
    Effect.catch(() => withoutProc(pid))
  )

/** Whether the process that wrote these two is still there. */
export const isAlive = (pid: number, startTime: string): Effect.Effect<boolean> =>
  Effect.map(startTimeOf(pid), (now) => now !== undefined && (now === startTime || now === "" || startTime === ""))

/** Where there is no /proc, or it hides other users' processes. */
const withoutProc = (pid: number): Effect.Effect<string | undefined> =>
  Effect.match(Effect.try(() => process.kill(pid, 0)), {
    onSuccess: () => "",
    onFailure: ({ cause }) => codeOf(cause) === "EPERM" ? "" : undefined
  })
