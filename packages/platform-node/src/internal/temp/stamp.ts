// What a temporary path says, in its name, about the process that made it.
//
// 1. A stamp is part of the name, so a path has it whole from the moment it exists.
import * as Effect from "effect/Effect"
import { createHash, randomBytes } from "node:crypto"
import { hostname } from "node:os"
import * as Process from "../process-identity.ts"

export interface Stamp extends Process.Identity {
  /** Where its number means anything: the host, and the namespace of process numbers. */
  readonly world: string
}

export type Life = "alive" | "dead" | "elsewhere"

const pattern = /^(\d{1,10})-(\d{1,20})-([0-9a-f]{8})-[0-9a-f]{10}/

/** A start that is not known, in a name. */
const unknown = "0"

/** A new name that says who made it. */
export const nameOf = (prefix: string, { pid, start, world }: Stamp, suffix: string): string =>
  `${prefix}${pid}-${start === "" ? unknown : start}-${world}-${randomBytes(5).toString("hex")}${suffix}`

/** What a name says, if it is one of ours. */
export const parse = (prefix: string, name: string): Stamp | undefined => {
  const found = name.startsWith(prefix) ? pattern.exec(name.slice(prefix.length)) : null
  if (found === null) return undefined
  const [, pid, start, world] = found as unknown as readonly [string, string, string, string] // the groups of the pattern
  return { pid: Number(pid), start: start === unknown ? "" : start, world }
}

/** What stands behind the stamp in a name of ours. */
export const suffixOf = (prefix: string, name: string): string => name.slice(prefix.length).replace(pattern, "")

/** The stamp of this process. */
export const own: Effect.Effect<Stamp> = Effect.zipWith(Process.own, Process.world, (identity, numbers) => {
  const world = createHash("sha256").update(JSON.stringify([hostname(), numbers])).digest("hex").slice(0, 8)
  return { ...identity, world }
})

/** Whether the process of a stamp still runs. */
export const lifeOf = (stamp: Stamp): Effect.Effect<Life> =>
  Effect.flatMap(own, (us): Effect.Effect<Life> =>
    stamp.world !== us.world
      ? Effect.succeed("elsewhere")
      : Effect.map(Process.isAlive(stamp), (alive) => alive ? "alive" : "dead"))
