// The job that both pools have: so many milliseconds, or busy for ever.
import { WorkerDrop } from "@async-drop/platform-node"
import { Effect, Schema } from "effect"

export const work = WorkerDrop.job({ input: Schema.Number, output: Schema.String })

export const busy = -1

export const answer = (millis: number): Effect.Effect<string> => {
  while (millis === busy);
  return Effect.as(Effect.sleep(millis), "answered")
}
