// What a child writes, on its way to who reads it.
//
// 1. It is read to its end, whoever reads: a reader that stops half-way, and a sink that fails, hold up neither
//    the child nor its end.
// 2. Before the drain nothing is thrown away, and the child waits while nobody reads, as with a plain pipe.
// 3. From the drain on, what nobody reads is thrown away. One who reads gets the rest.
// 4. A sink reads from the start; its failure is kept for the release.
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type { PlatformError } from "effect/PlatformError"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"

export type Output = Stream.Stream<Uint8Array, PlatformError>
export type OutputSink = Sink.Sink<Uint8Array, Uint8Array, never, PlatformError>

export interface Outlet {
  readonly stream: Output
  readonly drain: Effect.Effect<void>
  /** After the last of it was read, and taken in by the sink. */
  readonly ended: Effect.Effect<void>
  readonly failure: () => PlatformError | undefined
}

/** How many pieces may wait, each of up to 64 KiB. */
const room = 4

export const make = Effect.fnUntraced(function*(raw: Output, sink: OutputSink | undefined, scope: Scope.Scope) {
  const queue = yield* Queue.bounded<Uint8Array, PlatformError | Cause.Done>(room)
  const discard = Latch.makeUnsafe()
  let readers = 0
  let draining = false
  let failure: PlatformError | undefined
  const settle = () => {
    if (draining && readers === 0) discard.openUnsafe()
  }
  const drain = Effect.sync(() => {
    draining = true
    settle()
  })

  const put = (piece: Uint8Array): Effect.Effect<unknown> =>
    // (1) (3) Where there is room, there is nothing to wait for.
    discard.isOpen() || Queue.offerUnsafe(queue, piece)
      ? Effect.void
      : Effect.raceFirst(Queue.offer(queue, piece), discard.await)
  const feed = yield* Stream.runForEach(raw, put).pipe(
    Effect.onExit((exit) => exit._tag === "Success" ? Queue.end(queue) : Queue.failCause(queue, exit.cause)),
    Effect.exit,
    Effect.forkIn(scope)
  )

  const reading = Effect.acquireRelease(
    Effect.sync(() => {
      readers++
    }),
    () =>
      Effect.sync(() => {
        readers--
        settle()
      })
  )
  const stream: Output = Stream.unwrap(Effect.as(reading, Stream.fromQueue(queue)))
  const fed = Fiber.await(feed)
  if (sink === undefined) return { stream, drain, ended: Effect.asVoid(fed), failure: () => failure }

  const taking = yield* Stream.runDrain(Stream.transduce(stream, sink)).pipe(
    Effect.catch((error) => {
      failure = error
      return drain
    }),
    Effect.exit,
    Effect.forkIn(scope)
  )
  const ended = Effect.asVoid(Effect.andThen(fed, Fiber.await(taking)))
  return { stream: Stream.empty as Output, drain, ended, failure: () => failure } // empty: of any type
})
