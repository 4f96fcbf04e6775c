// The connections of one Node server, seen from outside: which are in use, and how each comes to its end.
//
// 1. A connection is in use while a response is owed on it, bytes of a next request have come, it was upgraded,
//    or it carries HTTP/2. Idle ones, and those that were never used, are closed once `close` is called.
// 2. From `announce` on, the last response owed on a connection says that it closes: `Connection: close`,
//    and GOAWAY where it carries HTTP/2. Responses before it on a pipelined connection do not say so.
// 3. A connection that was promised to be kept is closed after its response, once `close` was called.
// 4. What is accepted while the end of the listening is waited for is read from that end on.
// 5. `destroy` leaves none.
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import type * as Http2 from "node:http2"
import type * as Net from "node:net"
import type * as Tls from "node:tls"

interface Connection {
  readonly socket: Net.Socket
  /** Whether it carries requests of HTTP/1: not so below TLS, nor where it carries HTTP/2. */
  readonly plain: boolean
  readonly owed: Set<Http.ServerResponse>
  /** How much had been read when the last response was over. */
  read: number
  upgraded: boolean
  /** Since when it is read from. */
  openAt: number
}

/** The protocol allows for no later stream: it says that the session ends, and ends nothing yet. */
const lastStreamId = 2 ** 31 - 1

/** What the client has for reading a response whose request was not read to its end, before a reset can destroy it. */
const lingering = 500

/**
 * When nothing waits to be accepted: after a round of the event loop that accepted nothing, if it was short, in
 * milliseconds, or after several that were not.
 */
const shortRound = 0.3
const emptyRounds = 5

/** When that is not waited for any longer: after so many rounds and so long, in milliseconds. */
const enoughRounds = 200
const enough = 100

/** A connection is new for so long, in milliseconds; one that is has a while longer until its first bytes are there. */
const isNew = 50
const firstBytes = 50

export class Connections {
  private readonly server: Http.Server
  private readonly changed: () => void
  private readonly all = new Set<Connection>()
  private readonly of = new WeakMap<Net.Socket, Connection>()
  private readonly sessions = new Set<Http2.ServerHttp2Session>()
  private readonly told = new WeakSet<Http2.Http2Session>()
  private accepted = 0
  /** Those that are not read from yet. */
  private held: Set<Connection> | undefined = undefined
  private phase: "open" | "announced" | "closed" = "open"

  /** `changed` is called when there is none left. */
  constructor(server: Http.Server, changed: () => void) {
    this.server = server
    this.changed = changed
    const mixed: NodeJS.EventEmitter = server // servers of HTTP/2 and of TLS emit events that this type has not
    mixed.on("connection", (socket: Net.Socket) => this.opened(socket, isPlain(server)))
    mixed.on("secureConnection", (socket: Tls.TLSSocket) => {
      if (socket.alpnProtocol !== "h2") this.opened(socket, true)
    })
    mixed.on("session", (session: Http2.ServerHttp2Session) => this.began(session))
    mixed.on("request", this.requested)
    mixed.on("checkContinue", this.requested)
  }

  get size(): number {
    return this.all.size
  }

  /** Must be called after a listener for upgrades is there: with the one of this alone, nobody would answer. */
  watchUpgrades(): void {
    this.server.prependListener("upgrade", (_, socket) => {
      const connection = this.of.get(socket as Net.Socket) // the one of its request
      if (connection !== undefined) connection.upgraded = true
    })
  }

  /** Goes on serving, and lets clients know. */
  announce(): void {
    if (this.phase !== "open") return
    this.phase = "announced"
    for (const { owed } of this.all) closesAfter([...owed].at(-1))
    for (const session of this.sessions) this.tell(session)
  }

