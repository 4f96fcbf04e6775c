// What a command of a program is made of.
import type { AsyncDropGuard } from "@async-drop/core"
import { Effect, Option } from "effect"
import { type Ending, Life, type Place, type Resource, type Where } from "./plain.ts"
import { type Into, intoScope, intoStack, type Run, type Step, unlessClosed } from "./run.ts"

/** Numbers choose among what there is. */
export interface Args {
  readonly a: number
  readonly b: number
  readonly into: number
  readonly sink: "x" | "y"
  readonly ending: Ending
}

/** The step that it stands for, if there is what it needs. */
export type Command = (run: Run, line: Args) => Step | undefined

/** The newest first. */
export const pick = <A>(from: ReadonlyArray<A>, n: number): readonly [A, number] | undefined => {
  if (from.length === 0) return undefined
  const i = from.length - 1 - n % from.length
  return [from[i]!, i]
}

export const placeOf = (run: Run, { into }: Args): Into => {
  const i = into % (run.scopes.length + run.stacks.length)
  return i < run.scopes.length ? intoScope(i, run.scopes[i]!) : intoStack(
    i - run.scopes.length,
    run.stacks[i - run.scopes.length]!
  )
}

/** A command on one thing. */
export const on = <K extends "guards" | "arcs" | "weaks" | "mutexes" | "maps" | "stacks" | "scopes" | "shared">(
  kind: K,
  does: (
    run: Run,
    model: Run[K][number][0],
    real: Run[K][number][1],
    line: Args
  ) => Omit<Step, "says"> & { readonly says: string }
): Command =>
(run, line) => {
  const picked = pick<Run[K][number]>(run[kind], line.a)
  if (picked === undefined) return undefined
  const [[model, real], i] = picked
  const step = does(run, model, real, line)
  return { ...step, says: `${kind} ${i}: ${step.says}` }
}

export const ok = Effect.as("ok")

export const newGuard = (run: Run, life: Life | undefined, guard: AsyncDropGuard.AsyncDropGuard<Resource, string>) => {
  run.guards.push([life!, guard])
  return "ok"
}

export const found = <A>(some: (a: A) => string) => Option.match({ onNone: () => "none", onSome: some })

/** A lock that is dropped interrupts; one that was given away is a mistake. */
export const inTurn = (life: Life, turn: () => string): string =>
  life.state === "moved" ? "misuse" : life.state === "dropped" ? "interrupt" : turn()

export const passOn = (life: Life, place: Place, where: Where, made: (next: Life) => void): string => {
  if (life.state !== "live") return "misuse"
  return unlessClosed(place, () => {
    made(place.add(new Life(life.give(), where)))
    return "ok"
  })
}
