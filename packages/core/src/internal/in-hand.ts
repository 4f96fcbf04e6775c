// The way of an instance out of its store, and into it: by the hands of someone who has a guard of it.
//
// 1. What is in someone's hands is its parts, ended as the guard is: its key hears nothing of that.
// 2. What is put in goes on with the life that its guard had, in the parts of the instance.
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import { fromCause } from "../DropFailure.ts"
import { host } from "./batch.ts"
import { Instance, type Key, KeyedNest } from "./instance.ts"
import { type AnyFiber, Handled, Taken as Given } from "./lifetime.ts"
import { errorsIn } from "./outcome.ts"
import { now } from "./release.ts"

/** An instance in the hands of one who asked to end it himself, who hears what its parts failed with, as it is. */
export class InHand extends Handled {
  private readonly instance: Instance

  constructor(instance: Instance, context: Context.Context<never>) {
    const { id, meta, nest, services, startedAt } = instance
    super(instance.lent, (_, exit) => nest.closed(exit), context, meta, services, startedAt, id)
    this.instance = instance
  }
  override get composition() {
    return "owner" as const
  }
  override get key(): unknown {
    return this.instance.key
  }
  override get named(): string {
    return this.instance.named
  }
  override scatter(
    error: DropError<unknown>,
    give: (place: Context.Context<never>, error: DropError<unknown>) => void
  ) {
    for (const each of errorsIn(error)) give(this.context, each)
  }
  override heard(exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> {
    const failure = exit._tag === "Failure" ? fromCause(exit.cause) : undefined
    if (failure?._tag !== "Some") return exit
    return Exit.failCause(Cause.fromReasons(failure.value.errors.flatMap((error) => error.cause.reasons)))
  }
}

/** An instance over a guard's resource: the life that the guard had goes on in its parts. */
export const inserted = (
  at: Key,
  from: Handled,
  place: Context.Context<never>,
  fiber: AnyFiber
): Instance => {
  const nest = new KeyedNest(at, place, now(fiber))
  host(nest.parts.scope, new Given(from, nest.owning(from.services)), fiber)
  return new Instance(nest, from.lent, at)
}
