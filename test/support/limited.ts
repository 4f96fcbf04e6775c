// A close with limits in which several things happen at one instant, and what must hold of it whatever comes first.
import {
  AsyncDrop,
  DropContext,
  type DropError,
  DropFailure,
  DropObserver,
  DropReporter,
  DropScope,
  DropStack
} from "@async-drop/core"
import type { Explore } from "@async-drop/testing"
import { Clock, Effect, Exit, Fiber, Option, type Scope } from "effect"

/** One resource; times in milliseconds. */
export interface Spec {
  readonly timeout?: number
  /** How long its release takes; it cannot be interrupted where it is `stubborn`. */
  readonly release?: number
  readonly stubborn?: boolean
  readonly fails?: boolean
  readonly force?: number
  readonly forceTimeout?: number
}

export interface Course {
  readonly specs: ReadonlyArray<Spec>
  readonly budget?: number
  readonly concurrency?: number
  /** When the closer is interrupted, and when another one comes. */
  readonly interrupt?: number
  readonly second?: number
}

/** When everything happens that meets something else. */
export const instant = 900

/** What may happen at `instant`, to one resource or to the close. */
export const happenings = {
  "its own timer fires": { spec: { timeout: instant, release: 1_500 } },
  "a stubborn one's timer fires": { spec: { timeout: instant, release: 1_500, stubborn: true, force: 50 } },
  "its release ends": { spec: { release: instant } },
  "its release fails": { spec: { release: instant, fails: true, stubborn: true } },
  "its force ends": { spec: { timeout: 800, release: 2_000, stubborn: true, force: 100 } },
  "its force is given up on": { spec: { timeout: 800, release: 850, force: 1_100, forceTimeout: 100 } },
  "it ends late": { spec: { timeout: 300, release: instant, stubborn: true } },
  "it fails late": { spec: { timeout: 300, release: instant, stubborn: true, fails: true, force: 1_000 } },
  "the closer is interrupted": { course: { interrupt: instant } },
  "another closer comes": { course: { second: instant } },
  "nine tenths are over": { course: { budget: instant / 0.9 } },
  "the budget is spent": { course: { budget: instant } }
} as const satisfies Record<string, { readonly spec: Spec } | { readonly course: Omit<Course, "specs"> }>

export type Happening = keyof typeof happenings

/** Does what is asked for unless it is interrupted, or to the end. */
const work = (millis: number, stubborn: boolean, fails: boolean): Effect.Effect<void, string> => {
  const slept = Effect.sleep(millis)
  return Effect.andThen(stubborn ? Effect.uninterruptible(slept) : slept, fails ? Effect.fail("lost") : Effect.void)
}

const names = ["a", "b", "c", "d", "e", "f"]

/** What a resource may take at most, where nobody but itself limits it. */
const longest = ({ force, forceTimeout = 1_000, release = 950, timeout = Infinity }: Spec): number =>
  release <= timeout ? release : timeout + (force === undefined ? 0 : Math.min(force, forceTimeout))

