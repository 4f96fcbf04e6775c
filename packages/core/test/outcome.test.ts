import { type DropError, DropFailure } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Duration, Exit, Option } from "effect"
import { failureOf, interrupted, isPrimary, outcome } from "../src/internal/outcome.ts"
import { shapeOf } from "./support/shape.ts"

const drop = (resource: string, cause: Cause.Cause<unknown>): DropError.DropError<unknown> => ({
  resource,
  phase: "graceful",
  cause,
  startedAt: 0,
  duration: Duration.zero
})

const typed = drop("log", Cause.fail("disk full"))
const defect = drop("db", Cause.die("bug"))
const interrupt = drop("socket", Cause.interrupt(3))

const failure = (
  exit: Exit.Exit<unknown, unknown>,
  ...errors: readonly [DropError.DropError<unknown>, ...Array<DropError.DropError<unknown>>]
) => new DropFailure.DropFailure({ errors, dropped: 0, exit })

const fail = Cause.makeFailReason("E")
const die = Cause.makeDieReason("X")
const stop = Cause.makeInterruptReason(1)
const body = (...reasons: ReadonlyArray<Cause.Reason<string>>) => Exit.failCause(Cause.fromReasons(reasons))
const noted = <E>(reason: Cause.Reason<E>, value: DropFailure.DropFailure<unknown>): Cause.Reason<E> =>
  reason.annotate(Context.make(DropFailure.Annotation, value))

/** Body, drop errors, and the reasons of the result, given the `DropFailure` of that body. */
type RowOfTable = readonly [
  name: string,
  body: Exit.Exit<unknown, string>,
  errors: readonly [DropError.DropError<unknown>, ...Array<DropError.DropError<unknown>>],
  reasons: (failure: DropFailure.DropFailure<unknown>) => ReadonlyArray<Cause.Reason<unknown>>
]

const table: ReadonlyArray<RowOfTable> = [
  ["a success with a typed error is a Fail", Exit.succeed(1), [typed], (f) => [Cause.makeFailReason(f)]],
  [
    "a success with typed errors among defects is a Fail",
    Exit.succeed(1),
    [defect, interrupt, typed],
    (f) => [Cause.makeFailReason(f)]
  ],
  ["a success with only defects is a Die", Exit.succeed(1), [defect, defect], (f) => [Cause.makeDieReason(f)]],
  [
    "a success with only an interrupted release is a Die",
    Exit.succeed(1),
    [interrupt],
    (f) => [Cause.makeDieReason(f)]
  ],
  [
    "a success with one error that is both typed and a defect is a Fail",
    Exit.succeed(1),
    [drop("both", Cause.fromReasons([die, fail]))],
    (f) => [Cause.makeFailReason(f)]
  ],
  ["an empty cause is as a success", body(), [typed], (f) => [Cause.makeFailReason(f)]],
  ["an empty cause with only defects is as a success", body(), [defect], (f) => [Cause.makeDieReason(f)]],
  ["a failure with a typed error has both", body(fail), [typed], (f) => [fail, Cause.makeFailReason(f)]],
  ["a failure with only defects carries them", body(fail), [defect], (f) => [noted(fail, f)]],
  ["a failure with only an interrupted release carries it", body(fail), [interrupt], (f) => [noted(fail, f)]],
  [
    "two failures with a typed error are first",
    body(fail, fail),
    [typed],
    (f) => [fail, fail, Cause.makeFailReason(f)]
  ],
  ["a defect with a typed error has both as defects", body(die), [typed], (f) => [die, Cause.makeDieReason(f)]],
  ["a defect with only defects has both", body(die), [defect], (f) => [die, Cause.makeDieReason(f)]],
  ["an interrupt with a typed error carries it", body(stop), [typed], (f) => [noted(stop, f)]],
  ["an interrupt with only defects carries them", body(stop), [defect], (f) => [noted(stop, f)]],
  [
    "two interrupts carry it once",
    body(stop, Cause.makeInterruptReason(2)),
    [typed],
    (f) => [noted(stop, f), Cause.makeInterruptReason(2)]
  ],
  ["a failure and a defect are as a defect", body(fail, die), [typed], (f) => [fail, die, Cause.makeDieReason(f)]],
  ["a defect and an interrupt are as an interrupt", body(die, stop), [typed], (f) => [die, noted(stop, f)]],
  ["a failure and an interrupt are as an interrupt", body(fail, stop), [typed], (f) => [fail, noted(stop, f)]],
  ["all three are as an interrupt", body(fail, die, stop), [typed, defect], (f) => [fail, die, noted(stop, f)]]
]

