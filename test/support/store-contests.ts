// What the explorations of a store have in common: the operations, and how far each contest goes.
import { isWide, pair } from "./bounds.ts"
import { explored } from "./explored.ts"
import type { Side } from "./store-ledger.ts"
import { type Contest, fewer, plain, type Setting, stored } from "./stores.ts"
import { each } from "./within.ts"

type Bounds = Parameters<typeof each>[1]

type Contested = (
  name: string,
  bounds: Bounds,
  setting: Omit<Setting, "interrupts">,
  sides: (contest: Contest) => ReadonlyArray<Side>
) => void

/** A test for each of the bounds. Within the widest each fate is met by itself; all of them within the next. */
export const contested: Contested = (name, bounds, setting, sides) => {
  if (!isWide) return together(name, bounds, setting, sides)
  together(name, bounds.map((bounds) => isWidest(bounds) ? pair : bounds), setting, sides)
  alone(name, bounds.filter(isWidest), setting, sides)
}

/** As `contested`, with each fate by itself: where there are too many schedules with several of them. */
export const alone: Contested = (name, bounds, setting, sides) => {
  for (const fate of fewer(setting.fates ?? plain)) {
    const { load, release } = fate
    together(`${name}, load ${load}, release ${release}`, bounds, { ...setting, fates: [fate] }, sides)
  }
}

const together: Contested = (name, bounds, setting, sides) =>
  each(name, bounds, (name, bounds) =>
    explored(
      name,
      { ...bounds, delays: setting.delays },
      (w) => stored(w, { ...setting, interrupts: bounds.interrupts !== 0 }, sides)
    ))

const isWidest = ({ preemptions }: Bounds[number]): boolean => preemptions === 2

/** As it is left to chance: so many schedules of all there are. */
export const drawn = (
  name: string,
  setting: Omit<Setting, "interrupts">,
  sides: (contest: Contest) => ReadonlyArray<Side>
) => explored(name, { ...random, delays: setting.delays }, (w) => stored(w, { ...setting, interrupts: true }, sides))

export const random = {
  strategy: "random",
  preemptions: 4,
  interrupts: 2,
  schedules: isWide ? 100_000 : 500,
  seed: 30
} as const

type Operations = { readonly [name: string]: (contest: Contest) => Side }

/** Those that are different to the machine of a key. */
export const different: Operations = {
  use: ({ use }) => use("a"),
  getOption: ({ getOption }) => getOption("a"),
  insert: ({ insert }) => insert("a"),
  insertLoading: ({ insertLoading }) => insertLoading("a"),
  requestAndDrop: ({ requestAndDrop }) => requestAndDrop("a"),
  invalidate: ({ invalidate }) => invalidate("a"),
  drop: ({ drop }) => drop
}

/** And those that are much like one of these. */
export const operations: Operations = {
  ...different,
  get: ({ get }) => get("a"),
  open: ({ open }) => open("a"),
  clone: ({ clone }) => clone("a"),
  getOrLoad: ({ getOrLoad }) => getOrLoad("a"),
  entries: ({ entries }) => entries,
  request: ({ request }) => request("a"),
  invalidateAll: ({ invalidateAll }) => invalidateAll
}

export const names = Object.keys(operations)

/** One that is loaded, and that nobody holds. */
export const kept = { idle: ["a"], idleTimeToLive: Infinity }
