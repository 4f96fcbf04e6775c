// What happened to resources, step by step, and the facts that must hold of it. Each fact is a pure
// function of the steps: the sentence that says how it is broken, or nothing.
import type * as Exit from "effect/Exit"
import { format } from "effect/Formatter"

/** One step in the life of a resource; `id` is the same in all steps of one life. */
export interface Step {
  readonly _tag:
    | "Acquiring"
    | "Acquired"
    | "NotAcquired"
    | "Using"
    | "Used"
    | "Dropping"
    | "Dropped"
    | "Transferred"
    | "Unwrapped"
  readonly id: number
  readonly resource: string
  readonly key?: unknown
  /** How an acquire or a release ended. */
  readonly exit?: Exit.Exit<unknown, unknown> | undefined
  /** The exit that a release was given. */
  readonly given?: Exit.Exit<unknown, unknown> | undefined
}

type Broken = string | undefined

/** `db` where there is one, `db#1` and `db#2` where there are two. */
const labelsOf = (steps: ReadonlyArray<Step>): ReadonlyMap<number, string> => {
  const byName = new Map<string, Set<number>>()
  for (const { id, resource } of steps) {
    const ids = byName.get(resource)
    if (ids === undefined) byName.set(resource, new Set([id]))
    else ids.add(id)
  }
  const labels = new Map<number, string>()
  for (const [name, ids] of byName) {
    let n = 0
    for (const id of ids) labels.set(id, ids.size === 1 ? name : `${name}#${++n}`)
  }
  return labels
}

const words: Record<Step["_tag"], string> = {
  Acquiring: "acquire begins",
  Acquired: "acquired",
  NotAcquired: "not acquired",
  Using: "use begins",
  Used: "use ends",
  Dropping: "release begins",
  Dropped: "released",
  Transferred: "moved to another scope",
  Unwrapped: "taken out, undropped"
}

const shown = 40

/** The steps as numbered lines; of many, the last ones. */
export const timeline = (steps: ReadonlyArray<Step>): string => {
  const labels = labelsOf(steps)
  const first = Math.max(0, steps.length - shown)
  const width = Math.max(0, ...steps.slice(first).map((step) => labels.get(step.id)!.length)) // each id has a label
  const lines = steps.slice(first).map((step, i) => {
    const failed = step.exit?._tag === "Failure" ? ` (${step.exit.cause.reasons.map(reasonText).join("; ")})` : ""
    return `${String(first + i + 1).padStart(4)}  ${labels.get(step.id)!.padEnd(width)}  ${words[step._tag]}${failed}`
  })
  return (first > 0 ? [`      ... ${first} earlier steps`, ...lines] : lines).join("\n")
}

/** One release for one acquire, begun and ended. */
export const notReleasedOnce = (steps: ReadonlyArray<Step>, resources?: ReadonlyArray<string>): Broken => {
  const labels = labelsOf(steps)
  for (const name of resources ?? []) {
    if (!steps.some((step) => step.resource === name)) return `${name} was never acquired`
  }
  for (const [id, life] of livesOf(steps)) {
    if (resources !== undefined && !resources.includes(life.resource)) continue
    const label = labels.get(id)!
    const broken = releasedTooOften(label, life) ?? notReleased(label, life)
    if (broken !== undefined) return broken
  }
  return undefined
}

/** No release without its acquire, no second release. */
export const releasedWrongly = (steps: ReadonlyArray<Step>): Broken => {
  const labels = labelsOf(steps)
  for (const [id, life] of livesOf(steps)) {
    const broken = releasedTooOften(labels.get(id)!, life)
    if (broken !== undefined) return broken
  }
  return undefined
}

/** Nothing is being acquired, held or released any more. */
export const leftBehind = (steps: ReadonlyArray<Step>): Broken => {
  const labels = labelsOf(steps)
  const left = [...livesOf(steps)].flatMap(([id, life]) => notReleased(labels.get(id)!, life) ?? [])
  return left.length === 0 ? undefined : `${left.join(", ")}`
}

/** No use begins or goes on once the release has begun. */
export const usedAfterRelease = (steps: ReadonlyArray<Step>): Broken => {
  const labels = labelsOf(steps)
  const uses = new Map<number, number>()
  const releasing = new Map<number, string>()
  for (const { _tag, id } of steps) {
    const label = labels.get(id)!
    if (_tag === "Using") {
      if (releasing.has(id)) return `${label} was used after its release had ${releasing.get(id)}`
      uses.set(id, (uses.get(id) ?? 0) + 1)
    } else if (_tag === "Used") {
      uses.set(id, (uses.get(id) ?? 0) - 1)
    } else if (_tag === "Dropping") {
      releasing.set(id, "begun")
      if ((uses.get(id) ?? 0) > 0) return `the release of ${label} began while it was in use`
    } else if (_tag === "Dropped") {
      releasing.set(id, "ended")
    }
  }
  return undefined
}

