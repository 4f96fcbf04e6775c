// A thread of the one pool or the other.
import { WorkerDrop } from "@async-drop/platform-node"
import { NodeWorkerRunner } from "@effect/platform-node"
import { Effect } from "effect"
import { WorkerRunner } from "effect/workers"
import { workerData } from "node:worker_threads"
import { answer, work } from "./job.ts"

const plain = Effect.gen(function*() {
  const platform = yield* WorkerRunner.WorkerRunnerPlatform
  const runner = yield* platform.start<string, number>()
  return yield* runner.run((port, millis) => Effect.flatMap(answer(millis), (text) => runner.send(port, text)))
}).pipe(Effect.provide(NodeWorkerRunner.layer))

Effect.runFork(workerData === "effect" ? plain : WorkerDrop.serve(work, answer))
