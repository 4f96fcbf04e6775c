// Guards: made, used, dropped, and given away.
import { AsyncDropGuard } from "@async-drop/core"
import { Effect } from "effect"
import { type Command, newGuard, ok, on, pick, placeOf } from "./command.ts"
import { Life } from "./plain.ts"
import { unlessClosed } from "./run.ts"

export const guards = {
  guard: (run, line) => {
    const into = placeOf(run, line)
    const resource = run.resource(line.ending)
    let life: Life | undefined
    return {
      says: `guard of ${resource.name}, which ${line.ending}, into ${into.says}`,
      model: () =>
        into.model((place, where) =>
          unlessClosed(place, () => {
            resource.owed = true
            life = place.add(new Life(resource, where))
            return "ok"
          }), line.sink),
      real: Effect.map(
        into.real(AsyncDropGuard.make(Effect.succeed(resource), run.release, { name: resource.name })),
        (guard) => newGuard(run, life, guard)
      )
    }
  },
  guardUnscoped: (run, line) => {
    const resource = run.resource(line.ending)
    const life = new Life(resource, "reporter")
    return {
      says: `guard of ${resource.name}, which ${line.ending}, for nobody`,
      model: () => {
        resource.owed = true
        return "ok"
      },
      real: Effect.map(
        AsyncDropGuard.makeUnscoped(Effect.succeed(resource), run.release, { name: resource.name }),
        (guard) => newGuard(run, life, guard)
      )
    }
  },
  use: on("guards", (_, life, guard) => ({
    says: "use",
    model: () => life.state === "live" ? `ok ${life.resource.name}` : "misuse",
    real: AsyncDropGuard.use(guard, ({ name }) => Effect.succeed(`ok ${name}`))
  })),
  dropInUse: on("guards", (_, life, guard) => ({
    says: "drop inside its use",
    model: () => life.state === "live" ? "cycle" : "misuse",
    real: AsyncDropGuard.use(guard, () => ok(AsyncDropGuard.drop(guard)))
  })),
  drop: on("guards", (run, life, guard) => ({
    says: "drop",
    model: () => life.drop(run.model),
    real: ok(AsyncDropGuard.drop(guard))
  })),
  unwrap: on("guards", (_, life, guard) => ({
    says: "unwrap",
    model: () => {
      if (life.state !== "live") return "misuse"
      life.give().owed = false
      return "ok"
    },
    real: ok(AsyncDropGuard.unwrap(guard))
  })),
  map: on("guards", (run, life, guard) => {
    let next: Life | undefined
    return {
      says: "map",
      model: () => {
        if (life.state !== "live") return "misuse"
        next = new Life(life.resource, life.where)
        life.place?.replace(life, next)
        life.give()
        return "ok"
      },
      real: Effect.map(AsyncDropGuard.map(guard, (resource) => resource), (guard) => newGuard(run, next, guard))
    }
  }),
  transfer: on("guards", (run, life, guard, { b, sink }) => {
    const [[place, scope], i] = pick(run.scopes, b)!
    return {
      says: `transfer to scope ${i}`,
      model: () => {
        if (life.state !== "live") return "misuse"
        return unlessClosed(place, () => {
          place.add(life).where = sink
          return "ok"
        })
      },
      real: ok(AsyncDropGuard.transfer(guard, scope))
    }
  })
} satisfies Record<string, Command>
