// Runs schedule after schedule until one fails or nothing is left, and pauses for other fibres of the host.
import * as Effect from "effect/Effect"
import { DepthFirst } from "./depth-first.ts"
import { RandomWalk } from "./random-walk.ts"
import type { Run, Session } from "./session.ts"
import { escaped, isProvisional, type Verdict } from "./verdict.ts"

export interface Found {
  readonly verdict: Verdict
  readonly values: ReadonlyArray<number>
}

export interface Result {
  readonly schedules: number
  readonly pruned: number
  readonly steps: number
  readonly ended: boolean
  readonly found: Found | undefined
}

/** The host's other fibres wait at most about so long. */
const pauseMillis = 25

// A real clock, whatever clock the caller has: a test's stands still.
const now = () => performance.now()
// Taken at once: a test may replace it later.
const realTimeout = globalThis.setTimeout

/** One turn of the host's event loop, in which a promise or an elapsed timer can wake a stalled run. */
const macrotask = Effect.callback<void>((resume) => {
  realTimeout(() => resume(Effect.void), 0)
})

/** Waits where the verdict depends on what is outside. */
export const settle = (run: Run): Effect.Effect<Verdict | undefined> =>
  run.verdict === undefined || !isProvisional(run.verdict)
    ? Effect.succeed(run.verdict)
    : Effect.map(macrotask, () => run.world.lateSteps > 0 ? escaped(run.world) : run.verdict)

/** Nobody reads them: what fails is run again. They are a quarter of the time where errors are many. */
const withoutStacks = <A>(run: () => A): A => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return run()
  } finally {
    Error.stackTraceLimit = limit
  }
}

export const search = Effect.fnUntraced(function*(session: Session) {
  const { settings, trail } = session
  const deadline = now() + settings.millis
  const depthFirst = new DepthFirst(settings.prune)
  const walk = new RandomWalk(settings.seed, settings.bounds, settings)
  const exhaustive = settings.strategy === "exhaustive"
  let schedules = 0
  let pruned = 0
  let steps = 0
  let pause = now() + pauseMillis
  const result = (ended: boolean, found?: Found): Result => ({ schedules, pruned, steps, ended, found })
  for (;;) {
    if (!exhaustive) walk.begin()
    const run = withoutStacks(() => session.run(exhaustive ? depthFirst : walk))
    steps += run.world.steps
    if (run.redundant) pruned++
    else schedules++
    if (run.verdict !== undefined) {
      const values = trail.taken()
      return result(false, { verdict: (yield* settle(run))!, values })
    }
    if (exhaustive && !depthFirst.advance(trail)) return result(true)
    if (schedules >= settings.schedules) return result(false)
    if (((schedules + pruned) & 15) === 0 && now() > pause) {
      if (now() > deadline) return result(false)
      yield* Effect.yieldNow
      pause = now() + pauseMillis
    }
  }
})
