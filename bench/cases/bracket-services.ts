// One resource, in a context that holds other services.
import { AsyncDrop } from "@async-drop/core"
import { Context, Effect } from "effect"
import type { Case, Group } from "../runner/model.ts"
import { count, repeat } from "./repeat.ts"

const acquire = Effect.sync(() => ({ name: "resource" }))
const use = () => count
const release = () => count

const contextOf = (services: number): Context.Context<never> => {
  let context = Context.empty()
  for (let i = 0; i < services; i++) context = Context.add(context, Context.Service<number>(`bench/Service${i}`), i)
  return context
}

const ours = (services: number): Pick<Case, "name" | "run"> => {
  const run = Effect.runPromiseWith(contextOf(services))
  return {
    name: `AsyncDrop.acquireUseRelease, ${services} services`,
    run: (ops) => run(repeat(ops, () => AsyncDrop.acquireUseRelease(acquire, use, release)))
  }
}

const theirs = (services: number): Case => {
  const run = Effect.runPromiseWith(contextOf(services))
  return {
    name: `Effect.scoped, ${services} services`,
    run: (ops) => run(repeat(ops, () => Effect.scoped(Effect.flatMap(Effect.acquireRelease(acquire, release), use))))
  }
}

export const bracketServices: Group = {
  name: "bracket, services in context",
  yardstick: "AsyncDrop.acquireUseRelease, 0 services",
  cases: [
    ours(0),
    { ...ours(100), goals: [{ unit: "ns", against: "AsyncDrop.acquireUseRelease, 0 services", atMost: 1.1 }] },
    theirs(0),
    theirs(100)
  ]
}
