// Has a child and a temporary directory open, and is ended by force in the way it is told to.
// By their modules, as in `temp.ts`.
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import * as ChildDrop from "@async-drop/platform-node/ChildDrop"
import * as NodeDrop from "@async-drop/platform-node/NodeDrop"
import * as TempDrop from "@async-drop/platform-node/TempDrop"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import { writeFileSync } from "node:fs"

const [parent = "", way = "", whose = ""] = process.argv.slice(2)

const commands: { readonly [whose: string]: (path: string) => ChildProcess.Command } = {
  meek: () => ChildProcess.make("sleep", ["1000"]),
  stubborn: () => ChildProcess.make("sh", ["-c", "trap '' TERM HUP INT; sleep 1000 & sleep 1000; sleep 1000"]),
  /** Its group outlives it. */
  orphan: () => ChildProcess.make("sh", ["-c", "sleep 1000 & exit 0"]),
  groupless: () => ChildProcess.make("sleep", ["1000"], { detached: false }),
  /** Two that write to the directory as fast as they can; to remove what is there takes a while. */
  writing: (path) => {
    for (let i = 0; i < 3_000; i++) writeFileSync(`${path}/${i}`, "")
    const write = "n=0; while :; do n=$((n + 1)); : > \"$0/$$-$n\" || :; done"
    return ChildProcess.make("sh", ["-c", `trap '' TERM; (${write.replace("$$", "a")}) & ${write}`, path])
  }
}

/** Waits for nothing: what hangs in a plain scope keeps what is around it from being released. */
const program = Effect.gen(function*() {
  const path = yield* TempDrop.directory({ parent, prefix: "test-" })
  const child = yield* ChildDrop.spawn(commands[whose]!(path))
  if (whose === "orphan") yield* child.exitCode
  if (way === "budget" || way === "second") yield* Effect.acquireRelease(Effect.void, () => Effect.never)
  if (way === "exit") setTimeout(() => process.exit(3), 100)
  if (way === "uncaught") {
    setTimeout(() => {
      throw new Error("thrown")
    }, 100)
  }
  setInterval(() => {}, 1_000)
  console.log("open")
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const counts = Effect.sync(() => {
  console.log(JSON.stringify(["exit", "SIGHUP", "SIGINT", "SIGTERM"].map((name) => process.listenerCount(name))))
})

/** One that is ended with its scope, one that ends by itself long before that. */
const listening = Effect.gen(function*() {
  yield* counts
  yield* AsyncDrop.scoped(Effect.andThen(ChildDrop.spawn(ChildProcess.make("sleep", ["1000"])), counts))
  yield* counts
  yield* AsyncDrop.scoped(Effect.gen(function*() {
    const child = yield* ChildDrop.spawn(ChildProcess.make("sleep", ["0.1"]))
    yield* counts
    yield* child.exitCode
    yield* Effect.sleep(200)
    yield* counts
  }))
}).pipe(Effect.provide(NodeServices.layer))

/** It may end before its child; `reref` takes that back. */
const unreferenced = AsyncDrop.scoped(Effect.gen(function*() {
  const options = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const // not any text
  const child = yield* ChildDrop.spawn(ChildProcess.make("sleep", ["1000"], options))
  const reref = yield* child.unref
  if (whose === "reref") {
    yield* reref
    process.exit(0)
  }
  return yield* Effect.callback<never>(() => {})
})).pipe(Effect.provide(NodeServices.layer))

if (way === "unref") void Effect.runPromise(unreferenced)
else if (way === "listeners") await Effect.runPromise(listening)
else if (way === "wait") await Effect.runPromise(AsyncDrop.scoped(program))
else NodeDrop.runMain(program, { budget: way === "budget" ? 500 : 10_000, onUncaught: "exit" })
