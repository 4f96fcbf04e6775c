// It has no part in signals; its defaults otherwise.
import { createHttpTerminator } from "http-terminator"
import { listen } from "./node.ts"

const terminator = createHttpTerminator({ server: listen() })
process.once("SIGTERM", () => void terminator.terminate())
