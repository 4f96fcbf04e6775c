// Resources behind a lock.
import { AsyncDropMutex } from "@async-drop/core"
import { Effect } from "effect"
import { type Command, found, inTurn, newGuard, ok, on, passOn, placeOf } from "./command.ts"
import type { Life } from "./plain.ts"

export const locks = {
  mutex: on("guards", (run, life, guard, line) => {
    const into = placeOf(run, line)
    let next: Life | undefined
    return {
      says: `mutex into ${into.says}`,
      model: () => into.model((place, where) => passOn(life, place, where, (made) => next = made), line.sink),
      real: Effect.map(into.real(AsyncDropMutex.make(guard)), (mutex) => (run.mutexes.push([next!, mutex]), "ok"))
    }
  }),
  withLock: on("mutexes", (_, life, mutex) => ({
    says: "with lock",
    model: () => inTurn(life, () => `ok ${life.resource.name}`),
    real: AsyncDropMutex.withLock(mutex, ({ name }) => Effect.succeed(`ok ${name}`))
  })),
  dropWithLock: on("mutexes", (_, life, mutex) => ({
    says: "drop with the lock",
    model: () => inTurn(life, () => "cycle"),
    real: AsyncDropMutex.withLock(mutex, () => ok(AsyncDropMutex.drop(mutex)))
  })),
  tryLock: on("mutexes", (_, life, mutex) => ({
    says: "try lock",
    model: () => life.state === "live" ? "ok" : "none",
    real: Effect.map(Effect.scoped(AsyncDropMutex.tryLock(mutex)), found(() => "ok"))
  })),
  unwrapMutex: on("mutexes", (run, life, mutex, line) => {
    const into = placeOf(run, line)
    let next: Life | undefined
    return {
      says: `unwrap into ${into.says}`,
      model: () =>
        into.model(
          (place, where) => inTurn(life, () => passOn(life, place, where, (made) => next = made)),
          line.sink
        ),
      real: Effect.map(into.real(AsyncDropMutex.unwrap(mutex)), (guard) => newGuard(run, next, guard))
    }
  }),
  dropMutex: on("mutexes", (run, life, mutex) => ({
    says: "drop",
    model: () => life.drop(run.model),
    real: ok(AsyncDropMutex.drop(mutex))
  }))
} satisfies Record<string, Command>
