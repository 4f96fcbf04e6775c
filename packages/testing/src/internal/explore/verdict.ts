// From how a run ended to what is wrong with it.
import { DropUsageError } from "@async-drop/core/DropUsageError"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { InvariantError } from "./invariants.ts"
import type { FailureKind } from "./model.ts"
import type { Ending, World } from "./world.ts"

export interface Verdict {
  readonly kind: FailureKind
  readonly message: string
  readonly cause: Cause.Cause<unknown> | undefined
}

/** What is wrong, as far as can be said at once: what waits may still be woken from outside. */
export const judge = (world: World, ending: Ending, leaks: boolean): Verdict | undefined => {
  switch (ending) {
    case "redundant":
      return undefined
    case "broken":
      return broken(world)
    case "livelock":
      return verdict("livelock", `still running after ${world.steps} steps`)
    case "diverged":
      return verdict("nondeterministic", "the same choices led to another run")
    case "stalled":
      return exits(world) ?? verdict("deadlock", `${waiting(world)}, and nothing is left to wake it`)
    case "done":
      return exits(world) ?? atEnd(world) ?? (leaks ? leaked(world) : undefined)
  }
}

/** Whether it depends on what is outside: it is to wait for that before it is final. */
export const isProvisional = (verdict: Verdict): boolean => verdict.kind === "deadlock" || verdict.kind === "leak"

export const escaped = (world: World): Verdict =>
  verdict(
    "escape",
    `${waiting(world)} and was woken from outside: by a promise, a real timer or another runtime. ` +
      "Explored programs wait for fibres and for Effect's Clock only"
  )

const verdict = (kind: FailureKind, message: string, cause?: Cause.Cause<unknown>): Verdict => ({
  kind,
  message,
  cause
})

const broken = (world: World): Verdict | undefined => {
  const found = world.invariants.broken
  return found && verdict("invariant", found.message, Cause.die(found.cause))
}

const atEnd = (world: World) => {
  world.invariants.checkEnd()
  return broken(world)
}

/** The program's own failure first, then an assertion that failed in any other fibre. */
const exits = (world: World): Verdict | undefined => {
  const found = broken(world)
  if (found !== undefined) return found
  for (const info of world.fibers.all()) {
    const exit = info.fiber.pollUnsafe()
    if (exit === undefined || Exit.isSuccess(exit)) continue
    const isMain = info.fiber === world.main
    if (isMain ? asked(world, exit.cause) : !exit.cause.reasons.some(isAssertion)) continue
    return verdict("failed", `${describe(info)} failed: ${oneLine(exit.cause)}`, exit.cause)
  }
  return undefined
}

/** The program ended as the explorer's own interrupt asked. */
const asked = (world: World, cause: Cause.Cause<unknown>) =>
  Cause.hasInterruptsOnly(cause) && [...world.interrupted].some((info) => info.fiber === world.main)

const isAssertion = (reason: Cause.Reason<unknown>) =>
  reason._tag === "Die" &&
  (reason.defect instanceof InvariantError ||
    (reason.defect instanceof Error && reason.defect.name === "AssertionError"))

const leaked = (world: World): Verdict | undefined => {
  const alive = world.fibers.alive()
  if (alive.length > 0) return verdict("leak", `the program ended, but ${waiting(world)}`)
  const timers = world.clock.timers.length
  return timers > 0 ? verdict("leak", `the program ended, but ${timers} timers are still set`) : undefined
}

const waiting = (world: World) => {
  const alive = world.fibers.alive().map(describe)
  return `${alive.join(", ")} ${alive.length === 1 ? "waits" : "wait"}`
}

export const describe = (info: { readonly id: number; readonly name: string | undefined }) =>
  info.name === undefined ? (info.id === 1 ? "#1 main" : `#${info.id}`) : `#${info.id} ${info.name}`

export const oneLine = (cause: Cause.Cause<unknown>) => {
  const reason = cause.reasons[0]
  if (reason === undefined) return "an empty cause"
  if (reason._tag === "Interrupt") return "interrupted"
  const value = reason._tag === "Fail" ? reason.error : reason.defect
  return (value instanceof Error ? `${value.name}: ${value.message}` : String(value)).split("\n")[0]!
}

/** A mistaken call of the explorer's own functions: not the program's failure, but its author's. */
export const misuseOf = (cause: Cause.Cause<unknown> | undefined): DropUsageError | undefined => {
  for (const reason of cause?.reasons ?? []) {
    if (reason._tag === "Die" && reason.defect instanceof DropUsageError && reason.defect.resource === "exploration") {
      return reason.defect
    }
  }
  return undefined
}
