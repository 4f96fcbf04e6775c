// Many who want one key, many who give up waiting for it, and many keys.
import { ConcurrentStore } from "@async-drop/core"
import { Effect, Fiber, RcMap, Scope, ScopedCache } from "effect"
import type { Case, Group } from "../runner/model.ts"
import { later, repeat } from "./repeat.ts"
import { FloorCrowd } from "./store-floor.ts"
import { ours, plain, promiseMap } from "./store.ts"

type Get = (key: number) => Effect.Effect<unknown, never, Scope.Scope>

interface Open {
  readonly scope: Scope.Closeable
  readonly get: Get
}

/** A store of some kind, in a scope of its own. */
const opened = (make: Effect.Effect<Get, never, Scope.Scope>): Promise<Open> => {
  const scope = Scope.makeUnsafe()
  return Effect.runPromise(Effect.map(Scope.provide(make, scope), (get) => ({ scope, get })))
}

const kinds = (
  before: Effect.Effect<unknown>
): ReadonlyArray<readonly [string, Effect.Effect<Get, never, Scope.Scope>]> => [
  [
    "RcMap",
    Effect.map(
      RcMap.make({ lookup: (key: number) => Effect.andThen(before, plain(key)) }),
      (map) => (key) => RcMap.get(map, key)
    )
  ],
  [
    "ScopedCache",
    Effect.map(
      ScopedCache.make({ lookup: (key: number) => Effect.andThen(before, plain(key)), capacity: Infinity }),
      (cache) => (key) => ScopedCache.get(cache, key)
    )
  ],
  [
    "ConcurrentStore",
    Effect.map(
      ConcurrentStore.make({ lookup: (key: number) => Effect.andThen(before, ours(key)) }),
      (store) => (key) => ConcurrentStore.get(store, key)
    )
  ]
]

/** All of them at once, each in a scope of its own. */
const crowd = (get: Get) => Effect.scoped(get(0))

const crowdOf = (size: number): Group => ({
  name: "store: 10,000 fibres want one key",
  yardstick: "RcMap",
  rounds: 7,
  cases: [
    ...kinds(later).map(([name, make]): Case => ({
      name,
      ops: size,
      prepare: () => opened(make),
      run: (ops, { get }: Open) =>
        Effect.runPromise(
          Effect.forEach(Array.from({ length: ops }), () => crowd(get), { concurrency: "unbounded", discard: true })
        ),
      goals: name === "ConcurrentStore" ? [{ unit: "ns", against: "RcMap", atMost: 0.7 }] : []
    })),
    {
      name: "the floor",
      ops: size,
      run: (ops) => {
        const floor = new FloorCrowd()
        const all = Array.from({ length: ops }, () => Effect.scoped(floor.get))
        const load = Effect.map(Effect.andThen(later, Effect.yieldNow), () => floor.answer())
        return Effect.runPromise(
          Effect.andThen(
            Effect.forkChild(load),
            Effect.forEach(all, (each) => each, { concurrency: "unbounded", discard: true })
          )
        )
      }
    },
    {
      name: "promises, by hand",
      ops: size,
      prepare: promiseMap,
      run: async (ops, map: ReturnType<typeof promiseMap>) => {
        await Promise.all(Array.from({ length: ops }, async () => {
          await using _ = await map.get(0)
        }))
      }
    }
  ]
})

interface Waiting extends Open {
  readonly fibers: ReadonlyArray<Fiber.Fiber<unknown>>
}

/** All wait for a load that never ends, and are interrupted together. */
const cancelled = (name: string, make: Effect.Effect<Get, never, Scope.Scope>, waiters: number): Case => ({
  name: `${name}, ${waiters.toLocaleString("en-US")}`,
  ops: waiters,
  prepare: async (ops): Promise<Waiting> => {
    const open = await opened(make)
    const fibers = Array.from({ length: ops }, () => Effect.runFork(Effect.scoped(open.get(0))))
    await new Promise((resolve) => setTimeout(resolve, 10))
    return { ...open, fibers }
  },
  run: (_, { fibers }: Waiting) => Effect.runPromise(Fiber.interruptAll(fibers)),
  goals: name === "ConcurrentStore" && waiters === 40_000
    ? [{ unit: "ns", against: "ConcurrentStore, 10,000", atMost: 1.5 }]
    : []
})

const never = kinds(Effect.never)

const atOnce = kinds(Effect.void)
const keys = 100_000

export const storeMany: ReadonlyArray<Group> = [
  crowdOf(10_000),
  {
    name: "store: waiters of one key are cancelled",
    yardstick: "RcMap, 10,000",
    rounds: 3,
    cases: never.flatMap(([name, make]) => [cancelled(name, make, 10_000), cancelled(name, make, 40_000)])
  },
  {
    name: "store: 100,000 keys opened and closed",
    yardstick: "RcMap",
    rounds: 3,
    cases: [
      ...atOnce.map(([name, make]): Case => ({
        name,
        ops: keys,
        run: (ops) =>
          Effect.runPromise(Effect.scoped(Effect.flatMap(make, (get) => {
            let key = 0
            return Effect.scoped(repeat(ops, () => get(key++)))
          })))
      })),
      {
        name: "promises, by hand",
        ops: keys,
        run: async (ops) => {
          const map = promiseMap()
          await using leases = new AsyncDisposableStack()
          for (let key = 0; key < ops; key++) leases.use(await map.get(key))
        }
      }
    ]
  }
]
