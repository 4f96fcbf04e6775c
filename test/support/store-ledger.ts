// What must hold of the instances of a store, and where each release error has to go. Errors are told apart by
// their value: a resource that is dropped in hand has the name of its key.
import { DropFailure, DropReporter, DropScope } from "@async-drop/core"
import { type Explore, Probe } from "@async-drop/testing"
import { Cause, Effect, Exit, Fiber, Layer, Option } from "effect"

type AnyExit = Exit.Exit<unknown, unknown>

/** A release error of the resource of that name. */
export const lost = (name: string) => `lost ${name}`

/** Made once, it reports to the run that is under way: building a layer costs as much as a schedule. */
let collecting: (cause: Cause.Cause<unknown>) => void = () => {}
const report = ({ cause }: { readonly cause: Cause.Cause<unknown> }) => Effect.sync(() => collecting(cause))
const sink = Effect.runSync(Effect.scoped(Layer.build(DropScope.layerReport(report))))

export interface Ledger {
  readonly probe: Probe.Probe
  /** A release that is noted: who runs it has to hear of its error. */
  readonly noting: <E, DE>(source: Probe.Source<E, DE>) => Probe.Source<E, DE>["release"]
  /** Resources that are in no store. */
  readonly outside: Set<string>
  /** A fibre whose result is looked at; those that close the store all hear the same. */
  readonly watched: (fiber: Fiber.Fiber<unknown, unknown>, closes: () => boolean) => void
  /** A drop by hand: it hears the error itself. */
  readonly hearing: <E, R>(drop: Effect.Effect<void, E, R>) => Effect.Effect<void, E, R>
  /** A use of two steps: in neither may the release have begun. */
  readonly touch: (held: Probe.Held<unknown>) => Effect.Effect<void>
}

export type Side = Effect.Effect<unknown, unknown, DropScope.DropScope<any>> // any: of every error type

/** What is done with it reports to it. */
export const reporting = <A, E>(effect: Effect.Effect<A, E, DropScope.DropScope<any>>): Effect.Effect<A, E> =>
  // any: as above
  Effect.provideService(Effect.provideContext(effect, sink), DropReporter.DropReporter, report)

export const ledger = (ctl: Explore.Control, capacity = Infinity): Ledger => {
  const probe = Probe.make({ choose: ctl.choose })
  const outside = new Set<string>()
  const told: Array<string> = []
  const heard: Array<string> = []
  const releasers = new Map<string, Fiber.Fiber<unknown, unknown>>()
  const fibers = new Map<Fiber.Fiber<unknown, unknown>, () => boolean>()
  const live = new Map<number, { readonly key: unknown; readonly resource: string }>()
  let looked = 0
  collecting = (cause) => void told.push(...lostIn(cause))

  ctl.always("the probe", probe.check)
  ctl.always("one live instance of each key, and no more than there is room for", () => {
    const { steps } = probe
    if (looked === steps.length) return true
    for (; looked < steps.length; looked++) {
      const { _tag, id, key, resource } = steps[looked]!
      if (_tag === "Acquiring") live.set(id, { key, resource })
      if (_tag === "NotAcquired" || _tag === "Dropped") live.delete(id)
    }
    const inside = [...live.values()].filter(({ resource }) => !outside.has(resource))
    return inside.length <= capacity && new Set(inside.map(({ key }) => key)).size === inside.length
  })
  ctl.atEnd("nothing is left", probe.checkEnd)
  ctl.atEnd("each release error is delivered once", () => {
    for (const { _tag, exit, resource } of probe.steps) {
      if (_tag !== "Dropped") continue
      const error = lost(resource)
      const failed = exit !== undefined && Exit.isFailure(exit)
      const has = (fiber: Fiber.Fiber<unknown, unknown> | undefined) => {
        const exit = fiber?.pollUnsafe()
        return exit !== undefined && Exit.isFailure(exit) && lostIn(exit.cause).includes(error)
      }
      const kept = [...fibers.keys()].filter(has)
      const closers = kept.filter((fiber) => fibers.get(fiber)!())
      const reports = told.filter((each) => each === error).length
      const drops = heard.filter((each) => each === error).length + Math.min(closers.length, 1)
      const results = kept.length - closers.length
      const say = `${resource}: ${results} results, ${reports} reports, ${drops} droppers`
      if (!failed) {
        ctl.invariant(results + reports + drops === 0, `no error, but ${say}`)
        continue
      }
      ctl.invariant(results + reports + drops > 0, `an error is lost: ${say}`)
      ctl.invariant(results <= 1 && reports <= 1 && drops <= 1, `an error is told twice: ${say}`)
      for (const fiber of kept) {
        if (closers.includes(fiber)) continue
        const alone = isPrimary(fiber.pollUnsafe()!)
        ctl.invariant(alone === (reports === 0), `reported beside a primary failure: ${say}`)
      }
      const releaser = releasers.get(resource)
      const ended = releaser !== undefined && fibers.has(releaser) ? releaser.pollUnsafe() : undefined
      const free = ended === undefined || Exit.isSuccess(ended) || Cause.hasInterrupts(ended.cause)
      ctl.invariant(
        !has(releaser) || !closers.includes(releaser!) || reports === 0,
        `its dropper heard it, and so did others: ${say}`
      )
      ctl.invariant(free || has(releaser) || reports === 1, `who released it did not hear: ${say}`)
    }
  })

  return {
    probe,
    outside,
    noting: (source) => (held, exit) => {
      releasers.set(held.resource, Fiber.getCurrent()!)
      return source.release(held, exit)
    },
    watched: (fiber, closes) => void fibers.set(fiber, closes),
    hearing: (drop) => Effect.onError(drop, (cause) => Effect.sync(() => void heard.push(...lostIn(cause)))),
    touch: (held) => {
      const touch = Effect.sync(() => {
        const begun = probe.steps.some((step) => step._tag === "Dropping" && step.id === held.id)
        ctl.invariant(!begun, `${held.resource} is used after its release began`)
      })
      return Effect.andThen(touch, touch)
    }
  }
}

/** The release errors that a cause carries. */
const lostIn = (cause: Cause.Cause<unknown>): ReadonlyArray<string> => {
  const failure = DropFailure.fromCause(cause)
  const causes = Option.isSome(failure) ? failure.value.errors.map((error) => error.cause) : [cause]
  return causes.flatMap(({ reasons }) =>
    reasons.map(valueOf).filter((value): value is string => typeof value === "string" && value.startsWith("lost "))
  )
}

/** Whether the failure of the drop comes first; an interrupt at the last moment may have been put beside it. */
const isPrimary = (exit: AnyExit): boolean => {
  const first = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
  if (first === undefined) return false
  const value = valueOf(first)
  return value instanceof DropFailure.DropFailure || (typeof value === "string" && value.startsWith("lost "))
}

export const valueOf = (reason: Cause.Reason<unknown>): unknown =>
  reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
