// Several resources or none: what was opened is closed again when one cannot be opened.
import { AsyncDrop } from "@async-drop/core"
import { Data, Effect } from "effect"
import assert from "node:assert/strict"

class RefusedError extends Data.TaggedError("RefusedError")<{ readonly node: string }> {}

const log: Array<string> = []

const join = (node: string, refuse = false) =>
  AsyncDrop.acquireRelease(
    refuse ? Effect.fail(new RefusedError({ node })) : Effect.sync(() => (log.push(`joined ${node}`), node)),
    (node) => Effect.sync(() => log.push(`left ${node}`)),
    { name: node }
  )

const cluster = (third: boolean) =>
  AsyncDrop.all({ one: join("one"), two: join("two"), three: join("three", !third) }, { concurrency: "unbounded" })

const alone = cluster(false).pipe(
  Effect.catchTag("RefusedError", (error) => Effect.succeed(`no cluster: ${error.node} refused`))
)
assert.equal(await Effect.runPromise(AsyncDrop.scoped(alone)), "no cluster: three refused")
assert.deepEqual(log.splice(0), ["joined one", "joined two", "left two", "left one"])

assert.deepEqual(await Effect.runPromise(AsyncDrop.scoped(cluster(true))), { one: "one", two: "two", three: "three" })
assert.deepEqual(log, ["joined one", "joined two", "joined three", "left three", "left two", "left one"])
