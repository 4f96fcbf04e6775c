// Loads that are shared: awaited, cloned, dropped; some fail at first, and release what they had by then.
import { AsyncDrop, AsyncDropShared } from "@async-drop/core"
import { Effect, Option } from "effect"
import { type Command, ok, on, placeOf } from "./command.ts"
import { Awaited, Lazy, LazyHandle } from "./lazy.ts"
import { type Run, unlessClosed } from "./run.ts"

/** Loads what the model has loaded. */
const loadOf = (run: Run, lazy: Lazy) =>
  Effect.suspend(() => {
    const { failed, resource } = lazy.loaded!
    const part = AsyncDrop.acquireRelease(Effect.succeed(resource), run.release, { name: resource.name })
    return failed ? Effect.andThen(part, Effect.fail("refused")) : part
  })

export const shared = {
  share: (run, line) => {
    const into = placeOf(run, line)
    const fails = line.b % 3
    const lazy = new Lazy(fails, () => run.resource(line.ending))
    let handle: LazyHandle | undefined
    return {
      says: `shared load, which fails ${fails} times, then ${line.ending}, into ${into.says}`,
      model: () =>
        into.model((place, where) =>
          unlessClosed(place, () => {
            lazy.where = where
            handle = place.add(new LazyHandle(lazy, where))
            return "ok"
          }), line.sink),
      real: Effect.map(
        into.real(AsyncDropShared.make(loadOf(run, lazy))),
        (made) => (run.shared.push([handle!, made]), "ok")
      )
    }
  },
  await: on("shared", (run, handle, real, line) => {
    const into = placeOf(run, line)
    return {
      says: `await into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          if (handle.state !== "live") return "misuse"
          return unlessClosed(place, () => {
            const refused = handle.lazy.load(run.model)
            if (refused !== undefined) return refused
            place.add(new Awaited(handle.lazy, where))
            return `ok ${handle.lazy.loaded!.resource.name}`
          })
        }, line.sink),
      real: Effect.map(into.real(AsyncDropShared.await(real)), ({ name }) => `ok ${name}`)
    }
  }),
  awaitAndLeave: on("shared", (run, { lazy, state }, real) => ({
    says: "await, and leave",
    model: () => state !== "live" ? "misuse" : lazy.load(run.model) ?? `ok ${lazy.loaded!.resource.name}`,
    real: Effect.scoped(Effect.map(AsyncDropShared.await(real), ({ name }) => `ok ${name}`))
  })),
  cloneShared: on("shared", (run, { lazy, state }, real, line) => {
    const into = placeOf(run, line)
    let next: LazyHandle | undefined
    return {
      says: `clone into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          if (state !== "live") return "misuse"
          return unlessClosed(place, () => (next = place.add(new LazyHandle(lazy, where)), "ok"))
        }, line.sink),
      real: Effect.map(into.real(AsyncDropShared.clone(real)), (made) => (run.shared.push([next!, made]), "ok"))
    }
  }),
  peek: on("shared", (_, { lazy }, real) => ({
    says: "peek",
    model: () => lazy.live ? lazy.loaded!.resource.name : "none",
    real: Effect.sync(() =>
      Option.match(AsyncDropShared.peek(real), { onNone: () => "none", onSome: ({ name }) => name })
    )
  })),
  dropShared: on("shared", (run, handle, real) => ({
    says: "drop",
    model: () => handle.drop(run.model),
    real: ok(AsyncDropShared.drop(real))
  }))
} satisfies Record<string, Command>
