// A server of node:http that answers as those of Effect do, and says its port.
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export const listen = (options?: { readonly refuses: () => boolean }): Http.Server => {
  const server = Http.createServer((_, response) => {
    if (options?.refuses()) {
      response.writeHead(503, { connection: "close" }).end()
      return
    }
    setTimeout(() => response.end("hello"), 1)
  })
  return server.listen(0, "127.0.0.1", () => {
    console.log((server.address() as AddressInfo).port) // as: of a server on a port it is this
  })
}
