import { AsyncDrop, AsyncDropGuard, DropFailure, DropReporter } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option } from "effect"
import {
  bodies,
  type Body,
  BodyError,
  Book,
  type Constructor,
  constructors,
  errorsOf,
  expectedExit,
  isTyped,
  manyFailing,
  outside,
  programOf,
  ReleaseError,
  type Releases,
  releases
} from "./support/cells.ts"
import { type Observer, observers, type Reading } from "./support/observers.ts"
import { type ErrorShape, failureShape, reasonsOf, shapeOf } from "./support/shape.ts"

const readingOf = (body: Body, errors: ReadonlyArray<ErrorShape>): Reading => {
  switch (body.row) {
    case "success":
      return errors.length === 0 ? "value" : isTyped(errors) ? "DropFailure" : "defect"
    case "failure":
      return "BodyError"
    case "defect":
    case "interrupt":
      return body.row
  }
}

/** Runs a cell and looks at all it left behind; gives what its observer saw. */
const runCell = (constructor: Constructor, body: Body, releases: Releases, observer: Observer) =>
  Effect.gen(function*() {
    const book = new Book()
    const started = yield* Deferred.make<void>()
    const program = programOf(constructor, body, releases, book, started)
    const saw = yield* observer.run({ body, program, started })

    const list = constructor.list(releases)
    const errors = errorsOf(list)
    const reading = readingOf(body, errors)
    const attempts = observer.attempts?.(reading) ?? 1
    const names = list.map((_, i) => `r${i}`)
    assert.deepStrictEqual(book.acquired, repeat(names, attempts))
    assert.deepStrictEqual(book.released, repeat(names.toReversed(), attempts))

    assert.deepStrictEqual(book.exits.map(shapeOf), repeat([expectedExit(body, errors)], attempts))
    for (const exit of book.exits) {
      const found = Exit.isFailure(exit) ? DropFailure.fromCause(exit.cause) : Option.none()
      assert.deepStrictEqual(
        Option.toArray(Option.map(found, (failure) => failureShape(failure).errors)),
        errors.length === 0 ? [] : [errors]
      )
    }

    const reported: ReadonlyArray<ErrorShape> = book.reported.map((error) => [error.resource, reasonsOf(error.cause)])
    assert.deepStrictEqual(reported, body.row === "success" ? [] : repeat(errors, attempts))
    assert.strictEqual(saw, observer.sees(reading, body))
    return book
  })

const repeat = <A>(list: ReadonlyArray<A>, times: number): ReadonlyArray<A> =>
  Array.from({ length: times }, () => list).flat()

for (const constructor of constructors) {
  describe(`the outcome of ${constructor.name}`, () => {
    for (const body of bodies) {
      for (const of of releases) {
        describe(`when the body ${body.name} and releases ${of.name}`, () => {
          for (const observer of observers) {
            it.effect(`is as promised to ${observer.name}`, () => runCell(constructor, body, of, observer))
          }
        })
      }
    }
  })
}

/** As `runCell`, for so many releases that their errors are compared as one text. */
const runMany = (constructor: Constructor, body: Body, releases: Releases, observer: Observer) =>
  Effect.gen(function*() {
    const book = new Book()
    const started = yield* Deferred.make<void>()
    const program = programOf(constructor, body, releases, book, started)
    const reading = readingOf(body, errorsOf(releases.list))
    assert.strictEqual(yield* observer.run({ body, program, started }), observer.sees(reading, body))

    const attempts = observer.attempts?.(reading) ?? 1
    const newestFirst = releases.list.map((_, i) => `r${i}`).reverse().join()
    const each = repeat([newestFirst], attempts).join()
    assert.isTrue(book.released.join() === each)
    assert.isTrue(book.reported.map((error) => error.resource).join() === (body.row === "success" ? "" : each))
    assert.strictEqual(book.exits.length, attempts)
    for (const exit of book.exits) {
      const failure = Option.getOrThrow(DropFailure.fromCause(causeOf(exit)))
      assert.isTrue(failure.errors.map((error) => error.resource).join() === newestFirst)
      assert.strictEqual(failure.dropped, 0)
      assert.deepStrictEqual(shapeOf(failure.exit), body.ended)
      assert.isAtMost(causeOf(exit).reasons.length, body.reasons.length + 1)
    }
  })

