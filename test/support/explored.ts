// What the explorations of core have in common: resources with every fault, fibres side by side, and a ledger
// of where each release error went.
import {
  AsyncDropGuard,
  DropCycle,
  type DropError,
  DropFailure,
  DropReporter,
  DropScope,
  DropUsageError
} from "@async-drop/core"
import { Explore, Probe } from "@async-drop/testing"
import { it } from "@effect/vitest"
import { Cause, type Context, Effect, Exit, Fiber, Layer, Option, type Scope } from "effect"
import { isWide } from "./bounds.ts"

/** A release error of the resource of that name. */
const lost = (name: string) => `lost ${name}`

export type Guard = AsyncDropGuard.AsyncDropGuard<Probe.Held<string>, string>

/** Made once, it reports to the run that is under way: building a layer costs as much as a schedule. */
let collecting: (error: DropError.DropError<unknown>) => void = () => {}
const sink = Effect.runSync(
  Effect.scoped(Layer.build(DropScope.layerReport((error) => Effect.sync(() => collecting(error)))))
)

type AnyExit = Exit.Exit<unknown, unknown>

export interface World {
  readonly ctl: Explore.Control
  readonly probe: Probe.Probe
  /** A source whose release does one of all there is, chosen when it begins. */
  readonly faulty: (name: string) => Probe.Source<never, string>
  /** A source whose release dies or throws or succeeds, at once or later: it needs no `DropScope`. */
  readonly deadly: (name: string) => Probe.Source<string>
  /** A source whose release fails or succeeds, where more would be too many: all there is if `isWide`. */
  readonly failing: (name: string) => Probe.Source<never, string>
  /** A source whose acquire does one of all there is as well. */
  readonly broken: (name: string) => Probe.Source<string, string>
  /** Collects for scopes that are not of this library: what comes here counts as reported. */
  readonly sink: Context.Context<DropScope.DropScope<any>> // any: of every error type, as the layer says
  /** Runs each in a fibre that may be interrupted, and waits for all of them. */
  readonly race: <R>(
    ...fibers: ReadonlyArray<Effect.Effect<unknown, unknown, R>>
  ) => Effect.Effect<ReadonlyArray<AnyExit>, never, R>
  /** As `race`, and tells of each fibre as it starts: that takes no step of it. */
  readonly watch: <R>(
    fibers: ReadonlyArray<Effect.Effect<unknown, unknown, R>>,
    started: (fiber: Fiber.Fiber<unknown, unknown>, i: number) => void
  ) => Effect.Effect<ReadonlyArray<AnyExit>, never, R>
  /** A use of two steps: in neither may the release have begun. The probe's own use has many more steps. */
  readonly use: (held: Probe.Held<unknown>) => Effect.Effect<void>
  /** Notes the result of an owner. */
  readonly result: (exit: AnyExit) => void
  /** Says that the resource was taken out: what its release comes to is nobody's but the program's. */
  readonly taken: (held: Probe.Held<unknown>) => void
  /** A drop: who runs the release is noted, and what it hears. */
  readonly dropping: <A, E, R>(drop: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** A program to explore. The drop errors are told apart by resource: its name is that of its source. */
const world = (body: (world: World) => Effect.Effect<unknown, never, Scope.Scope>) => (ctl: Explore.Control) => {
  const probe = Probe.make({ choose: ctl.choose })
  const reported: Array<string> = []
  const results: Array<AnyExit> = []
  const droppers: Array<Fiber.Fiber<unknown, unknown>> = []
  const taken = new Set<string>()
  const releasers = new Map<string, Fiber.Fiber<unknown, unknown>>()
  const collect = ({ cause, resource }: DropError.DropError<unknown>) => {
    // An owner that is closed from inside a use is told of the cycle: that is no error of a release.
    if (!cause.reasons.some((reason) => valueOf(reason) instanceof DropCycle.DropCycle)) reported.push(resource)
  }
  collecting = collect

  const noting = <E, DE>(source: Probe.Source<E, DE>): Probe.Source<E, DE> => ({
    acquire: source.acquire,
    release: (held, exit) => {
      releasers.set(held.resource, Fiber.getCurrent()!)
      return source.release(held, exit)
    }
  })
  const releases = (name: string) =>
    [
      Probe.succeed,
      Probe.fail(lost(name)),
      Probe.die(lost(name)),
      Probe.throws(lost(name)),
      Probe.wait(Effect.yieldNow, Probe.fail(lost(name)))
    ] as const

  const made: World = {
    ctl,
    probe,
    faulty: (name) => noting(probe.source(name, { release: releases(name) })),
    deadly: (name) =>
      noting(probe.source(name, {
        release: [
          Probe.succeed,
          Probe.die(lost(name)),
          Probe.throws(lost(name)),
          Probe.wait(Effect.yieldNow, Probe.die(lost(name)))
        ]
      })),
    failing: (name) =>
      noting(probe.source(name, { release: isWide ? releases(name) : [Probe.succeed, Probe.fail(lost(name))] })),
    broken: (name) =>
      noting(probe.source(name, {
        acquire: [
          Probe.succeed,
          Probe.fail("refused"),
          Probe.die("refused"),
          Probe.throws("refused"),
          Probe.wait(Effect.yieldNow)
        ],
        release: releases(name)
      })),
    sink,
    race: (...effects) => made.watch(effects, () => {}),
    watch: <R>(
      effects: ReadonlyArray<Effect.Effect<unknown, unknown, R>>,
      started: (fiber: Fiber.Fiber<unknown, unknown>, i: number) => void
    ) =>
      Effect.contextWith((context: Context.Context<R>) =>
        Effect.callback<ReadonlyArray<AnyExit>>((resume) => {
          const exits: Array<AnyExit> = []
          let left = effects.length
          // Started in one step: no schedule differs by what their parent does meanwhile.
          effects.forEach((effect, i) => {
            const fiber = Effect.runForkWith(context)(Effect.andThen(Effect.yieldNow, ctl.victim(effect)))
            started(fiber, i)
            fiber.addObserver((exit) => {
              exits[i] = exit
              if (--left === 0) resume(Effect.succeed(exits))
            })
          })
        })
      ),
    use: (held) => {
      const touch = Effect.sync(() => {
        const begun = probe.steps.some((step) => step._tag === "Dropping" && step.id === held.id)
        ctl.invariant(!begun, `${held.resource} is used after its release began`)
      })
      return Effect.andThen(touch, touch)
    },
    result: (exit) => void results.push(exit),
    taken: (held) => void taken.add(held.resource),
    dropping: (drop) =>
      Effect.suspend(() => {
        droppers.push(Fiber.getCurrent()!)
        return drop
      })
  }

  ctl.always("the probe", probe.check)
  ctl.atEnd("nothing is left", probe.checkEnd)
  ctl.atEnd("each release error is delivered once", () => {
    for (const step of probe.steps) {
      if (step._tag !== "Dropped" || taken.has(step.resource)) continue
      const { exit, resource } = step
      const kept = results.filter((result) => errorsIn(result).includes(resource))
      const heard = droppers.filter((fiber) => hears(fiber.pollUnsafe(), lost(resource)))
      const told = reported.filter((name) => name === resource).length
      const say = `${resource}: ${kept.length} results, ${told} reports, ${heard.length} droppers`
      if (exit === undefined || Exit.isSuccess(exit)) {
        ctl.invariant(kept.length + told + heard.length === 0, `no error, but ${say}`)
        continue
      }
      ctl.invariant(kept.length + told + heard.length > 0, `an error is lost: ${say}`)
      ctl.invariant(kept.length <= 1 && told <= 1, `an error is told twice: ${say}`)
      for (const result of kept) {
        ctl.invariant(isPrimary(result) === (told === 0), `reported beside a primary failure: ${say}`)
      }
      const releaser = releasers.get(resource)
      if (releaser !== undefined && heard.includes(releaser)) {
        ctl.invariant(kept.length + told === 0, `its dropper heard it, and so did others: ${say}`)
      }
    }
  })
  return Effect.provideService(body(made), DropReporter.DropReporter, (error) => Effect.sync(() => collect(error)))
}

/** The resources whose errors an owner's result carries. */
const errorsIn = (exit: AnyExit): ReadonlyArray<string> =>
  Exit.isSuccess(exit)
    ? []
    : Option.match(DropFailure.fromCause(exit.cause), {
      onNone: () => [],
      onSome: (failure) => failure.errors.map((error) => error.resource)
    })

/** Whether the failure of the drop comes first; an interrupt at the last moment may have been put beside it. */
const isPrimary = (exit: AnyExit): boolean => {
  const first = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
  return first !== undefined && valueOf(first) instanceof DropFailure.DropFailure
}

const valueOf = (reason: Cause.Reason<unknown>): unknown =>
  reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined

const hears = (exit: AnyExit | undefined, error: string): boolean =>
  exit !== undefined && Exit.isFailure(exit) && exit.cause.reasons.some((reason) => valueOf(reason) === error)

/** A drop that is noted. */
export const dropOf = (w: World, guard: Guard): Effect.Effect<void, string> => w.dropping(AsyncDropGuard.drop(guard))

/** Whether a side of a contest ended as it may: with what the release came to, interrupted, or told of its mistake. */
export const expected = (exit: AnyExit): boolean =>
  Exit.isSuccess(exit) || exit.cause.reasons.every((reason) => {
    const value = valueOf(reason)
    return reason._tag === "Interrupt" || value instanceof DropUsageError.DropUsageError ||
      value instanceof DropCycle.DropCycle || (typeof value === "string" && value.startsWith("lost "))
  })

/** A body that ends in one of all ways. */
export const endings = (ctl: Explore.Control): Effect.Effect<void, string> =>
  Effect.suspend(() =>
    [
      Effect.void,
      Effect.fail("body"),
      Effect.die("body"),
      Effect.sync(() => {
        throw "body"
      }),
      Effect.yieldNow
    ][ctl.choose(5)]!
  )

/** Whether each test says what it came to: a wide one does, and with `EXPLORE_SAY=1` any. */
const says = isWide || process.env["EXPLORE_SAY"] === "1"

/** A test. A wide one takes as long as it takes. */
export const explored = (
  name: string,
  options: Explore.TestOptions,
  program: (world: World) => Effect.Effect<unknown, never, Scope.Scope>
) => {
  if (!says) return Explore.effect(name, { schedules: 1_000_000, ...options }, world(program))
  it.live(name, (test) =>
    Effect.gen(function*() {
      const report = yield* Explore.assert(world(program), { schedules: 1_000_000_000, ...options, name })
      const spent = `${report.pruned} pruned, ${(report.millis / 1000).toFixed(1)} s`
      yield* Effect.promise(() => test.annotate(`${Explore.render(report)} (${spent})`))
    }), 3_600_000)
}