describe("outcome", () => {
  for (const [name, exit, errors, reasons] of table) {
    const f = failure(exit, ...errors)
    const result = outcome(exit, f)
    it(`${name}`, () => {
      assert.deepStrictEqual(shapeOf(result), shapeOf(Exit.failCause(Cause.fromReasons(reasons(f)))))
    })
    it(`${name}, and fromCause finds it`, () => {
      assert.strictEqual(
        Exit.isFailure(result) ? Option.getOrUndefined(DropFailure.fromCause(result.cause)) : undefined,
        f
      )
    })
  }

  it("keeps the annotations that the body's reasons have", () => {
    class Note extends Context.Service<Note, string>()("test/Note") {}
    const result = outcome(body(stop.annotate(Context.make(Note, "kept"))), failure(Exit.void, typed))
    const note = Exit.isFailure(result)
      ? Context.getOption(Cause.annotations(result.cause) as Context.Context<Note>, Note)
      : Option.none()
    assert.deepStrictEqual(note, Option.some("kept"))
  })

  it("lets the outer failure stand where both annotate one reason, with the inner one in its exit", () => {
    const inner = failure(body(stop), typed)
    const afterInner = outcome(body(stop), inner)
    const outer = failure(afterInner, defect)
    const result = outcome(afterInner, outer)
    assert.deepStrictEqual(shapeOf(result), shapeOf(body(noted(stop, outer))))
    assert.deepStrictEqual(
      Exit.isFailure(outer.exit) ? Option.getOrUndefined(DropFailure.fromCause(outer.exit.cause)) : undefined,
      inner
    )
  })

  it("keeps two failures of nested owners beside each other, and fromCause gives the outer one", () => {
    const inner = failure(body(fail), typed)
    const afterInner = outcome(body(fail), inner)
    const outer = failure(afterInner, typed)
    const result = outcome(afterInner, outer)
    assert.deepStrictEqual(
      shapeOf(result),
      shapeOf(
        Exit.failCause(Cause.fromReasons<unknown>([fail, Cause.makeFailReason(inner), Cause.makeFailReason(outer)]))
      )
    )
    assert.strictEqual(
      Exit.isFailure(result) ? Option.getOrUndefined(DropFailure.fromCause(result.cause)) : undefined,
      outer
    )
  })
})

describe("failureOf", () => {
  it("is none where nothing went wrong", () => {
    assert.isUndefined(failureOf([], 0, Exit.void))
  })

  it("keeps equal errors apart and in order, with the count of those beyond the cap and the body's exit", () => {
    const f = failureOf([typed, defect, typed], 7, Exit.fail("E"))
    assert.deepStrictEqual(f?.errors, [typed, defect, typed])
    assert.strictEqual(f?.dropped, 7)
    assert.deepStrictEqual(f?.exit, Exit.fail("E"))
  })
})

describe("isPrimary", () => {
  it("holds of a success and of an empty cause, and of nothing else", () => {
    assert.deepStrictEqual(
      [Exit.succeed(1), body(), body(fail), body(die), body(stop)].map((exit) => isPrimary(exit)),
      [true, true, false, false, false]
    )
  })
})

describe("interrupted", () => {
  const arrived = Cause.interrupt(9)

  it("makes a success the interrupt that arrived", () => {
    assert.deepStrictEqual(interrupted(Exit.succeed(1), arrived), Exit.failCause(arrived))
  })

  it("adds the interrupt to what the body came to", () => {
    assert.deepStrictEqual(
      interrupted(body(fail, die), arrived),
      Exit.failCause(Cause.fromReasons([fail, die, ...arrived.reasons]))
    )
  })

  it("leaves a body that was interrupted as it was", () => {
    const exit = body(fail, stop)
    assert.strictEqual(interrupted(exit, arrived), exit)
  })
})
