// What a temporary path says, in its name, about the process that made it.
//
// 1. A stamp is part of the name, so a path has it whole from the moment it exists.
// 2. A process that cannot be looked at, or a start that cannot be read, is taken for alive: what lives
//    is never removed, at the price of a leftover.
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"

/** A process, in a way that a later one with the same number does not match. */
export interface Stamp {
  readonly pid: number
  /** When it started; `0` where that is not known. */
  readonly start: string
  /** Where its number means anything: the host, and the namespace of process numbers. */
  readonly world: string
}

export type Life = "alive" | "dead" | "elsewhere"

const pattern = /^(\d{1,10})-(\d{1,20})-([0-9a-f]{8})-[0-9a-f]{10}/

/** A new name that says who made it. */
export const nameOf = (prefix: string, stamp: Stamp, suffix: string): string =>
  `${prefix}${stamp.pid}-${stamp.start}-${stamp.world}-${randomBytes(5).toString("hex")}${suffix}`

/** What a name says, if it is one of ours. */
export const parse = (prefix: string, name: string): Stamp | undefined => {
  const found = name.startsWith(prefix) ? pattern.exec(name.slice(prefix.length)) : null
  return found === null ? undefined : { pid: Number(found[1]), start: found[2]!, world: found[3]! }
}

/** What stands behind the stamp in a name of ours. */
export const suffixOf = (prefix: string, name: string): string => name.slice(prefix.length).replace(pattern, "")

/** Of two numbers of one process, read at different times. */
type Same = (a: string, b: string) => boolean

interface Source {
  readonly kind: "proc" | "ps"
  readonly startOf: (pid: number) => Effect.Effect<string | undefined>
  readonly same: Same
}

/** In ticks since the machine started: no clock that is set changes it. */
export const proc: Source = {
  kind: "proc",
  startOf: (pid) => Effect.sync(() => attempt(() => parseStat(readFileSync(`/proc/${pid}/stat`, "utf8")))),
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
        resume(Effect.succeed(error === null ? parseLstart(stdout) : undefined))
      })
      return Effect.sync(() => child.kill())
    }),
  same: (a, b) => Math.abs(Number(a) - Number(b)) <= 2
}

/** The 22nd field; the second is the program's name, which may hold blanks and brackets. */
export const parseStat = (text: string): string | undefined => {
  const start = text.slice(text.lastIndexOf(")") + 2).split(" ")[19]
  return start !== undefined && /^\d+$/.test(start) ? start : undefined
}

export const parseLstart = (text: string): string | undefined => {
  const time = Date.parse(`${text.trim()} UTC`)
  return Number.isNaN(time) ? undefined : String(time / 1_000)
}

/** What the kernel answers at once, or nothing: not worth an effect that can fail. */
const attempt = <A>(ask: () => A): A | undefined => {
  try {
    return ask()
  } catch {
    return undefined
  }
}

let here: { readonly stamp: Stamp; readonly source: Source } | undefined

const look = Effect.suspend(() => {
  if (here !== undefined) return Effect.succeed(here)
  const source = process.platform === "linux" && attempt(() => readlinkSync("/proc/self")) ? proc : ps
  const numbers = attempt(() => readlinkSync("/proc/self/ns/pid")) ?? process.platform
  const world = createHash("sha256").update(JSON.stringify([hostname(), source.kind, numbers]))
  return Effect.map(
    source.startOf(process.pid),
    (start = "0") => here = { source, stamp: { pid: process.pid, start, world: world.digest("hex").slice(0, 8) } }
  )
})

/** The stamp of this process. */
export const own: Effect.Effect<Stamp> = Effect.map(look, ({ stamp }) => stamp)

/** Whether the process of a stamp still runs. */
export const lifeOf = (stamp: Stamp): Effect.Effect<Life> =>
  Effect.flatMap(look, (us) => {
    if (stamp.world !== us.stamp.world) return Effect.succeed("elsewhere")
    if (!exists(stamp.pid)) return Effect.succeed("dead")
    if (stamp.start === "0") return Effect.succeed("alive")
    return Effect.map(us.source.startOf(stamp.pid), (start): Life =>
      start === undefined || us.source.same(start, stamp.start) ? "alive" : "dead")
  })

const exists = (pid: number): boolean => {
  // `kill` answers by throwing.
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH" // what `process.kill` throws
  }
}
