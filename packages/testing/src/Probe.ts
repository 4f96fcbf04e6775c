/**
 * Fake resources that count, and say what was done wrong with them.
 *
 * @since 0.1.0
 */
import { AsyncDrop } from "@async-drop/core"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { DropAssertionError } from "./DropAssertionError.ts"
import { type Act as AnyAct, perform } from "./internal/probe/act.ts"
import * as steps from "./internal/steps.ts"

/**
 * What an acquire or a release does; `E` is what it can fail with.
 *
 * @see {@link succeed}, {@link fail}, {@link die}, {@link throws}, {@link hang}, {@link sleep} and {@link wait}
 * @category models
 * @since 0.1.0
 */
export type Act<E = never> = AnyAct<E>

/**
 * One step in the life of a fake resource.
 *
 * @category models
 * @since 0.1.0
 */
export type Step = steps.Step

/**
 * A resource that was acquired from a probe.
 *
 * **Details**
 *
 * It is async-droppable, so that `AsyncDrop.acquire`, `use` and
 * `AsyncDropGuard.fromAsyncDrop` take it as it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Held<out DE = never> extends AsyncDrop.AsyncDrop<DE> {
  readonly resource: string
  readonly key: unknown
  readonly id: number
  /** A use that is over at once. */
  readonly use: Effect.Effect<void>
  /** A use that lasts as long as `effect`. */
  readonly using: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * Where fake resources of one name come from: what to give to `acquireRelease`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source<out E = never, out DE = never> {
  readonly acquire: Effect.Effect<Held<DE>, E>
  readonly release: (held: Held<unknown>, exit?: Exit.Exit<unknown, unknown>) => Effect.Effect<void, DE>
}

/**
 * The options of a source.
 *
 * @category options
 * @since 0.1.0
 */
export interface SourceOptions<E, DE> {
  /** What limits by key count. Default: the name. */
  readonly key?: unknown
  /** Of several, the probe's `choose` takes one each time. Default `succeed`. */
  readonly acquire?: Act<E> | readonly [Act<E>, ...Array<Act<E>>] | undefined
  /** Of several, the probe's `choose` takes one each time. Default `succeed`. */
  readonly release?: Act<DE> | readonly [Act<DE>, ...Array<Act<DE>>] | undefined
}

/**
 * What must hold at all times, and who chooses.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Takes one of `n` ways, as `ctl.choose` of the explorer does. Default: always the first. */
  readonly choose?: ((n: number) => number) | undefined
  /** How many may be live at once, from the begin of an acquire to the end of its release. Default: any number. */
  readonly liveAtMost?: number | undefined
  /** As `liveAtMost`, counted for each key. Default: any number. */
  readonly livePerKey?: number | undefined
  /** The order of the releases: last in, first out, or by name. Default: any. */
  readonly order?: "lifo" | ReadonlyArray<string> | undefined
}

/**
 * Counts and logs what happens to its fake resources.
 *
 * @category models
 * @since 0.1.0
 */
export interface Probe {
  /** Makes a source of fake resources. */
  readonly source: <E = never, DE = never>(name: string, options?: SourceOptions<E, DE>) => Source<E, DE>
  /** All that happened, in order. */
  readonly steps: ReadonlyArray<Step>
  /** How many are live: being acquired, held, or being released. */
  readonly live: number
  /** Throws a `DropAssertionError` if something that must hold at all times does not. */
  readonly check: () => void
  /** As `check`, and nothing may be left. */
  readonly checkEnd: () => void
}

/**
 * Makes a probe.
 *
 * **When to use**
 *
 * In tests of code that acquires and releases, with or without resources of
 * this library: a probe's source fits `Effect.acquireRelease`, a lookup of
 * `RcMap`, a `Layer`.
 *
 * **Details**
 *
 * At all times: one release for one acquire, no use once a release has begun,
 * and what the options ask for. `check` may be called after each step of an
 * exploration: it looks again only when something has happened.
 *
 * **Example** (A pool that closes what it still lends)
 *
 * ```ts
 * import { Probe } from "@async-drop/testing"
 * import { Effect } from "effect"
 *
 * const probe = Probe.make({ liveAtMost: 1 })
 * const connection = probe.source("connection")
 * const program = Effect.gen(function*() {
 *   const held = yield* Effect.scoped(Effect.acquireRelease(connection.acquire, connection.release))
 *   yield* held.use
 * })
 * Effect.runSync(program)
 * const broken = Effect.runSync(Effect.flip(Effect.try({ try: probe.check, catch: (error) => error as Error })))
 * broken.message.split("\n")[0] // => "connection was used after its release had ended"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: Options): Probe => new ProbeImpl(options ?? {})

/**
 * Succeeds at once.
 *
 * @category acts
 * @since 0.1.0
 */
export const succeed: Act = { _tag: "Succeed" }

/**
 * Fails with a typed error.
 *
 * @category acts
 * @since 0.1.0
 */
export const fail = <E>(error: E): Act<E> => ({ _tag: "Fail", error })

/**
 * Dies of a defect.
 *
 * @category acts
 * @since 0.1.0
 */
export const die = (defect: unknown): Act => ({ _tag: "Die", defect })

/**
 * Throws: a release before it has returned its effect, an acquire when it runs.
 *
 * @category acts
 * @since 0.1.0
 */
export const throws = (thrown: unknown): Act => ({ _tag: "Throw", thrown })

/**
 * Never ends, unless it is interrupted.
 *
 * @category acts
 * @since 0.1.0
 */
