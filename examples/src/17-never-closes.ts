// An app with one connection that never closes: it ends within its budget all the same, and says what it was.
import { AsyncDrop, DropReport } from "@async-drop/core"
import { Console, Effect } from "effect"

const resource = (name: string, release: Effect.Effect<void>) =>
  AsyncDrop.acquireRelease(Effect.succeed(name), () => release, { name })

const app = Effect.gen(function*() {
  yield* resource("database", Effect.sleep("20 millis"))
  yield* resource("connection to billing", Effect.uninterruptible(Effect.never))
  yield* resource("http server", Effect.sleep("30 millis"))
  yield* Console.log("shutting down")
})

const program = AsyncDrop.scoped(app, { budget: "1 second" }).pipe(
  AsyncDrop.withReport((report) => Console.log(DropReport.toText(report))),
  Effect.catchTag("DropFailure", ({ errors: [first] }) => Console.log(`left behind: ${first.resource}`))
)
await Effect.runPromise(program)
process.exit() // a connection that is open would keep the process
