// It leaves the closing to the server, and exits after it; its defaults otherwise. Its own example for node:http
// refuses what comes meanwhile, its README has no such line: both are measured.
import closeWithGrace from "close-with-grace"
import { promisify } from "node:util"
import { listen } from "./node.ts"

let closing = false
const server = listen({ refuses: () => closing && "REFUSES" in process.env })

closeWithGrace(() => {
  closing = true
  return promisify(server.close.bind(server))()
})
