// Its defaults: SIGTERM is one of its signals.
import shutdown from "http-graceful-shutdown"
import { listen } from "./node.ts"

shutdown(listen())
