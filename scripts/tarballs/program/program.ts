// What a user's first program might be: two resources, a guard, and a release that fails.
import { AsyncDropGuard } from "@async-drop/core"
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import type { DropFailure } from "@async-drop/core/DropFailure"
import { Data, Effect } from "effect"

class FlushError extends Data.TaggedError("FlushError")<{ readonly file: string }> {}

const log: Array<string> = []
const say = (text: string) => Effect.sync(() => log.push(text))

const file = AsyncDrop.acquireRelease(
  Effect.succeed({ file: "app.log" }),
  ({ file }) => Effect.andThen(say("file"), Effect.fail(new FlushError({ file }))),
  { name: "file" }
)
const guard = AsyncDropGuard.make(Effect.succeed(1), () => say("guard"))

const body = Effect.gen(function*() {
  yield* file
  return yield* AsyncDropGuard.use(yield* guard, (n) => Effect.as(say("used"), n))
})
const typed: Effect.Effect<number, DropFailure<FlushError>> = AsyncDrop.scoped(body)
const names = typed.pipe(
  Effect.map((n) => [String(n)]),
  Effect.catchTag("DropFailure", ({ errors }) => Effect.succeed(errors.map((error) => error.resource)))
)

const seen = [...Effect.runSync(names), ...log].join(" ")
if (seen !== "file used guard file") throw new Error(`the releases did not run as they should: ${seen}`)
