// A program of `NodeDrop.terminal.test.ts`, whose standard streams are a terminal. The first argument is a file for
// what can no longer be printed, the second holds the options as JSON.
import { AsyncDrop } from "@async-drop/core"
import { NodeDrop } from "@async-drop/platform-node"
import { Console, Effect } from "effect"
import { appendFileSync } from "node:fs"

const [file = "", json = "{}"] = process.argv.slice(2)
const note = (text: string) => Effect.sync(() => appendFileSync(file, `${text}\n`))
process.on("exit", (code) => appendFileSync(file, `exit ${code}\n`))

const program = Effect.gen(function*() {
  yield* AsyncDrop.acquireRelease(
    Effect.void,
    () => Effect.andThen(Console.log("closing"), Effect.delay(note("closed"), 100)),
    { name: "door" }
  )
  yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.die("gone"), { name: "log" })
  yield* Console.log(`ready ${process.pid}`)
  return yield* Effect.never
})

AsyncDrop.scoped(program).pipe(NodeDrop.runMain(JSON.parse(json)))
