// A schedule in a few printable characters:
//
//   x1-3f9k-2.1.0-5.1_12.2-1q8s
//   |  |    |     |        the kinds and numbers of the choices, hashed: does the token fit this run?
//   |  |    |     the choices that are not the first option: how many first options lie before, and which
//   |  |    the bounds: preemptions, interrupts, delays
//   |  the name, hashed: whose token is it?
//   the form of the token
import type { Bounds } from "./bounds.ts"
import type { Trail } from "./trail.ts"

export interface Token {
  readonly name: string
  readonly bounds: Bounds
  readonly values: ReadonlyArray<number>
  readonly sum: string
}

export const encode = (name: string, bounds: Bounds, trail: Trail): string => {
  const taken = trail.taken()
  return [
    "x1",
    nameHash(name),
    [bounds.preemptions, bounds.interrupts, bounds.delays].map(text).join("."),
    choices(taken),
    sumOf(trail, taken.length)
  ].join("-")
}

/** The token's parts, or undefined where it is none. */
export const decode = (token: string): Token | undefined => {
  const match = /^x1-([0-9a-z]+)-([0-9a-z]+)\.([0-9a-z]+)\.([0-9a-z]+)-((?:[0-9a-z]+\.[0-9a-z]+_?)*)-([0-9a-z]+)$/.exec(
    token
  )
  if (match === null) return undefined
  const [, name = "", preemptions = "", interrupts = "", delays = "", taken = "", sum = ""] = match
  const bounds = { preemptions: number(preemptions), interrupts: number(interrupts), delays: number(delays) }
  const values: Array<number> = []
  for (const pair of taken === "" ? [] : taken.split("_")) {
    const [gap = "", value = ""] = pair.split(".")
    // A damaged token must not ask for more choices than a run could have.
    if (number(gap) > 1_000_000) return undefined
    for (let i = number(gap); i > 0; i--) values.push(0)
    values.push(number(value))
  }
  return { name, bounds, values, sum }
}

export const sumOf = (trail: Trail, end: number): string => text(trail.sum(end) % 36 ** 5)

export const nameHash = (name: string): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return text((hash >>> 0) % 36 ** 4)
}

const choices = (values: ReadonlyArray<number>) => {
  const pairs: Array<string> = []
  let gap = 0
  for (const value of values) {
    if (value === 0) gap++
    else {
      pairs.push(`${text(gap)}.${text(value)}`)
      gap = 0
    }
  }
  return pairs.join("_")
}

const text = (n: number) => n.toString(36)
const number = (digits: string) => Number.parseInt(digits, 36)
