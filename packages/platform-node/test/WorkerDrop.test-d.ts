import { AsyncDrop, type DropScope } from "@async-drop/core"
import { WorkerDrop } from "@async-drop/platform-node"
import { type Effect, Schema, type Scope } from "effect"
import type { Worker } from "node:worker_threads"
import { describe, expectTypeOf, it } from "vitest"

declare const spawn: () => Worker
const square = WorkerDrop.job({ input: Schema.Number, output: Schema.String })

describe("WorkerDrop", () => {
  it("makes a pool into a scope that learns of lost jobs", () => {
    expectTypeOf(WorkerDrop.make(square, spawn)).toEqualTypeOf<
      Effect.Effect<
        WorkerDrop.WorkerPool<number, string, never>,
        WorkerDrop.WorkerStartError,
        Scope.Scope | DropScope.DropScope<WorkerDrop.JobsLost>
      >
    >()
    expectTypeOf(AsyncDrop.scoped(WorkerDrop.make(square, spawn))).toExtend<Effect.Effect<unknown, unknown>>()
  })
  it("runs with the errors of the job, and none of its own but a lost job", () => {
    expectTypeOf(WorkerDrop.run<number, string, never>).returns.toEqualTypeOf<
      Effect.Effect<string, WorkerDrop.JobLost>
    >()
  })
})
