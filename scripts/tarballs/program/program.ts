import * as core from "@async-drop/core"
import * as Effect from "effect/Effect"

Effect.runSync(Effect.succeed(core))
