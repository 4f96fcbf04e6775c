// A release that fails: its error has a type, a name, and a place in the result.
import { AsyncDrop } from "@async-drop/core"
import { Console, Data, Effect } from "effect"
import assert from "node:assert/strict"

class FlushError extends Data.TaggedError("FlushError")<{ readonly path: string; readonly lost: number }> {}
class ParseError extends Data.TaggedError("ParseError")<{ readonly line: number }> {}

const openLog = (path: string) =>
  AsyncDrop.acquireRelease(
    Effect.succeed({ path, lines: ["a", "b"] }),
    (log) => Effect.fail(new FlushError({ path: log.path, lost: log.lines.length })),
    { name: path }
  )

// The body fails, and so does the release: both are kept, the body's error first, each in its own type.
const program = Effect.gen(function*() {
  const log = yield* openLog("app.log")
  yield* Console.log(`opened ${log.path}`)
  return yield* new ParseError({ line: 7 })
})

const { dropErrors, exit } = await Effect.runPromise(AsyncDrop.scopedExit(program))
assert.equal(exit.toString().includes("ParseError"), true)
assert.deepEqual(dropErrors.map(({ resource }) => resource), ["app.log"])

// Where the body succeeds, the drop errors are the failure.
const handled = AsyncDrop.scoped(Effect.as(openLog("audit.log"), "done")).pipe(
  Effect.catchTag("DropFailure", (failure) => Effect.as(Console.log(failure.message), "not flushed"))
)
assert.equal(await Effect.runPromise(handled), "not flushed")
