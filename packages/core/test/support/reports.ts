// What is reported of a program whose sleeps are over.
import { AsyncDrop, type DropReport } from "@async-drop/core"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

export const reportsOf = <A, E>(program: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const reports: Array<DropReport.DropReport> = []
    const observed = AsyncDrop.withReport(program, (report) => Effect.sync(() => void reports.push(report)))
    const fiber = yield* Effect.forkChild(Effect.exit(observed), { startImmediately: true })
    yield* TestClock.adjust(60_000)
    yield* Fiber.join(fiber)
    return reports
  })
