// One program, run by the model and by the library: what both have made so far, and what both say.
import {
  type AsyncDropArc,
  type AsyncDropGuard,
  type AsyncDropHashMap,
  type AsyncDropMutex,
  type AsyncDropShared,
  type AsyncDropWeak,
  DropCycle,
  DropFailure,
  DropReporter,
  DropScope,
  DropStack,
  DropUsageError,
  InsertRefused
} from "@async-drop/core"
import { type Cause, Context, Effect, type Exit, Layer, Scope } from "effect"
import type { LazyHandle } from "./lazy.ts"
import type { Ending, Entries, Inside, Lease, Life, Nest, Place, Resource, Seen, Shared, Where } from "./plain.ts"

export type Guard = AsyncDropGuard.AsyncDropGuard<Resource, string>
export type Needs = DropScope.DropScope<string>

/** Everything there is, once as it is in the model and once as it is. */
export class Run {
  readonly model: Seen = { released: [], told: [] }
  readonly real: Seen = { released: [], told: [] }
  readonly resources: Array<Resource> = []
  readonly scopes: Array<readonly [Place, Scope.Closeable]> = []
  readonly guards: Array<readonly [Life, Guard]> = []
  readonly arcs: Array<readonly [Lease, AsyncDropArc.AsyncDropArc<Resource, string>]> = []
  readonly weaks: Array<readonly [Shared, AsyncDropWeak.AsyncDropWeak<Resource, string>]> = []
  readonly mutexes: Array<readonly [Life, AsyncDropMutex.AsyncDropMutex<Resource, string>]> = []
  readonly maps: Array<readonly [Nest<Entries>, AsyncDropHashMap.AsyncDropHashMap<number, Resource, string>]> = []
  readonly shared: Array<readonly [LazyHandle, AsyncDropShared.AsyncDropShared<Resource, string, string>]> = []
  readonly stacks: Array<readonly [Nest<Inside>, DropStack.DropStack]> = []

  resource(ending: Ending): Resource {
    const resource = { name: `r${this.resources.length}`, ending, owed: false }
    this.resources.push(resource)
    return resource
  }

  readonly release = (resource: Resource): Effect.Effect<void, string> =>
    Effect.suspend(() => {
      this.real.released.push(resource.name)
      const lost = `lost ${resource.name}`
      return resource.ending === "ok" ? Effect.void : resource.ending === "fails" ? Effect.fail(lost) : Effect.die(lost)
    })
}

/** What there is to do: what the model says of it, then the thing itself. */
export interface Step {
  readonly says: string
  readonly model: () => string
  readonly real: Effect.Effect<string, unknown, Needs>
}

/** Where something is put, by the model and by the library. */
export interface Into {
  readonly says: string
  readonly model: (put: (place: Place, where: Where) => string, sink: string) => string
  readonly real: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Scope.Scope>>
}

export const intoScope = (i: number, [place, scope]: Run["scopes"][number]): Into => ({
  says: `scope ${i}`,
  model: (put, sink) => put(place, sink),
  real: Scope.provide(scope)
})

export const intoStack = (i: number, [nest, stack]: Run["stacks"][number]): Into => ({
  says: `stack ${i}`,
  model: (put, sink) => {
    if (nest.state === "moved") return "misuse"
    if (nest.state === "dropped") return "interrupt"
    return put(nest.contents.place, { contents: nest.contents, outer: sink })
  },
  real: (effect) => DropStack.use(stack, effect)
})

/** A closed place interrupts who wants to put something there. */
export const unlessClosed = (place: Place, put: () => string): string => place.closed ? "interrupt" : put()

/** Built once: what they collect belongs to the run that is under way. */
let telling: (sink: string, resource: string) => void = () => {}
const sinkOf = (name: string): Context.Context<Needs> =>
  Effect.runSync(
    Effect.scoped(Layer.build(DropScope.layerReport((error) => Effect.sync(() => telling(name, error.resource)))))
  )
export const sinks = { x: sinkOf("x"), y: sinkOf("y") }

/** Does one thing, and says how it ended. */
export const perform = (run: Run, sink: keyof typeof sinks, step: Step): Effect.Effect<string> => {
  telling = (name, resource) => run.real.told.push(`${name}: ${resource}`)
  return step.real.pipe(
    Effect.exit,
    Effect.map(said),
    Effect.provideContext(sinks[sink]),
    Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => telling("reporter", error.resource)))
  )
}

const said = (exit: Exit.Exit<string, unknown>): string =>
  exit._tag === "Success" ? exit.value : exit.cause.reasons.map(reasonOf).join(", ")

const reasonOf = (reason: Cause.Reason<unknown>): string => {
  if (reason._tag === "Interrupt") return "interrupt"
  const [how, value] = reason._tag === "Fail" ? ["fails", reason.error] : ["dies", reason.defect]
  if (value instanceof DropUsageError.DropUsageError) return "misuse"
  if (value instanceof DropCycle.DropCycle) return "cycle"
  if (value instanceof InsertRefused.InsertRefused) return `refused ${value.reason}`
  if (!(value instanceof DropFailure.DropFailure)) return `${how} ${value}`
  return `${how} with ${value.errors.map((error) => `${error.resource}@${error.key}`).join(" ")}`
}
