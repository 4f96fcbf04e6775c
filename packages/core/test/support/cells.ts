// What a body comes to, what its releases come to, and what owns them: the sides of the outcome matrix.
import { AsyncDrop, AsyncDropGuard, type DropError, type DropFailure, DropReporter } from "@async-drop/core"
import { Cause, Data, Deferred, Effect, Exit, Fiber } from "effect"
import type { ErrorShape, FailureShape, ReasonShape, Shape } from "./shape.ts"

export class BodyError extends Data.TaggedError("BodyError")<{}> {}
export class ReleaseError extends Data.TaggedError("ReleaseError")<{ readonly code: string }> {}

const bodyError = new BodyError()
const bodyDefect = new Error("body defect")
const releaseDefect = new Error("release defect")

/** Interrupts that come from outside carry this id. */
export const outside = 424_242

/** Whose row of the table a body is on. */
type Row = "success" | "failure" | "defect" | "interrupt"

export interface Body {
  readonly name: string
  readonly row: Row
  /** What it comes to, without any release. */
  readonly ended: Shape
  /** What the result has of it. */
  readonly reasons: ReadonlyArray<ReasonShape>
  readonly run: (started: Deferred.Deferred<void>) => Effect.Effect<string, BodyError>
  readonly interruptedFromOutside?: true
  readonly interruptedWhileClosing?: true
}

const failing = (
  name: string,
  row: Row,
  reasons: ReadonlyArray<ReasonShape>,
  run: Body["run"],
  more: Partial<Body> = {}
): Body => ({ name, row, reasons, ended: { failure: reasons }, run, ...more })

export const bodies: ReadonlyArray<Body> = [
  {
    name: "succeeds",
    row: "success",
    ended: { success: "value" },
    reasons: [],
    run: () => Effect.succeed("value")
  },
  failing("fails", "failure", [["Fail", bodyError]], () => Effect.fail(bodyError)),
  failing("dies", "defect", [["Die", bodyDefect]], () => Effect.die(bodyDefect)),
  failing("throws", "defect", [["Die", bodyDefect]], () =>
    Effect.sync((): string => {
      throw bodyDefect
    })),
  failing("interrupts itself", "interrupt", [["Interrupt"]], () => Effect.interrupt),
  failing(
    "is interrupted from outside",
    "interrupt",
    [["Interrupt"]],
    (started) => Effect.andThen(Deferred.succeed(started, undefined), Effect.never),
    { interruptedFromOutside: true }
  ),
  {
    name: "is interrupted while closing",
    row: "interrupt",
    ended: { success: "value" },
    reasons: [["Interrupt"]],
    run: () => Effect.succeed("value"),
    interruptedWhileClosing: true
  },
  failing(
    "fails and dies",
    "defect",
    [["Fail", bodyError], ["Die", bodyDefect]],
    () => Effect.failCause(Cause.fromReasons([Cause.makeFailReason(bodyError), Cause.makeDieReason(bodyDefect)]))
  )
]

/** One release: how it runs, and the reasons it ends with; none where it goes well. */
interface Release {
  readonly run: () => Effect.Effect<unknown, ReleaseError>
  readonly reasons: (resource: string) => ReadonlyArray<ReasonShape>
}

const fails = (code: string): Release => {
  const error = new ReleaseError({ code })
  return { run: () => Effect.fail(error), reasons: () => [["Fail", error]] }
}
const ok: Release = { run: () => Effect.void, reasons: () => [] }
const dies: Release = { run: () => Effect.die(releaseDefect), reasons: () => [["Die", releaseDefect]] }
const throws: Release = {
  run: () => {
    throw releaseDefect
  },
  reasons: () => [["Die", releaseDefect]]
}
const noEffect: Release = {
  run: () => 42 as never, // what a caller without types may return
  reasons: (resource) => [[
    "Die",
    [resource, "release", "a value of type number"]
  ]]
}
const interrupts: Release = { run: () => Effect.interrupt, reasons: () => [["Interrupt"]] }
const failsAndDies: Release = {
  run: () =>
    Effect.failCause(
      Cause.fromReasons([Cause.makeFailReason(new ReleaseError({ code: "EIO" })), Cause.makeDieReason(releaseDefect)])
    ),
  reasons: () => [["Fail", new ReleaseError({ code: "EIO" })], ["Die", releaseDefect]]
}

export interface Releases {
  readonly name: string
  /** In the order of the acquires. */
  readonly list: ReadonlyArray<Release>
  /** Of a resource that has one. */
  readonly one: Release
}

