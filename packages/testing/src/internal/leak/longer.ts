// Owners that outlive a program: the layers that several tests share. What a program leaves with one of
// them is looked at when that one has closed.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type Leak, remains } from "./remains.ts"
import { settle } from "./settle.ts"
import type { Watch } from "./watch.ts"

export class Longer {
  private readonly left: Array<readonly [watch: Watch, at: string | undefined]> = []

  keep(watch: Watch, at: string | undefined): void {
    if (watch.resources.size > 0 || watch.fibers.size > 0) this.left.push([watch, at])
  }

  /** Asked after its owner has closed. */
  readonly leaks: Effect.Effect<ReadonlyArray<Leak>> = Effect.suspend(() =>
    Effect.map(
      Effect.forEach(this.left, ([watch]) => settle(watch), { concurrency: "unbounded" }),
      () => this.left.flatMap(([watch, at]) => remains(watch, at, () => false))
    )
  )
}

/** The owner that outlives the programs of this context. */
export const CurrentLonger: Context.Reference<Longer | undefined> = Context.Reference<Longer | undefined>(
  "@async-drop/testing/Longer",
  { defaultValue: () => undefined }
)
