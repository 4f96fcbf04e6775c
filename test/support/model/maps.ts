// Maps: filled, emptied and dropped.
import { AsyncDropHashMap } from "@async-drop/core"
import { Effect } from "effect"
import { type Command, found, newGuard, ok, on, pick, placeOf } from "./command.ts"
import { Entries, Life, Nest } from "./plain.ts"
import { unlessClosed } from "./run.ts"

export const maps = {
  hashMap: (run, line) => {
    const into = placeOf(run, line)
    const concurrency = [1, 2, "unbounded"][line.b % 3] as number | "unbounded" // one of these
    const contents = new Entries()
    const nest = new Nest(contents)
    return {
      says: `map, ${concurrency} at a time, into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          contents.where = where
          return unlessClosed(place, () => (place.add(nest), "ok"))
        }, line.sink),
      real: Effect.map(
        into.real(AsyncDropHashMap.make<number, Life["resource"], string>({ concurrency })),
        (map) => (run.maps.push([nest, map]), "ok")
      )
    }
  },
  insert: on("maps", (run, nest, map, { b, into }) => {
    const key = into % 3
    const picked = pick(run.guards, b)
    if (picked === undefined) return { says: "nothing", model: () => "ok", real: Effect.succeed("ok") }
    const [[life, guard], i] = picked
    const { list } = nest.contents
    return {
      says: `insert guard ${i} at ${key}`,
      model: () => {
        if (life.state !== "live") return "misuse"
        if (nest.state !== "live") return "refused closed"
        if (list.some((entry) => entry.key === key)) return "refused present"
        list.push({ key, resource: life.give() })
        return "ok"
      },
      real: ok(AsyncDropHashMap.insert(map, key, guard))
    }
  }),
  get: on("maps", (_, nest, map, { b }) => ({
    says: `get ${b % 3}`,
    model: () => {
      if (nest.state !== "live") return "misuse"
      const entry = nest.contents.list.find(({ key }) => key === b % 3)
      return entry === undefined ? "none" : `ok ${entry.resource.name}`
    },
    real: Effect.map(AsyncDropHashMap.get(map, b % 3), found(({ name }) => `ok ${name}`))
  })),
  remove: on("maps", (run, nest, map, line) => {
    const into = placeOf(run, line)
    const key = line.b % 3
    const { list } = nest.contents
    let life: Life | undefined
    return {
      says: `remove ${key} into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          if (nest.state !== "live") return "misuse"
          const i = list.findIndex((entry) => entry.key === key)
          if (i < 0) return "none"
          return unlessClosed(place, () => {
            life = place.add(new Life(list.splice(i, 1)[0]!.resource, where))
            return "ok"
          })
        }, line.sink),
      real: Effect.map(into.real(AsyncDropHashMap.remove(map, key)), found((guard) => newGuard(run, life, guard)))
    }
  }),
  drain: on("maps", (run, nest, map, line) => {
    const into = placeOf(run, line)
    const { list } = nest.contents
    let lives: ReadonlyArray<readonly [number, Life]> = []
    return {
      says: `drain into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          if (nest.state !== "live") return "misuse"
          return unlessClosed(place, () => {
            lives = list.splice(0).map(({ key, resource }) => [key, place.add(new Life(resource, where))] as const)
            return `ok ${lives.map(([key]) => key)}`
          })
        }, line.sink),
      real: Effect.map(into.real(AsyncDropHashMap.drain(map)), (drained) => {
        drained.forEach(([, guard], i) => newGuard(run, lives[i]?.[1], guard))
        return `ok ${drained.map(([key]) => key)}`
      })
    }
  }),
  dropMap: on("maps", (run, nest, map) => ({
    says: "drop",
    model: () => nest.drop(run.model),
    real: ok(AsyncDropHashMap.drop(map))
  }))
} satisfies Record<string, Command>
