// Everything a program can do, with what the model says of it.
import {
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropHashMap,
  AsyncDropMutex,
  AsyncDropWeak,
  DropStack
} from "@async-drop/core"
import { Effect, Exit, Option, Scope } from "effect"
import { Child, type Ending, Entries, Inside, isIn, Lease, Life, Nest, Place, Shared, type Where } from "./plain.ts"
import { type Into, intoScope, intoStack, type Run, type Step, unlessClosed } from "./run.ts"

/** One line of a program; numbers choose among what there is. */
export interface Line {
  readonly command: keyof typeof commands
  readonly a: number
  readonly b: number
  readonly into: number
  readonly sink: "x" | "y"
  readonly ending: Ending
}

/** The step that a line stands for, if there is what it needs. */
export const stepOf = (run: Run, line: Line): Step | undefined => commands[line.command](run, line)

type Command = (run: Run, line: Line) => Step | undefined

/** The newest first. */
const pick = <A>(from: ReadonlyArray<A>, n: number): readonly [A, number] | undefined => {
  if (from.length === 0) return undefined
  const i = from.length - 1 - n % from.length
  return [from[i]!, i]
}

const placeOf = (run: Run, { into }: Line): Into => {
  const i = into % (run.scopes.length + run.stacks.length)
  return i < run.scopes.length ? intoScope(i, run.scopes[i]!) : intoStack(
    i - run.scopes.length,
    run.stacks[i - run.scopes.length]!
  )
}

/** A command on one thing. */
const on = <K extends "guards" | "arcs" | "weaks" | "mutexes" | "maps" | "stacks" | "scopes">(
  kind: K,
  does: (
    run: Run,
    model: Run[K][number][0],
    real: Run[K][number][1],
    line: Line
  ) => Omit<Step, "says"> & { readonly says: string }
): Command =>
(run, line) => {
  const picked = pick<Run[K][number]>(run[kind], line.a)
  if (picked === undefined) return undefined
  const [[model, real], i] = picked
  const step = does(run, model, real, line)
  return { ...step, says: `${kind} ${i}: ${step.says}` }
}

const ok = Effect.as("ok")

const newGuard = (run: Run, life: Life | undefined, guard: AsyncDropGuard.AsyncDropGuard<Life["resource"], string>) => {
  run.guards.push([life!, guard])
  return "ok"
}

export const commands = {
  scope: (run, { a }) => {
    const parent = pick(run.scopes, a)
    if (parent === undefined || parent[0][0].closed || a % 3 === 0) {
      return {
        says: "new scope",
        model: () => "ok",
        real: Effect.map(Scope.make(), (scope) => (run.scopes.push([new Place(), scope]), "ok"))
      }
    }
    const [[place, scope], i] = parent
    const child = new Child()
    return {
      says: `new scope in scope ${i}`,
      model: () => (place.add(child), "ok"),
      real: Effect.map(Scope.fork(scope), (made) => (run.scopes.push([child, made]), "ok"))
    }
  },
  closeScope: on("scopes", (run, place, scope) => ({
    says: "close",
    model: () => (place.close(run.model), "ok"),
    real: ok(Scope.close(scope, Exit.void))
  })),

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
  }),

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
  }),

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
  })),

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
  })),

  stack: (run, line) => {
    const into = placeOf(run, line)
    const nest = new Nest(new Inside())
    return {
      says: `stack into ${into.says}`,
      model: () => into.model((place) => unlessClosed(place, () => (place.add(nest), "ok")), line.sink),
      real: Effect.map(into.real(DropStack.make()), (stack) => (run.stacks.push([nest, stack]), "ok"))
    }
  },
  stackUnscoped: (run) => ({
    says: "stack for nobody",
    model: () => "ok",
    real: Effect.map(DropStack.makeUnscoped(), (stack) => (run.stacks.push([new Nest(new Inside()), stack]), "ok"))
  }),
  close: on("stacks", (run, nest, stack) => ({
    says: "close",
    model: () => nest.drop(run.model),
    real: ok(DropStack.close(stack))
  })),
  move: (run, line) => {
    const picked = pick(run.stacks, line.a)
    if (picked === undefined) return undefined
    const [[nest, stack], i] = picked
    const into = placeOf(run, line)
    const next = new Nest(nest.contents)
    // A stack that is moved into itself has no owner: there is nothing to say of it.
    if (into.model((place) => isIn(place, nest.contents.place) ? "itself" : "", "x") === "itself") return undefined
    return {
      says: `stacks ${i}: move into ${into.says}`,
      model: () =>
        into.model((place) => {
          if (nest.state === "moved") return "misuse"
          if (nest.state === "dropped") return "interrupt"
          return unlessClosed(place, () => {
            nest.state = "moved"
            nest.place?.remove(nest)
            place.add(next)
            return "ok"
          })
        }, line.sink),
      real: Effect.map(into.real(DropStack.move(stack)), (stack) => (run.stacks.push([next, stack]), "ok"))
    }
  }
} satisfies Record<string, Command>

const found = <A>(some: (a: A) => string) => Option.match({ onNone: () => "none", onSome: some })

/** A lock that is dropped interrupts; one that was given away is a mistake. */
const inTurn = (life: Life, turn: () => string): string =>
  life.state === "moved" ? "misuse" : life.state === "dropped" ? "interrupt" : turn()

const passOn = (life: Life, place: Place, where: Where, made: (next: Life) => void): string => {
  if (life.state !== "live") return "misuse"
  return unlessClosed(place, () => {
    made(place.add(new Life(life.give(), where)))
    return "ok"
  })
}