/** At most `most` live at once, from the begin of an acquire to the end of its release. */
export const tooManyLive = (
  steps: ReadonlyArray<Step>,
  most: number,
  groupOf: (step: Step) => unknown = () => undefined
): Broken => {
  const labels = labelsOf(steps)
  const live = new Map<unknown, Set<number>>()
  for (const step of steps) {
    const group = groupOf(step)
    const ids = live.get(group) ?? new Set()
    live.set(group, ids)
    if (step._tag === "Acquiring" || step._tag === "Acquired") ids.add(step.id)
    if (step._tag === "NotAcquired" || step._tag === "Dropped" || step._tag === "Unwrapped") ids.delete(step.id)
    if (ids.size <= most) continue
    const names = [...ids].map((id) => labels.get(id)!).join(", ")
    const where = group === undefined ? "" : ` of key ${format(group)}`
    return `${ids.size}${where} were live at once (${names}), at most ${most} may be`
  }
  return undefined
}

/** The releases of these resources come in this order, each after the end of the one before. */
export const outOfOrder = (steps: ReadonlyArray<Step>, order: ReadonlyArray<string>, all = true): Broken => {
  const begun: Array<string> = []
  let running: string | undefined
  for (const { _tag, resource } of steps) {
    if (!order.includes(resource)) continue
    if (_tag === "Dropping") {
      if (running !== undefined) return `the release of ${resource} began before that of ${running} had ended`
      running = resource
      begun.push(resource)
    } else if (_tag === "Dropped") {
      running = undefined
    }
  }
  const expected = all ? order : order.slice(0, begun.length)
  if (begun.length === expected.length && begun.every((name, i) => name === expected[i])) return undefined
  return `expected the releases in the order ${listed(order)}, they came in the order ${listed(begun)}`
}

/** Each release is of the newest that is still held, and begins after the one before has ended. */
export const notLastInFirstOut = (steps: ReadonlyArray<Step>): Broken => {
  const labels = labelsOf(steps)
  const held: Array<number> = []
  let running: number | undefined
  for (const { _tag, id } of steps) {
    if (_tag === "Acquired") held.push(id)
    if (_tag === "Dropped" && id === running) running = undefined
    if (_tag !== "Dropping") continue
    const label = labels.get(id)!
    if (running !== undefined) return `the release of ${label} began before that of ${labels.get(running)} had ended`
    const newest = held.at(-1)
    if (newest !== undefined && newest !== id && held.includes(id)) {
      return `${label} was released before ${labels.get(newest)}, which was acquired after it`
    }
    if (newest === id) held.pop()
    running = id
  }
  return undefined
}

/** What a release or an acquire came to, in one line. */
export const reasonText = (reason: {
  readonly _tag: "Fail" | "Die" | "Interrupt"
  readonly error?: unknown
  readonly defect?: unknown
}): string => {
  switch (reason._tag) {
    case "Fail":
      return `failed with ${text(reason.error)}`
    case "Die":
      return `died of ${text(reason.defect)}`
    case "Interrupt":
      return "was interrupted"
  }
}

export const text = (value: unknown): string => {
  const full = value instanceof Error
    ? value.message === "" ? value.name : `${value.name}: ${value.message}`
    : format(value)
  const line = full.split("\n", 1)[0]!
  return line.length > 120 ? `${line.slice(0, 120)}...` : line
}

interface Life {
  readonly resource: string
  acquired: number
  acquiring: number
  dropping: number
  dropped: number
}

const livesOf = (steps: ReadonlyArray<Step>): ReadonlyMap<number, Life> => {
  const lives = new Map<number, Life>()
  for (const { _tag, id, resource } of steps) {
    let life = lives.get(id)
    if (life === undefined) lives.set(id, life = { resource, acquired: 0, acquiring: 0, dropping: 0, dropped: 0 })
    if (_tag === "Acquiring") life.acquiring++
    if (_tag === "Acquired" || _tag === "NotAcquired") life.acquiring = 0
    if (_tag === "Acquired") life.acquired++
    if (_tag === "Dropping") life.dropping++
    if (_tag === "Dropped" || _tag === "Unwrapped") life.dropped++
  }
  return lives
}

const releasedTooOften = (label: string, life: Life): Broken => {
  if (life.dropping > 0 && life.acquired === 0) return `${label} was released and had never been acquired`
  if (life.dropping > 1) return `${label} was released ${life.dropping === 2 ? "twice" : `${life.dropping} times`}`
  return undefined
}

const notReleased = (label: string, life: Life): Broken => {
  if (life.acquiring > 0) return `the acquire of ${label} has not ended`
  if (life.acquired === 0 || life.dropped > 0) return undefined
  return life.dropping > 0 ? `the release of ${label} has not ended` : `${label} was never released`
}

const listed = (names: ReadonlyArray<string>): string => names.length === 0 ? "(none)" : names.join(", ")
