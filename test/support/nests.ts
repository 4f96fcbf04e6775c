// What the contests of maps and stacks have in common.
import { DropFailure } from "@async-drop/core"
import type { Probe } from "@async-drop/testing"
import { Cause, Effect, Exit, Option } from "effect"
import type { World } from "./explored.ts"

/** How many releases are under way, or whether that of one resource is. */
export const underWay = (probe: Probe.Probe, resource?: string): number => {
  const count = (tag: Probe.Step["_tag"]) =>
    probe.steps.filter((step) => step._tag === tag && (resource ?? step.resource) === step.resource).length
  return count("Dropping") - count("Dropped")
}

/**
 * Ends a nest: once it is ended, nothing that was in it is being released. What it fails with is told one by one, as
 * `World` looks for it.
 */
export const ending = (
  w: World,
  end: Effect.Effect<void, unknown>,
  left: () => number = () => underWay(w.probe)
): Effect.Effect<void, unknown> => {
  const ended = Effect.onExit(w.dropping(end), (exit) =>
    Effect.sync(() => {
      const waited = Exit.isSuccess(exit) || !Exit.hasInterrupts(exit)
      w.ctl.invariant(!waited || left() === 0, "it is ended, and a release is under way")
    }))
  return Effect.uninterruptibleMask((restore) => Effect.catchCause(restore(ended), apart))
}

const apart = (cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> =>
  Option.match(DropFailure.fromCause(cause), {
    onNone: () => Effect.failCause(cause),
    onSome: ({ errors }) => Effect.failCause(Cause.fromReasons(errors.flatMap((error) => error.cause.reasons)))
  })

/** All who heard how it ended heard the same. */
export const agree = (w: World, exits: ReadonlyArray<Exit.Exit<unknown, unknown>>): void => {
  const heard = exits.filter((exit) => Exit.isSuccess(exit) || !Exit.hasInterrupts(exit)).map(String)
  w.ctl.invariant(new Set(heard).size <= 1, `some heard one thing, some another: ${heard.join(" and ")}`)
}
