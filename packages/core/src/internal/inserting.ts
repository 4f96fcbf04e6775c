// Puts a guard's resource into a store, under a key that has none.
//
// 1. Whoever is refused keeps his guard; what is put in is the store's in the step that gives it away.
// 2. What it waits for may have changed by then: it looks again.
import * as Effect from "effect/Effect"
import type { AsyncDropGuard } from "../AsyncDropGuard.ts"
import { InsertRefused } from "../InsertRefused.ts"
import { lifetimeOf } from "./guard.ts"
import * as handle from "./handle.ts"
import { inserted } from "./in-hand.ts"
import type { ConcurrentStore } from "./store.ts"
import { giveAway } from "./taking.ts"

type Reason = InsertRefused<any, any, any>["reason"] // any: whatever was refused

const operation = "ConcurrentStore.insert"

/** Waits for the uses of its guard, and for what is dropped; `refuse` makes the error of one that cannot come in. */
export const putIn = <E>(
  contents: ConcurrentStore,
  key: unknown,
  guard: AsyncDropGuard<unknown, unknown>,
  refuse: (reason: Reason) => E
): Effect.Effect<void, E> =>
  Effect.uninterruptibleMask((restore) => {
    const from = lifetimeOf(guard)
    const attempt: Effect.Effect<void, E> = Effect.withFiber((fiber) => {
      if (from.state._tag === "Live") {
        const reason = refusalOf(contents, key)
        if (reason === "ended") return Effect.andThen(contents.use(key).untilOver(fiber, restore), attempt)
        if (reason !== undefined) return Effect.fail(refuse(reason))
        if (contents.fullFor(from.id)) {
          const evicted = contents.evict()
          if (evicted === undefined) return Effect.fail(refuse("full"))
          return Effect.andThen(evicted.untilOver(fiber, restore), attempt)
        }
      }
      const taken = handle.reserve(from, operation, () => {
        if (contents.fullFor(from.id) || refusalOf(contents, key) !== undefined) return attempt
        giveAway(from, operation)
        const keyed = contents.use(key)
        contents.occupy(keyed, from.id)
        keyed.put(inserted(keyed, from, contents.services, fiber))
        contents.makeRoom()
        return Effect.void
      })
      return Effect.flatten(restore(taken))
    })
    return attempt
  })

/** Why a key cannot be put in; `ended`: not before what is dropped now has ended. */
export const refusalOf = (contents: ConcurrentStore, key: unknown): Reason | "ended" | undefined => {
  if (contents.closing) return "closed"
  const now = contents.at(key)?.state
  if (now === undefined || now._tag === "Absent") return undefined
  if (now._tag === "Loading") return now.asked === "request" ? "dropping" : "loading"
  if (now._tag === "Dropping") return now.asked === "no" && now.later === 0 ? "ended" : "dropping"
  return now._tag === "Loaded" && now.asked !== "no" ? "dropping" : "present"
}

/** Without a guard it was a load that was refused. */
export const refused = <K, A, E>(
  store: string,
  key: K,
  reason: Reason,
  guard: AsyncDropGuard<A, E> | undefined
): InsertRefused<K, A, E> =>
  new InsertRefused<K, A, E>({
    key,
    reason,
    guard: guard as AsyncDropGuard<A, E>, // absent where a load was refused: its type leaves it out
    message: `${guard?.name ?? "a load"} was not put into ${store}: ${whyRefused[reason]}`
  })

const whyRefused = {
  present: "its key is present",
  loading: "its key is being loaded",
  dropping: "its key is being dropped",
  full: "there is no room",
  closed: "the store is closing, or closed"
}
