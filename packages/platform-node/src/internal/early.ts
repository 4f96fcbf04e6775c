// What is answered while the server listens and no app is served yet: Node answers nothing by itself.
import type * as Http from "node:http"

/** For a path, what its probe says by now. */
export type Probes = Map<string, () => Answer>

export interface Answer {
  readonly status: number
  readonly text: string
}

/** Answers until it is removed. */
export const answerEarly = (server: Http.Server, probes: Probes): () => void => {
  const answer = (request: Http.IncomingMessage, response: Http.ServerResponse): void => {
    const { status, text } = probes.get(pathOf(request.url))?.() ?? { status: 503, text: "starting" }
    response.writeHead(status, { "content-type": "text/plain", "cache-control": "no-store", "retry-after": "1" })
    response.end(text)
  }
  server.on("request", answer)
  server.on("checkContinue", answer)
  return () => {
    server.off("request", answer)
    server.off("checkContinue", answer)
  }
}

/** Without what stands behind it, which may be secret. */
export const pathOf = (url: string | undefined): string => (url ?? "").split(/[?#]/, 1)[0]!
