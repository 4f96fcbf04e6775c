// The end of a map of 1e5 entries, 16 at a time; filling it is not measured.
import { AsyncDropGuard, AsyncDropHashMap } from "@async-drop/core"
import { Clock, Effect, Scope } from "effect"
import type { Case, Goal, Group } from "../runner/model.ts"
import * as floor from "./floor.ts"
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

const forEach = (release: Effect.Effect<void>, name = "Effect.forEach"): Case => ({
  name,
  prepare: range,
  run: (_, keys: ReadonlyArray<number>) =>
    Effect.runPromise(Effect.forEach(keys, () => release, { concurrency, discard: true }))
})

/** None of what an owner does besides. */
const bare = (release: Effect.Effect<void>, loops = 1, clock?: Clock.Clock): Case => ({
  name: clock === undefined ? "floor" : "floor, with a clock",
  prepare: (entries) => Array.from({ length: entries }, () => release),
  run: (_, releases: ReadonlyArray<Effect.Effect<void>>) => Effect.runPromise(floor.releaseAll(releases, loops, clock))
})

const clock = Effect.runSync(Clock.clockWith(Effect.succeed))

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

/** What releases that are over at once are held against. */
const asynchronous = "Effect.forEach, async release"

const sized = (entries: number) => (each: Case): Case => ({ ...each, ops: entries })

const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 1))

export const mapDrop: ReadonlyArray<Group> = [
  {
    name: "1e5 entries dropped, sync release",
    yardstick: asynchronous,
    rounds: 5,
    cases: [
      forEach(later, asynchronous),
      forEach(count),
      dropped(count, [{ unit: "ns", against: asynchronous, atMost: 0.05 }]),
      bare(count),
      byHand(() => {})
    ].map(sized(1e5))
  },
  {
    name: "1e5 entries dropped, release that is there already",
    yardstick: asynchronous,
    rounds: 5,
    cases: [
      forEach(later, asynchronous),
      forEach(Effect.void),
      dropped(Effect.void, [{ unit: "ns", against: asynchronous, atMost: 0.05 }]),
      bare(Effect.void)
    ].map(sized(1e5))
  },
  {
    name: "1e5 entries dropped, async release",
    yardstick: "Effect.forEach",
    rounds: 5,
    cases: [
      forEach(later),
      dropped(later, [{ unit: "ns", against: "Effect.forEach", atMost: 0.65 }]),
      bare(later, concurrency),
      bare(later, concurrency, clock),
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
