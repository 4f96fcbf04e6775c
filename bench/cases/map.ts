// The end of a map of 1e5 entries, 16 at a time; filling it is not measured.
import { AsyncDropGuard, AsyncDropHashMap } from "@async-drop/core"
import { Effect, Scope } from "effect"
import type { Case, Goal, Group } from "../runner/model.ts"
import { count, later, repeat, resolved } from "./repeat.ts"

const concurrency = 16

const filled = (release: Effect.Effect<void>) => (entries: number) =>
  Effect.runPromise(
    Effect.gen(function*() {
      const map = yield* AsyncDropHashMap.make<number, number>({ concurrency })
      let key = 0
      yield* repeat(entries, () =>
        Effect.flatMap(
          AsyncDropGuard.makeUnscoped(Effect.succeed(key), () => release),
          (guard) => AsyncDropHashMap.insert(map, key++, guard)
        ))
      return map
    }).pipe(Effect.provideService(Scope.Scope, Scope.makeUnsafe()))
  )

const range = (entries: number) => Array.from({ length: entries }, (_, key) => key)

const dropped = (release: Effect.Effect<void>, goals: ReadonlyArray<Goal>): Case => ({
  name: "AsyncDropHashMap.drop",
  prepare: filled(release),
  run: (_, map: AsyncDropHashMap.AsyncDropHashMap<number, number>) => Effect.runPromise(AsyncDropHashMap.drop(map)),
  goals
})

const forEach = (release: Effect.Effect<void>): Case => ({
  name: "Effect.forEach",
  prepare: range,
  run: (_, keys: ReadonlyArray<number>) =>
    Effect.runPromise(Effect.forEach(keys, () => release, { concurrency, discard: true }))
})

/** So many loops over one iterator, in plain promises. */
const byHand = (release: () => Promise<void> | void): Case => ({
  name: "promises, by hand",
  prepare: range,
  run: async (_, keys: ReadonlyArray<number>) => {
    const iterator = keys.values()
    const worker = async () => {
      for (const _ of iterator) await release()
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
  }
})

const sized = (entries: number) => (each: Case): Case => ({ ...each, ops: entries })

const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 1))

export const mapDrop: ReadonlyArray<Group> = [
  {
    name: "1e5 entries dropped, sync release",
    yardstick: "Effect.forEach",
    rounds: 5,
    cases: [
      forEach(count),
      dropped(count, [{ unit: "ns", against: "Effect.forEach", atMost: 0.05 }]),
      byHand(() => {})
    ].map(sized(1e5))
  },
  {
    name: "1e5 entries dropped, release that is there already",
    yardstick: "Effect.forEach",
    rounds: 5,
    cases: [forEach(Effect.void), dropped(Effect.void, [{ unit: "ns", against: "Effect.forEach", atMost: 0.05 }])]
      .map(sized(1e5))
  },
  {
    name: "1e5 entries dropped, async release",
    yardstick: "Effect.forEach",
    rounds: 5,
    cases: [
      forEach(later),
      dropped(later, [{ unit: "ns", against: "Effect.forEach", atMost: 0.65 }]),
      byHand(() => resolved)
    ].map(sized(1e5))
  },
  {
    name: "1e5 entries dropped, release of 1 ms",
    yardstick: "promises, by hand",
    rounds: 3,
    cases: [
      byHand(slow),
      dropped(Effect.sleep(1), [{ unit: "ns", against: "promises, by hand", atMost: 1.2 }]),
      forEach(Effect.sleep(1))
    ].map(sized(1e5))
  }
]