describe("the outcome of 200,000 failing releases", () => {
  const heap = manyFailing(200_000)
  const [inScope, asGuards] = constructors
  const few = new Set(["succeeds", "is interrupted while closing"])
  const cells = [
    ...bodies.map((body) => [inScope!, body] as const),
    ...bodies.filter((body) => few.has(body.name)).map((body) => [asGuards!, body] as const)
  ]
  for (const [constructor, body] of cells) {
    it.effect(
      `has each of them in order when the body ${body.name}, by ${constructor.name}`,
      () => runMany(constructor, body, heap, observers[0]!),
      20_000
    )
  }
})

describe("the outcome of 10,000 failing releases", () => {
  const heap = manyFailing(10_000)
  const chosen = new Set(["succeeds", "is interrupted from outside"])
  for (const body of bodies.filter((body) => chosen.has(body.name))) {
    for (const observer of observers) {
      it.effect(
        `has each of them in order when the body ${body.name}, seen by ${observer.name}`,
        () => runMany(constructors[0]!, body, heap, observer)
      )
    }
  }
})

type Run = (
  release: () => Effect.Effect<void, ReleaseError>,
  body: Effect.Effect<string, BodyError>
) => Effect.Effect<string, BodyError | DropFailure.DropFailure<ReleaseError>>

const runs: ReadonlyArray<readonly [name: string, run: Run]> = [
  [
    "scoped and acquireRelease",
    (release, body) =>
      AsyncDrop.scoped(Effect.andThen(AsyncDrop.acquireRelease(Effect.void, release, { name: "file" }), body))
  ],
  [
    "scoped and AsyncDropGuard.make",
    (release, body) =>
      AsyncDrop.scoped(Effect.andThen(AsyncDropGuard.make(Effect.void, release, { name: "file" }), body))
  ],
  [
    "acquireUseRelease",
    (release, body) => AsyncDrop.acquireUseRelease(Effect.void, () => body, release, { name: "file" })
  ]
]

for (const [name, run] of runs) {
  describe(`an interrupt that arrives while a release of ${name} is waiting`, () => {
    const parked = (body: Effect.Effect<string, BodyError>) =>
      Effect.gen(function*() {
        const closing = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        const reported: Array<string> = []
        const release = Deferred.succeed(closing, undefined).pipe(
          Effect.andThen(Deferred.await(gate)),
          Effect.andThen(Effect.fail(new ReleaseError({ code: "EIO" })))
        )
        const fiber = yield* run(() => release, body).pipe(
          Effect.provideService(DropReporter.DropReporter, (error) =>
            Effect.sync(() => void reported.push(error.resource))),
          Effect.forkChild
        )
        yield* Deferred.await(closing)
        fiber.interruptUnsafe(outside)
        assert.isUndefined(fiber.pollUnsafe())
        yield* Deferred.succeed(gate, undefined)
        return { cause: causeOf(yield* Fiber.await(fiber)), reported }
      })
    const failure = (ended: ReturnType<typeof shapeOf>) =>
      ({ errors: [["file", [["Fail", new ReleaseError({ code: "EIO" })]]]], dropped: 0, exit: ended }) as const

    it.effect("makes a success an interruption that carries the DropFailure", () =>
      Effect.gen(function*() {
        const { cause, reported } = yield* parked(Effect.succeed("value"))
        assert.deepStrictEqual(reasonsOf(cause), [["Interrupt", failure({ success: "value" })]])
        assert.deepStrictEqual([...Cause.interruptors(cause)], [outside])
        assert.deepStrictEqual(reported, ["file"])
      }))

    it.effect("leaves the body's own failure as it was, beside the interrupt", () =>
      Effect.gen(function*() {
        const error = new BodyError()
        const { cause, reported } = yield* parked(Effect.fail(error))
        const own = ["Fail", error] as const
        assert.deepStrictEqual(reasonsOf(cause), [own, ["Interrupt", failure({ failure: [own] })]])
        assert.deepStrictEqual(reported, ["file"])
      }))

    it.effect("leaves the body's own defect as it was, beside the interrupt", () =>
      Effect.gen(function*() {
        const { cause, reported } = yield* parked(Effect.die("bug"))
        const own = ["Die", "bug"] as const
        assert.deepStrictEqual(reasonsOf(cause), [own, ["Interrupt", failure({ failure: [own] })]])
        assert.deepStrictEqual(reported, ["file"])
      }))
  })
}

const causeOf = <A, E>(exit: Exit.Exit<A, E>): Cause.Cause<E> => {
  if (Exit.isSuccess(exit)) throw new Error("expected a failure")
  return exit.cause
}
