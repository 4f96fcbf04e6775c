// What a program with limits came to, when, and what was told beside its result.
import { AsyncDrop, type DropError, DropFailure, DropReporter, DropTimeout, DropUsageError } from "@async-drop/core"
import { type Cause, Clock, Duration, Effect, type Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

const reasonOf = (reason: Cause.Reason<unknown>): string => {
  if (reason._tag === "Interrupt") return "interrupted"
  const error = reason._tag === "Fail" ? reason.error : reason.defect
  const text = error instanceof DropTimeout.DropTimeout
    ? error.limit
    : error instanceof Error
    ? error.message
    : `${error}`
  return reason._tag === "Fail" ? text : `died ${text}`
}

/** `name phase why`, and what is said of a late end. */
export const lineOf = (error: DropError.DropError<unknown>): string => {
  const why = error.cause.reasons.map(reasonOf)
  const late = error.late === true ? [`late ${Duration.toMillis(error.duration)}`] : []
  return [error.resource, error.phase, ...late, ...why].join(" ")
}

/** Each error of an exit, those of a `DropFailure` apart. */
const linesOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> =>
  exit._tag === "Success" ?
    [] :
    exit.cause.reasons.flatMap((reason) =>
      reason._tag === "Fail" && reason.error instanceof DropFailure.DropFailure
        ? reason.error.errors.map(lineOf)
        : [reasonOf(reason)]
    )

export interface Outcome {
  readonly exit: Exit.Exit<unknown, unknown> | undefined
  readonly endedAt: number | undefined
  readonly errors: ReadonlyArray<string>
  readonly beside: ReadonlyArray<string>
}

/** Runs a program in a fibre of its own and moves the clock; the fibre is interrupted at `interruptAt`. */
export const after = (
  millis: number,
  program: Effect.Effect<unknown, unknown>,
  interruptAt?: number
): Effect.Effect<Outcome> =>
  Effect.gen(function*() {
    const beside: Array<string> = []
    let outcome: { readonly exit: Exit.Exit<unknown, unknown>; readonly endedAt: number } | undefined
    const begun = yield* Clock.currentTimeMillis
    const fiber = yield* program.pipe(
      Effect.onExit((exit) =>
        Effect.map(Clock.currentTimeMillis, (now) => void (outcome = { exit, endedAt: now - begun }))
      ),
      Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => void beside.push(lineOf(error)))),
      Effect.forkDetach
    )
    if (interruptAt === undefined) yield* TestClock.adjust(millis)
    else {
      yield* TestClock.adjust(interruptAt)
      yield* Effect.forkDetach(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust(millis - interruptAt)
    }
    // What needs no time may still need many steps.
    for (let i = 0; i < 5000 && outcome === undefined; i++) yield* Effect.yieldNow
    const { endedAt, exit } = outcome ?? { exit: undefined, endedAt: undefined }
    return { exit, endedAt, errors: exit === undefined ? [] : linesOf(exit), beside }
  })

/** A resource with the given release, and its limits. */
export const resource = <const O extends AsyncDrop.DropOptions<string>>(
  name: string,
  release: Effect.Effect<unknown, unknown>,
  options?: O
) => AsyncDrop.acquireRelease(Effect.succeed(name), () => release, { ...options, name })

/** The message of the usage error that it dies of, if that is all that it does. */
export const usageOf = (program: Effect.Effect<unknown, unknown>): Effect.Effect<string | undefined> =>
  Effect.map(Effect.exit(program), (exit) => {
    if (exit._tag === "Success" || exit.cause.reasons.length !== 1) return undefined
    const [reason] = exit.cause.reasons
    return reason?._tag === "Die" && reason.defect instanceof DropUsageError.DropUsageError
      ? reason.defect.message
      : undefined
  })

export const hang = Effect.uninterruptible(Effect.never)
