// Which process: a pid is given again once its process is gone, so its start time is part of it.
//
// 1. A process that cannot be looked at, or a start that cannot be read, is taken for alive: what lives
//    never loses anything, at the price of a leftover.
// 2. A zombie is gone: it holds nothing any more.
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { readFileSync, readlinkSync } from "node:fs"
import { codeOf } from "./errno.ts"

/** A process, in a way that a later one with the same number does not match. */
export interface Identity {
  readonly pid: number
  /** When it started, as its source counts; "" where that is not known. */
  readonly start: string
}

/** Where start times are from. */
interface Source {
  readonly kind: "proc" | "ps"
  /** "" where it cannot be told; undefined: no such process. */
  readonly startOf: (pid: number) => Effect.Effect<string | undefined>
  /** Of two start times of one process, read at different times. */
  readonly same: (a: string, b: string) => boolean
}

/** In ticks since the machine started: no clock that is set changes it. */
export const proc: Source = {
  kind: "proc",
  startOf: (pid) =>
    Effect.sync(() => {
      const line = attempt(() => readFileSync(`/proc/${pid}/stat`, "latin1"))
      return line === undefined ? unknownOf(pid) : parseStat(line)
    }),
  same: (a, b) => a === b
}

/** In seconds; computed from two clocks on some systems, so that it may waver by one. */
export const ps: Source = {
  kind: "ps",
  startOf: (pid) =>
    Effect.callback<string | undefined>((resume) => {
      const env = { ...process.env, LC_ALL: "C", TZ: "UTC0" }
      const options = { env, timeout: 5_000, windowsHide: true }
      const child = execFile("ps", ["-o", "lstart=", "-p", String(pid)], options, (error, stdout) => {
        resume(Effect.succeed((error === null ? parseLstart(stdout) : undefined) ?? unknownOf(pid)))
      })
      return Effect.sync(() => child.kill())
    }),
  same: (a, b) => Math.abs(Number(a) - Number(b)) <= 2
}

/** The 22nd field; the second is the program's name, which may hold blanks and brackets. */
export const parseStat = (line: string): string | undefined => {
  const [state, ...fields] = line.slice(line.lastIndexOf(")") + 2).split(" ")
  if (state === "Z" || state === "X") return undefined // 2
  return /^\d+$/.exec(fields[18] ?? "")?.[0] ?? ""
}

export const parseLstart = (text: string): string | undefined => {
  const time = Date.parse(`${text.trim()} UTC`)
  return Number.isNaN(time) ? undefined : String(time / 1_000)
}

let here: { readonly own: Identity; readonly source: Source; readonly world: string } | undefined

const look = Effect.suspend(() => {
  if (here !== undefined) return Effect.succeed(here)
  const source = process.platform === "linux" && attempt(() => readlinkSync("/proc/self")) ? proc : ps
  const numbers = attempt(() => readlinkSync("/proc/self/ns/pid")) ?? process.platform
  return Effect.map(
    source.startOf(process.pid),
    (start = "") => here = { own: { pid: process.pid, start }, source, world: `${source.kind} ${numbers}` }
  )
})

/** This process. Looked up once, so that it costs no time later on. */
export const own: Effect.Effect<Identity> = Effect.map(look, (it) => it.own)

/** Where the numbers of processes, and their start times, mean what they mean here. */
export const world: Effect.Effect<string> = Effect.map(look, (it) => it.world)

/** Whether a process of this machine is still there. */
export const isAlive = ({ pid, start }: Identity): Effect.Effect<boolean> =>
  Effect.flatMap(
    look,
    ({ source: { same, startOf } }) =>
      Effect.map(startOf(pid), (now) => now !== undefined && (now === "" || start === "" || same(now, start)))
  )

/** Where it cannot be looked at: whether it is there at all. */
const unknownOf = (pid: number): "" | undefined => {
  // `kill` answers by throwing.
  try {
    process.kill(pid, 0)
    return ""
  } catch (cause) {
    return codeOf(cause) === "ESRCH" ? undefined : ""
  }
}

/** What the kernel answers at once, or nothing: not worth an effect that can fail. */
const attempt = <A>(ask: () => A): A | undefined => {
  try {
    return ask()
  } catch {
    return undefined
  }
}
