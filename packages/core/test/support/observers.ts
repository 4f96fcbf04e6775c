// Who looks at the outcome of a program, and what each of them is promised to see.
import { Cause, Context, Data, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type Body, outside, type Program } from "./cells.ts"

/** How a typed handler reads a result. */
export type Reading = "value" | "BodyError" | "DropFailure" | "defect" | "interrupt"

interface Cell {
  readonly body: Body
  readonly program: Program
  readonly started: Deferred.Deferred<void>
}

export interface Observer {
  readonly name: string
  /** What it comes to, in an effect that never fails. */
  readonly run: (cell: Cell) => Effect.Effect<string>
  readonly sees: (reading: Reading, body: Body) => string
  /** How often it runs the program. */
  readonly attempts?: (reading: Reading) => number
}

class SiblingError extends Data.TaggedError("SiblingError")<{}> {}
class Value extends Context.Service<Value, string>()("test/Value") {}

/** A result in one word: its value, the tag of its first failure, `defect` or `interrupt`. */
const read = (exit: Exit.Exit<unknown, { readonly _tag: string } | string>): string => {
  if (Exit.isSuccess(exit)) return String(exit.value)
  if (Cause.hasDies(exit.cause)) return "defect"
  const fail = exit.cause.reasons.find(Cause.isFailReason)
  if (fail === undefined) return "interrupt"
  return typeof fail.error === "string" ? fail.error : fail.error._tag
}

const isTyped = (reading: Reading): boolean => reading === "BodyError" || reading === "DropFailure"

/** Runs in a fibre of its own, which is what an interrupt from outside meets. */
const inFiber = <A, E extends { readonly _tag: string } | string>(
  cell: Cell,
  effect: Effect.Effect<A, E>
): Effect.Effect<string> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    if (cell.body.interruptedFromOutside) {
      yield* Deferred.await(cell.started)
      fiber.interruptUnsafe(outside)
    }
    return read(yield* Fiber.await(fiber))
  })

/** In a fibre of its own, left to whoever `effect` makes interrupt the program. */
const alone = <A, E extends { readonly _tag: string } | string>(effect: Effect.Effect<A, E>): Effect.Effect<string> =>
  Effect.flatMap(Effect.forkChild(effect), (fiber) => Effect.map(Fiber.await(fiber), read))

const same = (reading: Reading): string => reading

export const observers: ReadonlyArray<Observer> = [
  { name: "exit", run: (cell) => inFiber(cell, cell.program), sees: same },
  {
    name: "catch",
    run: (cell) => inFiber(cell, Effect.catch(cell.program, (error) => Effect.succeed(`caught ${error._tag}`))),
    sees: (reading) => isTyped(reading) ? `caught ${reading}` : reading
  },
  {
    name: "catchTag of the body's error",
    run: (cell) => inFiber(cell, Effect.catchTag(cell.program, "BodyError", () => Effect.succeed("caught"))),
    sees: (reading) => reading === "BodyError" ? "caught" : reading
  },
  {
    name: "catchTag of the DropFailure",
    run: (cell) => inFiber(cell, Effect.catchTag(cell.program, "DropFailure", () => Effect.succeed("caught"))),
    sees: (reading) => reading === "DropFailure" ? "caught" : reading
  },
  {
    name: "mapError",
    run: (cell) => inFiber(cell, Effect.mapError(cell.program, (error) => `mapped ${error._tag}`)),
    sees: (reading) => isTyped(reading) ? `mapped ${reading}` : reading
  },
  {
    name: "retry",
    run: (cell) => inFiber(cell, Effect.retry(cell.program, { times: 1 })),
    sees: same,
    attempts: (reading) => isTyped(reading) ? 2 : 1
  },
  {
    name: "Effect.all",
    run: (cell) =>
      alone(Effect.map(
        Effect.all([cell.program, siblingOf(cell, Effect.fail(new SiblingError()))], { concurrency: "unbounded" }),
        ([value]) => value
      )),
    sees: (reading, body) => body.interruptedFromOutside ? "SiblingError" : reading
  },
  {
    name: "race",
    run: (cell) =>
      Effect.gen(function*() {
        const ended = yield* Deferred.make<void>()
        const program = Effect.onExit(cell.program, () => Deferred.succeed(ended, undefined))
        const other = cell.body.interruptedFromOutside ? cell.started : ended
        return yield* alone(Effect.race(program, Effect.as(Deferred.await(other), "other")))
      }),
    sees: (reading) => reading === "value" ? "value" : "other"
  },
  {
    name: "timeout",
    run: (cell) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(alone(Effect.timeout(cell.program, "1 second")))
        if (cell.body.interruptedFromOutside) {
          yield* Deferred.await(cell.started)
          yield* TestClock.adjust("1 second")
        }
        return yield* Fiber.join(fiber)
      }),
    sees: (reading, body) => body.interruptedFromOutside ? "TimeoutError" : reading
  },
  {
    name: "fork and join",
    run: (cell) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(cell.program)
        if (cell.body.interruptedFromOutside) {
          yield* Deferred.await(cell.started)
          fiber.interruptUnsafe(outside)
        }
        return read(
          yield* Effect.exit(Effect.catch(Fiber.join(fiber), (error) => Effect.succeed(`joined ${error._tag}`)))
        )
      }),
    sees: (reading) => isTyped(reading) ? `joined ${reading}` : reading
  },
  {
    name: "Layer",
    run: (cell) => inFiber(cell, Effect.provide(Value, Layer.effect(Value, cell.program))),
    sees: same
  }
]

const siblingOf = <E>(cell: Cell, failure: Effect.Effect<never, E>): Effect.Effect<string, E> =>
  cell.body.interruptedFromOutside
    ? Effect.andThen(Deferred.await(cell.started), failure)
    : Effect.succeed("sibling")
