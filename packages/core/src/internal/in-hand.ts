// The way of an instance out of its store, and into it: by the hands of someone who has a guard of it.
//
// 1. What is in someone's hands is its parts, ended as the guard is: its key hears nothing of that. Wherever it goes
//    from there, what it fails with is what its parts failed with, as it is.
// 2. What is put in goes on with the life that its guard had, in the parts of the instance. What it kept of other
//    keys is kept by its new key from then on.
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DropError } from "../DropError.ts"
import { Annotation, fromCause } from "../DropFailure.ts"
import { host } from "./batch.ts"
import { Instance, type Key, KeyedNest } from "./instance.ts"
import { type AnyFiber, Handled, type Release, Taken as Given } from "./lifetime.ts"
import { errorsIn } from "./outcome.ts"
import { now } from "./release.ts"

/** An instance in the hands of one who asked to end it himself, who hears what its parts failed with, as it is. */
export class InHand extends Handled {
  private readonly instance: Instance

  constructor(instance: Instance, context: Context.Context<never>) {
    const { id, meta, nest, services, startedAt } = instance
    const release = (_: unknown, exit: Exit.Exit<unknown, unknown>) =>
      Effect.catchCause(nest.closed(exit), (cause) => Effect.failCause(plain(cause, true)))
    super(instance.lent, release, context, meta, services, startedAt, id)
    this.instance = instance
    parts.set(release, nest)
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
    return exit._tag === "Success" ? exit : Exit.failCause(plain(exit.cause, false))
  }
}

/** The parts that a release ends: whoever has the value in the end has that. */
const parts = new WeakMap<Release, KeyedNest>()

/** What the parts failed with, as it is; `marked`, it still says which part failed with what. */
const plain = (cause: Cause.Cause<unknown>, marked: boolean): Cause.Cause<unknown> => {
  const failure = fromCause(cause)
  if (failure._tag === "None") return cause
  const reasons = failure.value.errors.flatMap((error) => error.cause.reasons)
  if (!marked) return Cause.fromReasons(reasons)
  const mark = Context.make(Annotation, failure.value)
  return Cause.fromReasons(reasons.map((reason) => reason.annotate(mark, { overwrite: true })))
}

/** An instance over a guard's resource: the life that the guard had goes on in its parts. */
export const inserted = (
  at: Key,
  from: Handled,
  place: Context.Context<never>,
  fiber: AnyFiber
): Instance => {
  const nest = new KeyedNest(at, place, now(fiber))
  const former = parts.get(from.release)
  if (former !== undefined) former.heir = nest
  host(nest.parts.scope, new Given(from, nest.owning(from.services)), fiber)
  return new Instance(nest, from.lent, at)
}