export const limited = (course: Course) => (ctl: Explore.Control): Effect.Effect<unknown, never, Scope.Scope> => {
  const { budget, concurrency, interrupt, second, specs } = course
  const events: Array<DropObserver.Event> = []
  const reported: Array<DropError.DropError<unknown>> = []
  const starts: Array<string> = []
  const contexts: Array<DropContext.DropContext> = []
  let clock: Clock.Clock | undefined
  let begun: number | undefined
  const closers: Array<Fiber.Fiber<void, unknown>> = []
  const report = (error: DropError.DropError<unknown>) => Effect.sync(() => void reported.push(error))

  const acquire = (spec: Spec, i: number) => {
    const { force, forceTimeout, release = 950, stubborn = false, timeout } = spec
    const name = names[i]!
    const run = (what: string, effect: Effect.Effect<void, string>) =>
      Effect.flatMap(DropContext.DropContext, (context) => {
        starts.push(`${name} ${what}`)
        contexts.push(context)
        ctl.invariant(context.phase === what, `${name} is told that it is ${context.phase}, and is ${what}`)
        ctl.invariant(
          Option.isSome(context.timeLeft) || (budget === undefined && timeout === undefined),
          `${name} has no time`
        )
        return effect
      })
    return AsyncDrop.acquireRelease(
      Effect.void,
      () => run("graceful", work(release, stubborn, spec.fails === true)),
      {
        name,
        ...(timeout === undefined ? {} : { timeout }),
        ...(force === undefined ? {} : { force: () => run("force", work(force, false, false)) }),
        ...(forceTimeout === undefined ? {} : { forceTimeout })
      }
    )
  }

  const bound = budget ?? (concurrency === undefined
    ? specs.reduce((sum, spec) => sum + longest(spec), 0)
    : Infinity)

  const counted = () => {
    const heard = closers.flatMap((closer) => {
      const exit = closer.pollUnsafe()
      const failure = exit === undefined || Exit.isSuccess(exit) ? Option.none() : DropFailure.fromCause(exit.cause)
      return Option.isSome(failure) ? [failure.value.errors.map(({ resource }) => resource)] : []
    })
    specs.forEach((_, i) => {
      const name = names[i]!
      const of = (tag: DropObserver.Event["_tag"]) =>
        events.filter((event) => event._tag === tag && event.resource === name)
      const say = events.map((event) => `${event._tag} ${event.resource}`).join(", ")
      ctl.invariant(of("Dropping").length === 1, `${name} has not one start: ${say}`)
      ctl.invariant(of("Dropped").length === 1, `${name} has not one end: ${say}`)
      ctl.invariant(of("Abandoned").length <= 1, `${name} is given up on twice: ${say}`)
      ctl.invariant(of("Forcing").length <= 1, `${name} is forced twice: ${say}`)
      ctl.invariant(new Set(starts).size === starts.length, `something ran twice: ${starts.join(", ")}`)
      const dropped = of("Dropped")[0]
      const failed = dropped?._tag === "Dropped" && Exit.isFailure(dropped.exit)
      const told = reported.filter(({ late, resource }) => resource === name && late !== true).length
      const results = heard.map((errors) => errors.filter((resource) => resource === name).length)
      const where = `${results.join(" and ")} in the results, ${told} reported`
      ctl.invariant(results.every((n) => n <= 1) && told <= 1, `an error of ${name} is told twice: ${where}`)
      ctl.invariant(failed === (told + results.length > 0 && told + Math.max(0, ...results) > 0), `${name}: ${where}`)
      const late = reported.filter((error) => error.resource === name && error.late === true).length
      ctl.invariant(of("Late").length === late, `${name}: ${of("Late").length} late ends, ${late} reported`)
    })
  }
  ctl.atEnd("each has one start and one end, and its error is told once", counted)
  ctl.atEnd(
    "no release has more to learn",
    () =>
      contexts.every(({ abandoned, phase, timeLeft }) =>
        phase === "graceful" && Option.isNone(timeLeft) && abandoned.length === 0
      )
  )

  return Effect.gen(function*() {
    clock = yield* Clock.Clock
    const stack = yield* DropStack.make({
      name: "stack",
      ...(budget === undefined ? {} : { budget }),
      ...(concurrency === undefined ? {} : { concurrency })
    })
    for (const [i, spec] of specs.entries()) yield* DropStack.use(stack, acquire(spec, i))
    const closing = Effect.onExit(DropStack.close(stack), () =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const allowed = Math.max((begun ?? 0) + bound, second ?? 0)
        ctl.invariant(begun === undefined || now <= allowed, `it is closed at ${now}, and had until ${allowed}`)
      }))
    const context = yield* Effect.context<never>()
    const fork = (effect: Effect.Effect<void, unknown>) => {
      const fiber = Effect.runForkWith(context)(effect)
      closers.push(fiber)
      return fiber
    }
    const closer = fork(ctl.victim(closing))
    if (interrupt !== undefined) {
      Effect.runForkWith(context)(Effect.andThen(Effect.sleep(interrupt), Effect.sync(() => closer.interruptUnsafe())))
    }
    if (second !== undefined) fork(Effect.delay(closing, second))
    for (const fiber of closers) yield* Fiber.await(fiber)
    // The closer may have been interrupted before it began.
    yield* Fiber.await(fork(DropStack.close(stack)))
    yield* Effect.sleep(10_000)
    // What runs in a context that has seen the close is a part of it no longer.
    const stale = contexts.at(-1)
    if (stale === undefined) return
    const since = yield* Clock.currentTimeMillis
    yield* Effect.provideService(
      AsyncDrop.scoped(AsyncDrop.acquireRelease(Effect.void, () => Effect.sleep(10_000))),
      DropContext.DropContext,
      stale
    )
    ctl.invariant((yield* Clock.currentTimeMillis) === since + 10_000, "what comes after it is limited")
  }).pipe(
    Effect.provide(DropScope.layerReport(report)),
    Effect.provideService(DropReporter.DropReporter, report),
    Effect.provideService(
      DropObserver.DropObserver,
      (event: DropObserver.Event) => {
        if (!names.includes(event.resource)) return
        if (event._tag === "Dropping") begun ??= clock?.currentTimeMillisUnsafe()
        events.push(event)
      }
    )
  )
}