export const hang: Act = { _tag: "Hang" }

/**
 * Waits on the clock, the test's own where there is one, then does `next`.
 *
 * @category acts
 * @since 0.1.0
 */
export const sleep = <E = never>(duration: Duration.Input, next: Act<E> = succeed): Act<E> => ({
  _tag: "Sleep",
  duration,
  next
})

/**
 * Waits for `effect`, say a latch's `await`, then does `next`.
 *
 * **Example** (A release that ends when the test says so)
 *
 * ```ts
 * import { Probe } from "@async-drop/testing"
 * import { Effect, Fiber, Latch } from "effect"
 *
 * const probe = Probe.make()
 * const latch = Latch.makeUnsafe()
 * const file = probe.source("file", { release: Probe.wait(latch.await) })
 * const program = Effect.gen(function*() {
 *   const fiber = yield* Effect.forkChild(
 *     Effect.scoped(Effect.acquireRelease(file.acquire, file.release)),
 *     { startImmediately: true }
 *   )
 *   const whileWaiting = probe.live
 *   yield* latch.open
 *   yield* Fiber.join(fiber)
 *   return [whileWaiting, probe.live]
 * })
 * await Effect.runPromise(program) // => [1, 0]
 * ```
 *
 * @category acts
 * @since 0.1.0
 */
export const wait = <E = never>(effect: Effect.Effect<unknown>, next: Act<E> = succeed): Act<E> => ({
  _tag: "Wait",
  effect,
  next
})

class ProbeImpl implements Probe {
  readonly steps: Array<Step> = []
  readonly options: Options
  private readonly alive = new Set<number>()
  private ids = 0
  private checked = 0
  private broken: string | undefined = undefined

  constructor(options: Options) {
    this.options = options
  }

  get live(): number {
    return this.alive.size
  }

  readonly source = <E = never, DE = never>(resource: string, options?: SourceOptions<E, DE>): Source<E, DE> => {
    const key = options?.key ?? resource
    const release: Source<E, DE>["release"] = (held, given) => {
      const life = { id: held.id, resource, key }
      const act = this.chosen(options?.release)
      const begun = () => this.add({ _tag: "Dropping", ...life, given })
      const ended = (exit: Exit.Exit<unknown, unknown>) => this.add({ _tag: "Dropped", ...life, exit })
      if (act._tag === "Throw") {
        begun()
        ended(Exit.die(act.thrown))
        throw act.thrown
      }
      return Effect.suspend(() => {
        begun()
        return Effect.onExitPrimitive(perform(act), (exit) => void ended(exit))
      })
    }
    const acquire = Effect.suspend(() => {
      const life = { id: ++this.ids, resource, key }
      const act = this.chosen(options?.acquire)
      this.add({ _tag: "Acquiring", ...life })
      // Noted in the step that ends it: what is explored has no steps of the probe's own.
      return Effect.onExitPrimitive(
        Effect.as(perform(act), this.held(life, release)),
        (exit) => void this.add({ _tag: exit._tag === "Success" ? "Acquired" : "NotAcquired", ...life, exit })
      )
    })
    return { acquire, release }
  }

  readonly check = (): void => {
    if (this.checked !== this.steps.length) {
      this.checked = this.steps.length
      this.broken ??= this.find()
    }
    if (this.broken !== undefined) throw new DropAssertionError({ fact: this.broken, steps: this.steps })
  }

  readonly checkEnd = (): void => {
    this.check()
    const left = steps.leftBehind(this.steps)
    if (left !== undefined) throw new DropAssertionError({ fact: left, steps: this.steps })
  }

  private add(step: Step): void {
    this.steps.push(step)
    if (step._tag === "Acquiring") this.alive.add(step.id)
    if (step._tag === "NotAcquired" || step._tag === "Dropped") this.alive.delete(step.id)
  }

  private held<DE>(life: Pick<Step, "id" | "resource" | "key">, release: Source<unknown, DE>["release"]): Held<DE> {
    const step = (_tag: "Using" | "Used") => Effect.sync(() => this.add({ _tag, ...life }))
    const held: Held<DE> = {
      resource: life.resource,
      key: life.key,
      id: life.id,
      use: Effect.suspend(() => held.using(Effect.void)),
      using: (effect) => Effect.acquireUseRelease(step("Using"), () => effect, () => step("Used")),
      [AsyncDrop.asyncDrop]: (exit) => release(held, exit)
    }
    return held
  }

  private chosen<E>(acts: Act<E> | ReadonlyArray<Act<E>> = succeed): Act<E> {
    if ("_tag" in acts) return acts
    const n = acts.length === 1 ? 0 : this.options.choose?.(acts.length) ?? 0
    const act = acts[n]
    if (act === undefined) {
      throw new RangeError(`choose(${acts.length}) gave ${n}: it has to be one of 0 to ${acts.length - 1}`)
    }
    return act
  }

  private find(): string | undefined {
    const { liveAtMost, livePerKey, order } = this.options
    return steps.releasedWrongly(this.steps) ??
      steps.usedAfterRelease(this.steps) ??
      (liveAtMost === undefined ? undefined : steps.tooManyLive(this.steps, liveAtMost)) ??
      (livePerKey === undefined ? undefined : steps.tooManyLive(this.steps, livePerKey, (step) => step.key)) ??
      (order === "lifo" ? steps.notLastInFirstOut(this.steps) : undefined) ??
      (order === undefined || order === "lifo" ? undefined : steps.outOfOrder(this.steps, order, false))
  }
}
