// A value by key: one that is there, and one that is loaded and dropped.
import { AsyncDrop, ConcurrentStore } from "@async-drop/core"
import { Effect, RcMap, Scope, ScopedCache } from "effect"
import type { Goal, Group } from "../runner/model.ts"
import { count, counter, repeat } from "./repeat.ts"
import { PromiseMap } from "./store-by-hand.ts"
import { FloorHit, FloorStore } from "./store-floor.ts"

export interface Value {
  readonly key: number
}

const release = () => count
export const plain = (key: number) => Effect.acquireRelease(Effect.sync((): Value => ({ key })), release)
export const ours = (key: number) => AsyncDrop.acquireRelease(Effect.sync((): Value => ({ key })), release)
const load = async (key: number): Promise<Value> => ({ key })
const close = async () => void counter.value++
export const promiseMap = () => new PromiseMap(load, close)

/** Of a scope that stays open, with one key that is held all the time. */
const held = Scope.makeUnsafe()
const store = Effect.runSync(
  Scope.provide(Effect.tap(ConcurrentStore.make({ lookup: ours }), ConcurrentStore.get(0)), held)
)
const rcMap = Effect.runSync(Scope.provide(Effect.tap(RcMap.make({ lookup: plain }), RcMap.get(0)), held))
const cache = Effect.runSync(
  Scope.provide(Effect.tap(ScopedCache.make({ lookup: plain, capacity: 100 }), ScopedCache.get(0)), held)
)
const byHand = promiseMap()
await byHand.get(0)

const floor = new FloorStore(plain)
const floorHit = new FloorHit<Value>({ key: 0 })

/** These keep for a while what nobody holds. */
const idleTimeToLive = "2 seconds"
const keeping = Effect.runSync(Scope.provide(ConcurrentStore.make({ lookup: ours, idleTimeToLive }), held))
const keepingRc = Effect.runSync(Scope.provide(RcMap.make({ lookup: plain, idleTimeToLive }), held))

const body = (value: Value) => value.key === -1 ? count : Effect.void

const hitGoals: ReadonlyArray<Goal> = [
  { unit: "ns", against: "RcMap.get in a scope", atMost: 0.3 },
  { unit: "ns", against: "promises, by hand", atMost: 1.5 }
]

const missGoals: ReadonlyArray<Goal> = [{ unit: "ns", against: "RcMap.get in a scope", atMost: 0.3 }]

/** Of one that would be kept, so it is dropped by hand. */
const keptGoals: ReadonlyArray<Goal> = [{ unit: "ns", against: "RcMap.get and invalidate", atMost: 0.3 }]

const runByHand = async (ops: number, key: number) => {
  for (let i = 0; i < ops; i++) {
    await using lease = await byHand.get(key)
    if (lease.value.key === -1) counter.value++
  }
}

export const storeHit: Group = {
  name: "store: a key that is held, used or held for a while",
  yardstick: "RcMap.get in a scope",
  cases: [
    {
      name: "RcMap.get in a scope",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.scoped(Effect.flatMap(RcMap.get(rcMap, 0), body))))
    },
    {
      name: "ScopedCache.get",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.flatMap(ScopedCache.get(cache, 0), body)))
    },
    { name: "promises, by hand", run: (ops) => runByHand(ops, 0) },
    {
      name: "ConcurrentStore.use",
      run: (ops) => Effect.runPromise(repeat(ops, () => ConcurrentStore.use(store, 0, body))),
      goals: hitGoals
    },
    {
      name: "ConcurrentStore.get in a scope",
      run: (ops) =>
        Effect.runPromise(repeat(ops, () => Effect.scoped(Effect.flatMap(ConcurrentStore.get(store, 0), body)))),
      goals: hitGoals
    },
    {
      name: "ConcurrentStore.get in AsyncDrop.scoped",
      run: (ops) =>
        Effect.runPromise(repeat(ops, () => AsyncDrop.scoped(Effect.flatMap(ConcurrentStore.get(store, 0), body)))),
      goals: hitGoals
    },
    {
      name: "the floor of a use",
      run: (ops) => Effect.runPromise(repeat(ops, () => floorHit.use(body)))
    },
    {
      name: "the floor in a scope",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.scoped(Effect.flatMap(floorHit.get, body))))
    },
    {
      name: "a scope with nothing in it",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.scoped(count)))
    }
  ]
}

export const storeIdle: Group = {
  name: "store: a key that is idle between its uses",
  yardstick: "RcMap.get in a scope",
  cases: [
    {
      name: "RcMap.get in a scope",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.scoped(Effect.flatMap(RcMap.get(keepingRc, 0), body))))
    },
    {
      name: "ConcurrentStore.use",
      run: (ops) => Effect.runPromise(repeat(ops, () => ConcurrentStore.use(keeping, 0, body)))
    },
    {
      name: "ConcurrentStore.get in a scope",
      run: (ops) =>
        Effect.runPromise(repeat(ops, () => Effect.scoped(Effect.flatMap(ConcurrentStore.get(keeping, 0), body))))
    }
  ]
}

export const storeMiss: Group = {
  name: "store: a key that is loaded, used and dropped",
  yardstick: "RcMap.get in a scope",
  cases: [
    {
      name: "RcMap.get in a scope",
      run: (ops) => Effect.runPromise(repeat(ops, () => Effect.scoped(Effect.flatMap(RcMap.get(rcMap, 1), body))))
    },
    {
      name: "ScopedCache.get and invalidate",
      run: (ops) =>
        Effect.runPromise(
          repeat(ops, () =>
            Effect.andThen(Effect.flatMap(ScopedCache.get(cache, 1), body), ScopedCache.invalidate(cache, 1)))
        )
    },
    { name: "promises, by hand", run: (ops) => runByHand(ops, 1) },
    {
      name: "ConcurrentStore.use",
      run: (ops) => Effect.runPromise(repeat(ops, () => ConcurrentStore.use(store, 1, body))),
      goals: missGoals
    },
    {
      name: "ConcurrentStore.get in a scope",
      run: (ops) =>
        Effect.runPromise(repeat(ops, () => Effect.scoped(Effect.flatMap(ConcurrentStore.get(store, 1), body)))),
      goals: missGoals
    },
    {
      name: "the floor, with a plain release",
      run: (ops) => Effect.runPromise(repeat(ops, () => floor.use(1, body)))
    }
  ]
}

export const storeKept: Group = {
  name: "store: a key that is loaded, used, kept and invalidated",
  yardstick: "RcMap.get and invalidate",
  cases: [
    {
      name: "RcMap.get and invalidate",
      run: (ops) =>
        Effect.runPromise(repeat(ops, () =>
          Effect.andThen(
            Effect.scoped(Effect.flatMap(RcMap.get(keepingRc, 1), body)),
            RcMap.invalidate(keepingRc, 1)
          )))
    },
    {
      name: "ConcurrentStore.use and invalidate",
      run: (ops) =>
        Effect.runPromise(
          repeat(
            ops,
            () => Effect.andThen(ConcurrentStore.use(keeping, 1, body), ConcurrentStore.invalidate(keeping, 1))
          )
        ),
      goals: keptGoals
    },
    {
      name: "ConcurrentStore.get in a scope and invalidate",
      run: (ops) =>
        Effect.runPromise(repeat(ops, () =>
          Effect.andThen(
            Effect.scoped(Effect.flatMap(ConcurrentStore.get(keeping, 1), body)),
            ConcurrentStore.invalidate(keeping, 1)
          ))),
      goals: keptGoals
    }
  ]
}
