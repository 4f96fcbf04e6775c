// Four things that Node gives out, each as a resource: a server socket, an interval, a listener, a web stream.
import { AsyncDrop, DropError } from "@async-drop/core"
import { Effect } from "effect"
import assert from "node:assert/strict"
import { EventEmitter, once } from "node:events"
import { type AddressInfo, connect, createServer } from "node:net"

const log: Array<string> = []

// A server is an AsyncDisposable: its disposal closes it, and waits for the connections that are open. It is made and
// taken in one uninterruptible piece, so that nothing is lost between the two.
const server = Effect.uninterruptible(Effect.gen(function*() {
  const made = createServer((socket) => socket.end("hello"))
  yield* AsyncDrop.fromDisposable(made, { name: "server" })
  yield* Effect.promise(() => once(made.listen(0, "127.0.0.1"), "listening"))
  return made
}))

// So is what setInterval gives. Where a repeated effect will do, Effect has it: Effect.repeat with a schedule, in a
// fibre of the scope.
const interval = (millis: number, tick: () => void) =>
  Effect.uninterruptible(AsyncDrop.fromDisposable(setInterval(tick, millis), { name: "interval" }))

// A listener has no disposal: on and off are its acquire and its release.
const listen = (emitter: EventEmitter, event: string, listener: (value: unknown) => void) =>
  AsyncDrop.acquireRelease(
    Effect.sync(() => emitter.on(event, listener)),
    () => Effect.sync(() => emitter.off(event, listener)),
    { name: `listener of ${event}` }
  )

class CancelError extends Error {
  readonly _tag = "CancelError"
}

// The source of a stream may fail to be cancelled, which is a typed failure here. Where the stream is only read, Effect
// has it: Stream.fromReadableStream.
const reader = <A>(stream: ReadableStream<A>) =>
  AsyncDrop.acquireRelease(
    Effect.sync(() => stream.getReader()),
    (reader) =>
      Effect.tryPromise({
        try: () => reader.cancel(),
        catch: (cause) => new CancelError("the source goes on", { cause })
      }),
    { name: "stream" }
  )

const clock = new EventEmitter()
const endless = new ReadableStream<number>({
  pull: (controller) => controller.enqueue(1),
  cancel: () => Promise.reject(new Error("busy"))
})

const program = Effect.gen(function*() {
  const open = yield* server
  yield* interval(5, () => void clock.emit("tick"))
  const ticks: Array<unknown> = []
  yield* listen(clock, "tick", (value) => ticks.push(value))
  const numbers = yield* reader(endless)

  const { port } = open.address() as AddressInfo // of a server that listens on a port
  const [greeting] = yield* Effect.promise(() => once(connect(port, "127.0.0.1"), "data"))
  yield* Effect.promise(() => once(clock, "tick"))
  const { value } = yield* Effect.promise(() => numbers.read())
  log.push(`${greeting}, ${ticks.length > 0 ? "ticking" : "still"}, ${value}`)
  return open
})

const { dropErrors, exit } = await Effect.runPromise(AsyncDrop.scopedExit(program))
assert.equal(exit._tag, "Success")
assert.deepEqual(log, ["hello, ticking, 1"])
assert.equal(exit._tag === "Success" && exit.value.listening, false)
assert.equal(clock.listenerCount("tick"), 0)
assert.deepEqual(dropErrors.map((error) => error.resource), ["stream"])
// The interval is cleared: nothing keeps this process alive, and it ends by itself.
console.log(log[0])
console.log(dropErrors.map(DropError.toText).join("\n"))
