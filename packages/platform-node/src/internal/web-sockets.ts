// The WebSockets of one server. Effect makes them; the class that it makes them with is ours.
import { WebSocket } from "./effect-http.ts"

/** What the protocol says of an endpoint that goes away. */
const goingAway = 1001

export class WebSockets {
  private readonly open = new Set<WebSocket>()
  private closing = false
  /** For the option `WebSocket` of a `ws` server. */
  readonly Class: typeof WebSocket

  constructor(Base: typeof WebSocket | undefined) {
    this.Class = new Proxy(Base ?? WebSocket, {
      construct: (target, args, made) => this.opened(Reflect.construct(target, args, made))
    })
  }

  /** Sends the close frame; the rest of the closing is up to the client. */
  close(): void {
    this.closing = true
    for (const socket of this.open) socket.close(goingAway)
  }

  terminate(): void {
    for (const socket of this.open) socket.terminate()
  }

  private opened(socket: WebSocket): WebSocket {
    this.open.add(socket)
    socket.once("close", () => this.open.delete(socket))
    // It gets its connection after this, in the same step.
    if (this.closing) queueMicrotask(() => socket.close(goingAway))
    return socket
  }
}
