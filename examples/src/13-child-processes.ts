// Three child processes that end with their scope, and what the report says of each.
import { AsyncDrop, DropReport } from "@async-drop/core"
import { ChildDrop } from "@async-drop/platform-node"
import { NodeServices } from "@effect/platform-node"
import { Effect, Stream } from "effect"
import { ChildProcess } from "effect/process"
import assert from "node:assert/strict"

const sh = (script: string) => ChildProcess.make("sh", ["-c", script])

/** Starts it, and waits for its first words. */
const started = (name: string, script: string) =>
  Effect.gen(function*() {
    const child = yield* ChildDrop.spawn(sh(script), { name, forceKillAfter: "300 millis" })
    yield* Stream.runDrain(Stream.take(child.stdout, 1))
    return child
  })

const program = Effect.gen(function*() {
  // It ends by itself: whatever its status is, that is no error of its release.
  const migration = yield* started("migration", "echo ready; exit 3")
  assert.equal(yield* migration.exitCode, 3)
  // It listens to SIGTERM, and takes its time within the limit.
  yield* started("server", "trap 'exit 0' TERM; echo ready; while true; do sleep 0.02; done")
  // It does not, and is killed at the limit.
  yield* started("stubborn", "trap '' TERM; echo ready; while true; do sleep 1; done")
})

const notes: Array<ReadonlyArray<string | undefined>> = []
const { dropErrors } = await Effect.runPromise(
  AsyncDrop.scopedExit(program).pipe(
    AsyncDrop.withReport((report) =>
      Effect.sync(() => {
        console.log(DropReport.toText(report))
        notes.push(...report.scopes[0].resources.map(({ name, note }) => [name, note]))
      })
    ),
    Effect.provide(NodeServices.layer)
  )
)
assert.deepEqual(dropErrors.map(({ resource }) => resource), ["stubborn"])
assert.deepEqual(notes, [
  ["stubborn", "ended by SIGKILL"],
  ["server", "ended with code 0"],
  ["migration", "ended with code 3"]
])
