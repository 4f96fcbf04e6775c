// Routes that several tests ask for.
import { Effect, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"

/** A tick each 100 ms. */
export const ticks = (count: number): Stream.Stream<Uint8Array> =>
  Stream.tick("100 millis").pipe(Stream.take(count), Stream.map(() => "tick "), Stream.encodeText)

/** A WebSocket that gets back what it sends. */
export const echo = HttpRouter.add(
  "GET",
  "/ws",
  Effect.gen(function*() {
    const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => request.upgrade)
    const { pull } = yield* socket.reader
    const { write } = yield* socket.writer
    const echoed = Effect.flatMap(pull, (messages) => Effect.forEach(messages, (message) => write(message)))
    yield* Effect.ignore(Effect.forever(echoed)) // until it fails: with the close
    return HttpServerResponse.empty()
  }).pipe(Effect.scoped)
)
