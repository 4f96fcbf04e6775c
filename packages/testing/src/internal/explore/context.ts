// The services of an explored program: the caller's, with all that reads the outer world replaced.
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type { VirtualClock } from "./clock.ts"
import { asService, type SeededRandom } from "./random.ts"

const noLoggers: ReadonlySet<Logger.Logger<unknown, unknown>> = new Set()

/**
 * Layers that the program provides are built anew in each run, so the caller's memo map does not go in.
 * Nothing is logged: the same program runs thousands of times.
 */
export const services = (
  context: Context.Context<never>,
  scheduler: Scheduler.Scheduler,
  clock: VirtualClock,
  random: SeededRandom
): Context.Context<never> =>
  Context.omit(Layer.CurrentMemoMap)(context).pipe(
    Context.add(Scheduler.Scheduler, scheduler),
    Context.add(Scheduler.PreventSchedulerYield, false),
    Context.add(Clock.Clock, clock),
    Context.add(Random.Random, asService(random)),
    Context.add(Logger.CurrentLoggers, noLoggers)
  )
