/**
 * Assertions about releases, whose messages say what happened.
 *
 * @since 0.1.0
 */
import { type DropError, DropFailure, DropObserver, DropReporter } from "@async-drop/core"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { DropAssertionError } from "./DropAssertionError.ts"
import * as steps from "./internal/steps.ts"

/**
 * One step in the life of a resource.
 *
 * @category models
 * @since 0.1.0
 */
export type Step = steps.Step

/**
 * What knows what happened: a `Probe`, or what `witnessed` gives.
 *
 * @category models
 * @since 0.1.0
 */
export interface Witness {
  readonly steps: ReadonlyArray<Step>
}

/**
 * A witness of resources of this library.
 *
 * @category models
 * @since 0.1.0
 */
export interface DropWitness extends Witness {
  /** The errors that reached the `DropReporter`. */
  readonly reported: ReadonlyArray<DropError.DropError<unknown>>
}

/**
 * Runs a program and witnesses the resources of this library in it.
 *
 * **Details**
 *
 * Errors that reach the `DropReporter` are kept for `dropErrors`; those that
 * nobody has asserted by the end go on to the reporter of the context. An
 * observer of the context sees everything as well.
 *
 * **Example** (Two resources, released in order)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { DropAssert } from "@async-drop/testing"
 * import { Effect } from "effect"
 *
 * const open = (name: string) => AsyncDrop.acquireRelease(Effect.succeed(name), () => Effect.void, { name })
 *
 * const test = DropAssert.witnessed((witness) =>
 *   Effect.gen(function*() {
 *     yield* AsyncDrop.scoped(AsyncDrop.all([open("db"), open("log")]))
 *     DropAssert.releasedOnce(witness, "db", "log")
 *     DropAssert.releasedInOrder(witness, "log", "db")
 *     DropAssert.liveAtMost(witness, 2)
 *     DropAssert.dropErrors(witness, [])
 *   })
 * )
 * Effect.runSync(test)
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const witnessed = <A, E, R>(f: (witness: DropWitness) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<R>) => {
    const outer = Context.get(context, DropObserver.DropObserver)
    const reporter = Context.get(context, DropReporter.DropReporter)
    const witness = new WitnessImpl()
    const observer = Object.assign((event: DropObserver.Event) => {
      if (isStep(event)) witness.steps.push(event)
      outer?.(event)
    }, { stacks: outer?.stacks })
    return Effect.suspend(() => f(witness)).pipe(
      Effect.provideService(DropObserver.DropObserver, observer),
      Effect.provideService(DropReporter.DropReporter, (error) =>
        Effect.suspend(() => {
          if (witness.ended) return reporter(error)
          witness.reported.push(error)
          return Effect.void
        })),
      Effect.onExit(() =>
        Effect.suspend(() => {
          witness.ended = true
          return Effect.forEach(witness.reported.slice(witness.asserted), reporter, { discard: true })
        })
      )
    )
  })

/**
 * Each of these resources, or each of all, was acquired, and released once.
 *
 * **Example** (What a failure says)
 *
 * ```ts
 * import { DropAssert, Probe } from "@async-drop/testing"
 * import { Effect } from "effect"
 *
 * const probe = Probe.make()
 * Effect.runSync(probe.source("db").acquire)
 * const broken = Effect.try({ try: () => DropAssert.releasedOnce(probe, "db"), catch: (error) => error as Error })
 * Effect.runSync(Effect.flip(broken)).message.split("\n")[0] // => "db was never released"
 * ```
 *
 * @category assertions
 * @since 0.1.0
 */
export const releasedOnce = (witness: Witness, ...resources: ReadonlyArray<string>): void =>
  holds(witness, steps.notReleasedOnce(witness.steps, resources.length === 0 ? undefined : resources))

/**
 * These resources were released in this order, each after the one before had ended.
 *
 * @category assertions
 * @since 0.1.0
 */
export const releasedInOrder = (witness: Witness, ...resources: ReadonlyArray<string>): void =>
  holds(witness, steps.outOfOrder(witness.steps, resources))

/**
 * At most `n` resources, all or those of one name, were live at any time: from
 * the begin of an acquire, where the witness knows it, to the end of its release.
 *
 * @category assertions
 * @since 0.1.0
 */
export const liveAtMost = (witness: Witness, n: number, resource?: string): void =>
  holds(
    witness,
    steps.tooManyLive(
      resource === undefined ? witness.steps : witness.steps.filter((step) => step.resource === resource),
      n
    )
  )

/**
 * These releases failed with these errors, in this order, and no other did.
 *
 * **Details**
 *
 * Of an exit: the errors of its `DropFailure`. Of a witness: the errors that
 * reached the reporter; once asserted they count as seen. An error is the
 * release's typed failure or its defect, compared by `Equal`, to which two
 * errors of one name and message are equal.
 *
 * **Example** (The errors of one scope)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { DropAssert } from "@async-drop/testing"
 * import { Effect } from "effect"
 *
 * const file = AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.fail("disk full"), { name: "file" })
 * const exit = Effect.runSyncExit(AsyncDrop.scoped(file))
 * DropAssert.dropErrors(exit, [["file", "disk full"]])
 * ```
 *
 * @category assertions
 * @since 0.1.0
 */
export const dropErrors = (
  of: Exit.Exit<unknown, unknown> | DropWitness,
  expected: ReadonlyArray<readonly [resource: string, error: unknown]>
): void => {
  const errors = Exit.isExit(of) ? errorsOf(of) : of.reported
  if (!Exit.isExit(of) && of instanceof WitnessImpl) of.asserted = errors.length
  const actual = errors.map((error) => [error.resource, Cause.squash(error.cause)] as const)
  const same = actual.length === expected.length &&
    actual.every(([resource, error], i) => resource === expected[i]![0] && Equal.equals(error, expected[i]![1]))
  if (same) return
  throw new DropAssertionError({ fact: `expected ${listed(expected)}, but ${listed(actual)}` })
}

/** What a close does besides is not a step of a life. */
const isStep = (event: DropObserver.Event): event is DropObserver.Event & Step => lives.has(event._tag)

const lives: ReadonlySet<string> = new Set(["Acquired", "Dropping", "Dropped", "Transferred", "Unwrapped"])

class WitnessImpl implements DropWitness {
  readonly steps: Array<Step> = []
  readonly reported: Array<DropError.DropError<unknown>> = []
  asserted = 0
  ended = false
}

const holds = (witness: Witness, broken: string | undefined): void => {
  if (broken !== undefined) throw new DropAssertionError({ fact: broken, steps: witness.steps })
}

const errorsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<DropError.DropError<unknown>> =>
  Exit.isSuccess(exit)
    ? []
    : Option.match(DropFailure.fromCause(exit.cause), { onNone: () => [], onSome: (failure) => failure.errors })

const listed = (errors: ReadonlyArray<readonly [resource: string, error: unknown]>): string =>
  errors.length === 0
    ? "no release failed"
    : errors.map(([resource, error]) => `the release of ${resource} failed with ${steps.text(error)}`).join(", then ")
