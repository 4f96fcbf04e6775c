// The interrupt of the main fibre.
//
// 1. There is one. In an uninterruptible region it would have no effect before the region ends, except that it takes the
//    place of the error that the region was about to pass on; so it waits for the end.
// 2. It follows at once on a region that ended well: the next one may begin before the event loop turns.
// 3. What the program makes of an error goes before it, where that takes no longer than it may.
// 4. There is a time after which it is sent, whatever the fibre does.
import type * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { isInterruptible, onRegionEnd } from "./effect-unstable.ts"

/** What a program makes of an error, a log entry say, may take so long. */
const handling = 500

/** One error fails that many regions on its way out; a program of which more fail does one thing after another. */
const onTheWay = 10

export interface Options {
  readonly main: Fiber.Fiber<unknown, unknown>
  /** Milliseconds after which it is sent whatever the fibre does. */
  readonly within: number
  /** Whether only the releases of the program's own scope are left, which no interrupt ends. */
  readonly bodyEnded: () => boolean
  readonly annotations: () => Context.Context<never> | undefined
}

export const interrupt = ({ annotations, bodyEnded, main, within }: Options): void => {
  const latest = performance.now() + within
  let sent = false
  let failures = 0
  let failedAt = -Infinity

  const send = (): void => {
    if (sent) return
    sent = true
    main.interruptUnsafe(main.id, annotations())
  }

  const regionEnded = (well: boolean): void => {
    const now = performance.now()
    if (!well) {
      if (++failures <= onTheWay) failedAt = now
      return
    }
    if (!bodyEnded() && now - failedAt > handling) send()
  }

  const look = (): void => {
    if (sent || main.pollUnsafe() !== undefined) return
    if (isInterruptible(main) || performance.now() > latest) send()
    else setTimeout(look, 2).unref()
  }

  look()
  if (!sent) onRegionEnd(main, regionEnded)
}
