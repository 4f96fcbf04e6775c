// Handles of one resource, counted and weak.
import { AsyncDropArc, AsyncDropWeak } from "@async-drop/core"
import { Effect } from "effect"
import { type Command, found, newGuard, ok, on, placeOf } from "./command.ts"
import { Lease, Life, Shared } from "./plain.ts"
import { unlessClosed } from "./run.ts"

export const arcs = {
  arc: on("guards", (run, life, guard, line) => {
    const into = placeOf(run, line)
    let lease: Lease | undefined
    return {
      says: `arc into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          if (life.state !== "live") return "misuse"
          return unlessClosed(place, () => (lease = place.add(new Lease(new Shared(life.give()), where)), "ok"))
        }, line.sink),
      real: Effect.map(into.real(AsyncDropArc.make(guard)), (arc) => (run.arcs.push([lease!, arc]), "ok"))
    }
  }),
  arcUnscoped: on("guards", (run, life, guard) => {
    let lease: Lease | undefined
    return {
      says: "arc for nobody",
      model: () => {
        if (life.state !== "live") return "misuse"
        lease = new Lease(new Shared(life.give()), "reporter")
        return "ok"
      },
      real: Effect.map(AsyncDropArc.makeUnscoped(guard), (arc) => (run.arcs.push([lease!, arc]), "ok"))
    }
  }),
  clone: on("arcs", (run, lease, arc, line) => {
    const into = placeOf(run, line)
    let next: Lease | undefined
    return {
      says: `clone into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          if (lease.state !== "live") return "misuse"
          return unlessClosed(place, () => (next = place.add(new Lease(lease.shared, where)), "ok"))
        }, line.sink),
      real: Effect.map(into.real(AsyncDropArc.clone(arc)), (arc) => (run.arcs.push([next!, arc]), "ok"))
    }
  }),
  cloneUnscoped: on("arcs", (run, lease, arc) => {
    let next: Lease | undefined
    return {
      says: "clone for nobody",
      model: () => {
        if (lease.state !== "live") return "misuse"
        next = new Lease(lease.shared, "reporter")
        return "ok"
      },
      real: Effect.map(AsyncDropArc.cloneUnscoped(arc), (arc) => (run.arcs.push([next!, arc]), "ok"))
    }
  }),
  useArc: on("arcs", (_, lease, arc) => ({
    says: "use",
    model: () => lease.state === "live" ? `ok ${lease.shared.resource.name}` : "misuse",
    real: AsyncDropArc.use(arc, ({ name }) => Effect.succeed(`ok ${name}`))
  })),
  dropArcInUse: on("arcs", (run, lease, arc) => ({
    says: "drop inside its use",
    model: () => {
      if (lease.state !== "live") return "misuse"
      return lease.shared.count === 1 ? "cycle" : lease.drop(run.model)
    },
    real: AsyncDropArc.use(arc, () => ok(AsyncDropArc.drop(arc)))
  })),
  dropArc: on("arcs", (run, lease, arc) => ({
    says: "drop",
    model: () => lease.drop(run.model),
    real: ok(AsyncDropArc.drop(arc))
  })),
  unwrapArc: on("arcs", (run, lease, arc, line) => {
    const into = placeOf(run, line)
    let life: Life | undefined
    return {
      says: `unwrap into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          if (lease.state !== "live") return "misuse"
          return unlessClosed(place, () => {
            const resource = lease.give()
            if (resource === undefined) return "none"
            life = place.add(new Life(resource, where))
            return "ok"
          })
        }, line.sink),
      real: Effect.map(into.real(AsyncDropArc.unwrap(arc)), found((guard) => newGuard(run, life, guard)))
    }
  }),
  downgrade: on("arcs", (run, { shared }, arc) => ({
    says: "downgrade",
    model: () => (shared.weak++, "ok"),
    real: Effect.sync(() => (run.weaks.push([shared, AsyncDropArc.downgrade(arc)]), "ok"))
  })),
  upgrade: on("weaks", (run, shared, weak, line) => {
    const into = placeOf(run, line)
    let lease: Lease | undefined
    return {
      says: `upgrade into ${into.says}`,
      model: () =>
        into.model((place, where) => {
          if (shared.count === 0) return "none"
          return unlessClosed(place, () => (lease = place.add(new Lease(shared, where)), "ok"))
        }, line.sink),
      real: Effect.map(into.real(AsyncDropWeak.upgrade(weak)), found((arc) => (run.arcs.push([lease!, arc]), "ok")))
    }
  })
} satisfies Record<string, Command>
