// Opens temporary paths in a directory, and ends in the way it is told to.
// By their modules: a program starts three times as fast without what else the packages hold.
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import * as TempDrop from "@async-drop/platform-node/TempDrop"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { writeFileSync } from "node:fs"

const [parent = "", way = ""] = process.argv.slice(2)
const options = { parent, prefix: "test-" }

const opened = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* TempDrop.directory(options)
  yield* fs.makeDirectory(`${path}/below/it`, { recursive: true })
  yield* fs.writeFileString(`${path}/below/it/notes.txt`, "hello")
  yield* TempDrop.file({ ...options, suffix: ".txt" })
})

/** Says so, and stays until it is ended. */
const waiting = Effect.andThen(
  opened,
  Effect.suspend(() => {
    setInterval(() => {}, 1_000)
    console.log("open")
    return Effect.never
  })
)

const run = <A>(body: Effect.Effect<A, unknown, Effect.Services<typeof opened>>) =>
  AsyncDrop.scoped(body).pipe(Effect.provide(NodeFileSystem.layer))

const ways: { readonly [way: string]: () => unknown } = {
  close: () => Effect.runPromise(run(opened)),
  exit: () => Effect.runPromise(run(Effect.andThen(opened, Effect.sync(() => process.exit(3))))),
  throw: () => {
    setTimeout(() => {
      throw new Error("thrown")
    }, 200)
    return Effect.runPromise(run(waiting))
  },
  reject: () => {
    setTimeout(() => Promise.reject(new Error("rejected")), 200)
    return Effect.runPromise(run(waiting))
  },
  wait: () => Effect.runPromise(run(waiting)),
  runMain: () => NodeRuntime.runMain(run(waiting)),
  /** Somebody else listens, and lets the program go on. */
  listen: () => {
    process.on("SIGHUP", () => console.log("heard"))
    return Effect.runPromise(run(waiting))
  },
  /** Somebody else listens to the first only. */
  once: () => {
    process.once("SIGHUP", () => setImmediate(() => setImmediate(() => console.log("heard"))))
    return Effect.runPromise(run(waiting))
  },
  /** Somebody else sends the signal again where nobody but he listens. */
  polite: () => {
    const listener = (signal: NodeJS.Signals) => {
      if (process.listenerCount(signal) > 1) return
      process.off(signal, listener)
      process.kill(process.pid, signal)
    }
    process.on("SIGHUP", listener)
    return Effect.runPromise(run(waiting))
  },
  sweep: () => Effect.runPromise(Effect.provide(TempDrop.sweep(options), NodeFileSystem.layer)).then(print),
  listeners: async () => {
    await import("@async-drop/platform-node")
    printCounts()
  },
  /** Before, while three are open, while the last of them is, and after. */
  listens: () => {
    const inside = Effect.andThen(opened, Effect.sync(printCounts))
    const around = Effect.andThen(TempDrop.directory(options), AsyncDrop.scoped(inside))
    return Effect.runPromise(Effect.andThen(
      Effect.sync(printCounts),
      Effect.andThen(run(Effect.andThen(around, Effect.sync(printCounts))), Effect.sync(printCounts))
    ))
  },
  /** Somebody writes to its directory until its removal has failed, and then no more. */
  written: async () => {
    let writing: NodeJS.Immediate | undefined
    const write = (path: string, n: number) => {
      writeFileSync(`${path}/${n}`, "")
      writing = setImmediate(write, path, n + 1)
    }
    const body = Effect.map(TempDrop.directory(options), (path) => write(path, 0))
    const { dropErrors } = await Effect.runPromise(
      AsyncDrop.scopedExit(body).pipe(Effect.provide(NodeFileSystem.layer))
    )
    clearImmediate(writing)
    const [reason] = dropErrors[0]?.cause.reasons.filter(Cause.isFailReason) ?? []
    print(reason?.error.message)
  },
  fail: () => Effect.runPromise(run(Effect.flip(opened))).then((error) => print(String(error)))
}

const print = (value: unknown) => console.log(JSON.stringify(value))

const printCounts = () => print(["exit", "SIGHUP", "SIGINT", "SIGTERM"].map((name) => process.listenerCount(name)))

await ways[way]!()
