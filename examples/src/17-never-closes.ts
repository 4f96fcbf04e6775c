// An app whose one connection never closes: it ends within its budget all the same, and prints what it was.
import { AsyncDrop, DropReport } from "@async-drop/core"
import { Console, Effect } from "effect"

const open = (name: string, close: Effect.Effect<void>) =>
  AsyncDrop.acquireRelease(Effect.succeed(name), () => close, { name })

const app = Effect.gen(function*() {
  yield* open("log", Effect.sleep("20 millis"))
  // The other side never answers, and the client does not give up by itself.
  yield* open("connection", Effect.uninterruptible(Effect.never))
  yield* open("server", Effect.sleep("50 millis"))
  yield* Console.log("closing")
})

const closed = app.pipe(
  AsyncDrop.scopedExit({ budget: "1 second" }),
  AsyncDrop.withReport((report) => Console.log(DropReport.toText(report)))
)
const { dropErrors } = await Effect.runPromise(closed)
console.log(`not given back: ${dropErrors.map(({ resource }) => resource).join(", ")}`)
