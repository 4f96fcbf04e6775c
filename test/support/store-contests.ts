// What the explorations of a store have in common: the operations, and how far each contest goes.
import { isWide, pair } from "./bounds.ts"
import { explored } from "./explored.ts"
import type { Side } from "./store-ledger.ts"
import { type Contest, type Fate, fewer, plain, type Setting, stored } from "./stores.ts"
import { each } from "./within.ts"

type Bounds = Parameters<typeof each>[1]

/** A test for each of the bounds. Within the widest each fate is met by itself; all of them within the next. */
export const contested = (
  name: string,
  bounds: Bounds,
  setting: Omit<Setting, "interrupts">,
  sides: (contest: Contest) => ReadonlyArray<Side>
) =>
  each(name, isWide ? bounds.flatMap((each) => isWidest(each) ? [each, pair] : [each]) : bounds, (name, bounds) => {
    const all = setting.fates ?? plain
    const test = (name: string, fates: ReadonlyArray<Fate>) =>
      explored(
        name,
        { ...bounds, delays: setting.delays },
        (w) => stored(w, { ...setting, fates, interrupts: bounds.interrupts !== 0 }, sides)
      )
    if (!isWide || !isWidest(bounds)) test(name, all)
    else for (const fate of fewer(all)) test(`${name}, load ${fate.load}, release ${fate.release}`, [fate])
  })

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
