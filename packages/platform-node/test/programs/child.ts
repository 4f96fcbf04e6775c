// Starts a child with a process of its own in its group, in a guardian's care, and goes on as it is told.
// By their modules, as in `temp.ts`.
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import * as ChildDrop from "@async-drop/platform-node/ChildDrop"
import * as TempDrop from "@async-drop/platform-node/TempDrop"
import * as NodeServices from "@effect/platform-node/NodeServices"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Stream from "effect/Stream"

const [way = "", parent = ""] = process.argv.slice(2)

const meek = ChildProcess.make("sh", ["-c", "sleep 1000 & sleep 1000"], { stdout: "ignore", stderr: "ignore" })
const stubborn = ChildProcess.make("sh", ["-c", "trap '' TERM; sleep 1000 & sleep 1000"], {
  stdout: "ignore",
  stderr: "ignore"
})

/** Has last words, a moment after it was asked to end. */
const wordy = ChildProcess.make("sh", [
  "-c",
  "trap 'sleep 0.2; : > \"$0/asked\"; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
  parent
], { stderr: "ignore" }) // the shell says there what ended its own child

const spawn = (command: ChildProcess.Command, guardian: boolean, forceKillAfter: Duration.Input = "20 millis") =>
  ChildDrop.spawn(command, { guardian, forceKillAfter })

const waiting = (command: ChildProcess.Command, guardian = true) =>
  Effect.gen(function*() {
    yield* spawn(command, guardian)
    setInterval(() => {}, 1_000)
    console.log("open")
    return yield* Effect.never
  })

/** Takes and gives back without a pause, so that it can be killed in the middle of anything. */
const busy = Effect.gen(function*() {
  console.log("open")
  while (true) {
    const round = Effect.gen(function*() {
      yield* TempDrop.directory({ parent, prefix: "test-" })
      yield* TempDrop.file({ parent, prefix: "test-" })
      yield* spawn(Math.random() < 0.7 ? meek : stubborn, true)
      yield* Effect.sleep(Math.random() * 20)
    })
    yield* AsyncDrop.scopedExit(round)
  }
})

const ways: { readonly [way: string]: Effect.Effect<unknown, unknown, Effect.Services<typeof busy>> } = {
  meek: AsyncDrop.scoped(waiting(meek)),
  stubborn: AsyncDrop.scoped(waiting(stubborn)),
  alone: AsyncDrop.scoped(waiting(meek, false)),
  throw: AsyncDrop.scoped(
    Effect.andThen(
      spawn(stubborn, true),
      Effect.sync(() => {
        setTimeout(() => {
          throw new Error("thrown")
        })
      })
    ).pipe(Effect.andThen(Effect.never))
  ),
  exit: AsyncDrop.scoped(Effect.gen(function*() {
    const child = yield* spawn(wordy, true)
    yield* Stream.runDrain(Stream.take(child.stdout, 1))
    process.exit(3)
  })),
  /** Ends by itself: neither the child's end nor the guardian may keep it. */
  close: AsyncDrop.scoped(spawn(meek, true, "5 seconds")),
  busy
}

await Effect.runPromise(Effect.provide(ways[way]!, NodeServices.layer))