export const releases: ReadonlyArray<Releases> = [
  { name: "ok", list: [ok, ok], one: ok },
  { name: "fail", list: [fails("ENOSPC"), fails("ENOSPC")], one: fails("ENOSPC") },
  { name: "die", list: [dies, dies], one: dies },
  { name: "throw before they return an effect", list: [throws, throws], one: throws },
  { name: "return something that is not an effect", list: [noEffect, noEffect], one: noEffect },
  { name: "interrupt themselves", list: [interrupts, interrupts], one: interrupts },
  {
    name: "are mixed",
    list: [fails("ENOSPC"), ok, dies, throws, noEffect, interrupts, fails("EIO"), fails("EIO"), failsAndDies],
    one: failsAndDies
  }
]

/** A great heap of them. */
export const manyFailing = (many: number): Releases => ({
  name: `fail ${many} times`,
  list: Array.from({ length: many }, () => fails("ENOSPC")),
  one: fails("ENOSPC")
})

/** All that one run of a cell leaves behind. */
export class Book {
  readonly acquired: Array<string> = []
  readonly released: Array<string> = []
  readonly reported: Array<DropError.DropError<unknown>> = []
  /** The exits of the owner itself, one for each attempt. */
  readonly exits: Array<Exit.Exit<string, unknown>> = []
}

export type Program = Effect.Effect<string, BodyError | DropFailure.DropFailure<ReleaseError>>

export interface Constructor {
  readonly name: string
  readonly own: (body: Body, releases: Releases, book: Book, started: Deferred.Deferred<void>) => Program
  readonly list: (releases: Releases) => ReadonlyArray<Release>
}

const acquire = (book: Book, name: string) => Effect.sync(() => void book.acquired.push(name))

const released = (book: Book, name: string, release: Release, body: Body) => () => {
  book.released.push(name)
  if (body.interruptedWhileClosing) Fiber.getCurrent()!.interruptUnsafe(outside)
  return release.run()
}

const inScope = (
  name: string,
  into: typeof AsyncDrop.acquireRelease | typeof AsyncDropGuard.make
): Constructor => ({
  name,
  list: (releases) => releases.list,
  own: (body, releases, book, started) =>
    Effect.gen(function*() {
      for (const [i, release] of releases.list.entries()) {
        const name = `r${i}`
        yield* into(acquire(book, name), released(book, name, release, body), { name })
      }
      return yield* body.run(started)
    }).pipe(AsyncDrop.scoped)
})

export const constructors: ReadonlyArray<Constructor> = [
  inScope("scoped and acquireRelease", AsyncDrop.acquireRelease),
  inScope("scoped and AsyncDropGuard.make", AsyncDropGuard.make),
  {
    name: "acquireUseRelease",
    list: (releases) => [releases.one],
    own: (body, releases, book, started) =>
      AsyncDrop.acquireUseRelease(
        acquire(book, "r0"),
        () => body.run(started),
        released(book, "r0", releases.one, body),
        { name: "r0" }
      )
  }
]

/** The program of a cell, writing its book. */
export const programOf = (
  constructor: Constructor,
  body: Body,
  releases: Releases,
  book: Book,
  started: Deferred.Deferred<void>
): Program =>
  constructor.own(body, releases, book, started).pipe(
    Effect.onExit((exit) => Effect.sync(() => void book.exits.push(exit))),
    Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => void book.reported.push(error)))
  )

/** The errors of one close, in the order in which they happen: last in, first out. */
export const errorsOf = (list: ReadonlyArray<Release>): ReadonlyArray<ErrorShape> =>
  list.flatMap((release, i): ReadonlyArray<ErrorShape> => {
    const reasons = release.reasons(`r${i}`)
    return reasons.length === 0 ? [] : [[`r${i}`, reasons]]
  }).reverse()

export const isTyped = (errors: ReadonlyArray<ErrorShape>): boolean =>
  errors.some(([, reasons]) => reasons.some(([tag]) => tag === "Fail"))

/** The table, row by row. */
export const expectedExit = (body: Body, errors: ReadonlyArray<ErrorShape>): Shape => {
  if (errors.length === 0) return body.interruptedWhileClosing ? { failure: body.reasons } : body.ended
  const failure: FailureShape = { errors, dropped: 0, exit: body.ended }
  switch (body.row) {
    case "success":
      return { failure: [[isTyped(errors) ? "Fail" : "Die", failure]] }
    case "failure":
      return isTyped(errors)
        ? { failure: [...body.reasons, ["Fail", failure]] }
        : { failure: [["Fail", bodyError, failure]] }
    case "defect":
      return { failure: [...body.reasons, ["Die", failure]] }
    case "interrupt":
      return { failure: [["Interrupt", failure]] }
  }
}
