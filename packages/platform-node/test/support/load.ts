// Clients at full rate, each with one connection that it keeps as long as it may.
import * as Http from "node:http"

interface Seen {
  /** Responses with status 200. */
  served: number
  /** Those of them that were asked for after `mark`. */
  servedAfter: number
  status503: number
  otherStatus: number
  /** A connection that had carried a response was lost with a request on it. */
  resetsReused: number
  /** A connection was lost before its first response. */
  resetsFresh: number
  refused: number
  /** A response came on a connection that was made after the server had refused one. */
  acceptedAfterClose: number
  otherErrors: Record<string, number>
}

export interface Load {
  readonly seen: Seen
  /** From here on requests count as `servedAfter`. */
  readonly mark: () => void
  /** Ends when the last response is there. */
  readonly stop: () => Promise<Seen>
}

export const startLoad = (port: number, options: { readonly clients: number; readonly path?: string }): Load => {
  const seen: Seen = {
    served: 0,
    servedAfter: 0,
    status503: 0,
    otherStatus: 0,
    resetsReused: 0,
    resetsFresh: 0,
    refused: 0,
    acceptedAfterClose: 0,
    otherErrors: {}
  }
  let running = true
  let marked = false

  const once = (agent: Http.Agent) =>
    new Promise<boolean>((resolve) => {
      const after = marked
      const request = Http.get({ port, host: "127.0.0.1", path: options.path ?? "/", agent }, (response) => {
        const fresh = !request.reusedSocket
        response.resume()
        response.on("end", () => {
          if (fresh && refusedBefore) seen.acceptedAfterClose++
          if (response.statusCode === 200) {
            seen.served++
            if (after) seen.servedAfter++
          } else if (response.statusCode === 503) seen.status503++
          else seen.otherStatus++
          resolve(true)
        })
        response.on("error", () => {
          seen[fresh ? "resetsFresh" : "resetsReused"]++
          resolve(true)
        })
      })
      const refusedBefore = seen.refused > 0
      request.on("error", ({ code }: NodeJS.ErrnoException) => {
        if (code === "ECONNREFUSED") seen.refused++
        else if (code === "ECONNRESET" || code === "EPIPE") {
          seen[request.reusedSocket ? "resetsReused" : "resetsFresh"]++
        } else seen.otherErrors[code ?? "none"] = (seen.otherErrors[code ?? "none"] ?? 0) + 1
        resolve(code !== "ECONNREFUSED")
      })
    })

  const client = async () => {
    const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
    // Refused once, it tries again a little later: a server that still accepts would be seen.
    while (running) if (!(await once(agent))) await new Promise((resolve) => setTimeout(resolve, 20))
    agent.destroy()
  }
  const clients = Array.from({ length: options.clients }, client)
  return {
    seen,
    mark: () => {
      marked = true
    },
    stop: () => {
      running = false
      return Promise.all(clients).then(() => seen)
    }
  }
}