  /**
   * Stops listening, and closes what is idle, within a limit in milliseconds. The kernel resets those that wait to be
   * accepted then. So it comes right after a round of the event loop that had nothing to accept, and until then new
   * requests are not read: whoever gets an answer that says `Connection: close` connects again.
   */
  close(limit: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const begun = performance.now()
      this.held = new Set()
      // Node accepts one connection a round, as long as there are any.
      const look = (rounds: number, empty: number, accepted: number, at: number) => {
        if (this.phase === "closed") return
        const now = performance.now()
        const unchanged = this.accepted === accepted ? empty + 1 : 0
        const isCalm = unchanged === emptyRounds || (unchanged > 0 && now - at < shortRound)
        const isOver = now - begun > limit || (now - begun > enough && rounds > enoughRounds)
        if (!isCalm && !isOver) return void setImmediate(look, rounds + 1, unchanged, this.accepted, now)
        this.stop()
        resume(Effect.void)
      }
      setImmediate(() => look(0, -1, -1, performance.now()))
      return Effect.sync(() => this.stop())
    })
  }

  /** Closes also those on which a request has begun to come and not gone on. */
  closeUnfinished(): void {
    for (const { owed, plain, socket, upgraded } of this.all) {
      if (plain && !upgraded && owed.size === 0) socket.destroy()
    }
  }

  /** Closes whatever is left; gives how many there were. */
  destroy(): number {
    const left = this.all.size
    for (const session of this.sessions) session.destroy()
    for (const { socket } of this.all) socket.destroy()
    return left
  }

  /** As `close`, without looking who waits. */
  stop(): void {
    if (this.phase === "closed") return
    this.phase = "closed"
    if (this.server.listening) stopListening(this.server)
    this.release()
    for (const session of this.sessions) session.close()
    this.closeIdle()
  }

  private holdBack(connection: Connection, held: Set<Connection>): void {
    held.add(connection)
    // Not in this step: who accepts it has yet to let it flow.
    process.nextTick(() => {
      if (held === this.held) connection.socket.pause()
    })
  }

  private release(): void {
    const { held = [] } = this
    this.held = undefined
    for (const connection of held) {
      connection.openAt = performance.now()
      connection.socket.resume()
    }
  }

  private closeIdle(): void {
    const now = performance.now()
    let young = false
    for (const connection of this.all) {
      if (!isIdle(connection)) continue
      if (now - connection.openAt < isNew) young = true
      else connection.socket.destroy()
    }
    if (young) setTimeout(() => this.closeIdle(), firstBytes).unref()
  }

  private opened(socket: Net.Socket, plain: boolean): void {
    const connection: Connection = {
      socket,
      plain,
      owed: new Set(),
      read: plain ? socket.bytesRead : 0,
      upgraded: false,
      openAt: performance.now()
    }
    this.accepted++
    if (plain && this.held !== undefined) this.holdBack(connection, this.held)
    this.all.add(connection)
    this.of.set(socket, connection)
    socket.once("close", () => {
      this.all.delete(connection)
      if (this.all.size === 0) this.changed()
    })
  }

  private began(session: Http2.ServerHttp2Session): void {
    this.sessions.add(session)
    session.once("close", () => this.sessions.delete(session))
    if (this.phase === "closed") session.close()
  }

  private readonly requested = (request: Http.IncomingMessage, response: Http.ServerResponse): void => {
    const connection = this.of.get(request.socket)
    if (connection === undefined) return this.streamed(request)
    if (this.phase !== "open") {
      for (const earlier of connection.owed) staysAfter(earlier)
      closesAfter(response)
    }
    connection.owed.add(response)
    response.once("close", () => {
      connection.owed.delete(response)
      connection.read = connection.socket.bytesRead
      if (this.phase === "closed" && connection.owed.size === 0) closeSoon(connection.socket, request)
    })
  }

  /** A session that began while this was announced already hears of it with its first request. */
  private streamed(request: Http.IncomingMessage): void {
    const session = (request as unknown as Http2.Http2ServerRequest).stream?.session // no connection of HTTP/1: of HTTP/2
    if (this.phase !== "open" && session !== undefined) this.tell(session)
  }

  private tell(session: Http2.Http2Session): void {
    if (session.destroyed || session.closed || this.told.has(session)) return
    this.told.add(session)
    session.goaway(0, lastStreamId)
  }
}

/** Neither TLS nor HTTP/2: a `net.Server` with the timeouts of HTTP/1. */
const isPlain = (server: Http.Server): boolean => "headersTimeout" in server && !("setSecureContext" in server)

/** What has been ended is on its way already. */
const isIdle = ({ owed, read, socket, upgraded }: Connection): boolean =>
  !upgraded && owed.size === 0 && socket.bytesRead === read && !socket.writableEnded

/** Node would close at once what it takes for idle: also what is new, or about to end after its response. */
const stopListening = (server: Http.Server): void => {
  const closeIdle = server.closeIdleConnections
  server.closeIdleConnections = () => {}
  server.close()
  server.closeIdleConnections = closeIdle
}

const closesAfter = (response: Http.ServerResponse | undefined): void => {
  if (response !== undefined && !response.headersSent) response.shouldKeepAlive = false
}

const staysAfter = (response: Http.ServerResponse): void => {
  if (!response.headersSent) response.shouldKeepAlive = true
}

const closeSoon = (socket: Net.Socket, request: Http.IncomingMessage): void => {
  if (socket.writableEnded || socket.destroyed) return
  if (request.complete) return socket.destroySoon()
  socket.end()
  const timer = setTimeout(() => socket.destroy(), lingering)
  socket.once("close", () => clearTimeout(timer))
}
