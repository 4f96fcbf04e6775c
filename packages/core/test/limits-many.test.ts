import { AsyncDrop, AsyncDropGuard, DropFailure, type DropReport } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Exit } from "effect"
import { after, hang, lineOf } from "./support/limits.ts"

const count = 1000

/** One of each ten hangs, one fails, one dies, one ends after its limit; the others have steps, or none. */
const endOf = (i: number): Effect.Effect<unknown, unknown> => {
  switch (i % 10) {
    case 0:
      return hang
    case 1:
      return Effect.fail("no")
    case 2:
      return Effect.andThen(Effect.sleep(5), Effect.die("boom"))
    case 3:
      return Effect.uninterruptible(Effect.sleep(600_000))
    case 4:
      return Effect.sleep(5)
    default:
      return Effect.void
  }
}

const limited = (options: AsyncDrop.ScopeOptions, timeout: boolean, ordered: boolean) =>
  Effect.gen(function*() {
    const runs = Array.from({ length: count }, () => 0)
    const reports: Array<DropReport.DropReport> = []
    const body = Effect.gen(function*() {
      const guards: Array<AsyncDropGuard.AsyncDropGuard<number, unknown>> = []
      for (let i = 0; i < count; i++) {
        const older = guards[i - 7]
        guards.push(
          yield* AsyncDropGuard.make(Effect.succeed(i), () =>
            Effect.suspend(() => {
              runs[i]!++ // there is one for each
              return endOf(i)
            }), {
            name: `${i}`,
            ...(timeout ? { timeout: 1000 } : {}),
            ...(ordered && older !== undefined ? { dependsOn: [older] } : {})
          })
        )
      }
    })
    const program = AsyncDrop.withReport(
      AsyncDrop.scoped(body, options),
      (report) => Effect.sync(() => void reports.push(report))
    )
    // Everything that was begun has ended by then, late or not at all.
    return { runs, reports, ...(yield* after(2_000_000, program)) }
  })

const errorsOf = (exit: Exit.Exit<unknown, unknown> | undefined) => {
  assert.ok(exit?._tag === "Failure")
  const [reason] = exit.cause.reasons
  assert.ok(reason?._tag === "Fail" && reason.error instanceof DropFailure.DropFailure)
  return reason.error.errors.map(lineOf)
}

describe("1,000 resources of which a tenth each hang, fail, die and end late", () => {
  for (const concurrency of [1, 4, "unbounded"] as const) {
    for (const ordered of [false, true]) {
      for (const timeout of [true, false]) {
        const limit = timeout ? "a timeout each" : "a budget"
        const order = ordered ? ", with dependsOn" : ""
        it.effect(`are each released once, with ${limit}, concurrency ${concurrency}${order}`, () =>
          Effect.gen(function*() {
            const budget = timeout ? {} : { budget: "10 seconds" as const }
            const { beside, endedAt, exit, reports, runs } = yield* limited(
              { concurrency, ...budget },
              timeout,
              ordered
            )
            assert.ok(runs.every((times) => times === 1), `${runs.findIndex((times) => times !== 1)}`)
            if (!timeout) assert.strictEqual(endedAt, 10_000)

            const errors = errorsOf(exit)
            const ends = (suffix: string) => errors.filter((line) => line.endsWith(suffix)).length
            const gone = timeout ? "abandoned timeout" : "abandoned budget"
            assert.deepStrictEqual(
              { failed: ends(" graceful no"), died: ends("died boom"), gone: ends(gone), all: errors.length },
              { failed: 100, died: 100, gone: 200, all: 400 }
            )
            assert.strictEqual(new Set(errors.map((line) => line.split(" ")[0])).size, 400)
            const late = beside.filter((line) => line.includes(" late "))
            assert.deepStrictEqual(late.map((line) => Number(line.split(" ")[0]) % 10), Array(100).fill(3))

            const { late: _, ...totals } = reports[0]!.totals // some end after it was made
            assert.strictEqual(reports.length, 1)
            assert.deepStrictEqual(totals, {
              scopes: 1,
              resources: 1000,
              released: 600,
              failed: 100,
              died: 100,
              interrupted: 0,
              abandoned: 200,
              unfinished: 0,
              forced: 0,
              leftOut: 0
            })
          }))
      }
    }
  }
})
