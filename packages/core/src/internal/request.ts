// A drop that someone asked for: a body that gets what is there, in a fibre of its own, when its turn has come.
//
// 1. It has its turn once, and ends once; whoever asked may be gone by then.
// 2. Whoever waits for it is known of, and waits no more before anything goes on.
// 3. An answer that nobody hears is reported.
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { fromCause } from "../DropFailure.ts"
import { DropReporter } from "../DropReporter.ts"
import { beginWait, endWait, findCycle } from "./cycle.ts"
import type { Restore } from "./ending.ts"
import { inline } from "./inline.ts"
import type { Instance } from "./instance.ts"
import { warnOfHolders } from "./keyed-waits.ts"
import type { AnyFiber, Awaited } from "./lifetime.ts"
import { isPrimary } from "./outcome.ts"
import { report } from "./sink.ts"

/** What is asked to be dropped. */
interface Asked extends Awaited {
  readonly instance: Instance | undefined
}

export class Request {
  fiber: AnyFiber | undefined = undefined
  /** What it came to. */
  exit: Exit.Exit<unknown, unknown> | undefined = undefined
  private readonly of: Asked
  private readonly done = Deferred.makeUnsafe<unknown, unknown>()
  private turn: ((instance: Instance | undefined) => void) | undefined = undefined
  private ready: { readonly instance: Instance | undefined } | undefined = undefined
  private readonly waiting = new Set<AnyFiber>()
  /** Where it was asked for by one who was interrupted. */
  private unheardIn: Context.Context<never> | undefined = undefined

  constructor(of: Asked) {
    this.of = of
  }

  /** Waits for its turn and runs `body` as `asker` would; `ended` is called before anyone hears what it came to. */
  run(
    body: (instance: Instance | undefined) => Effect.Effect<unknown, unknown>,
    asker: AnyFiber,
    ended: () => void
  ): void {
    const turn = Effect.callback<Instance | undefined>((resume) => {
      if (this.ready !== undefined) return resume(Effect.succeed(this.ready.instance))
      this.turn = (instance) => resume(Effect.succeed(instance))
    })
    const running = Effect.withFiber((fiber) => {
      this.fiber = fiber
      return Effect.flatMap(turn, body)
    })
    const services = asker.context
    const over = (exit: Exit.Exit<unknown, unknown>): void => {
      this.waiting.forEach(endWait)
      ended()
      this.exit = exit
      if (this.unheardIn !== undefined) this.leaveUnheard(this.unheardIn)
      inline(asker, () => Deferred.doneUnsafe(this.done, exit))
    }
    inline(asker, () => Effect.runForkWith(services)(running).addObserver(over))
  }

  /** Its turn has come. */
  answer(instance: Instance | undefined): void {
    this.ready = { instance }
    this.turn?.(instance)
  }

  /** Waits for what it comes to; it must not wait for `fiber`. */
  answered(fiber: AnyFiber, restore: Restore): Effect.Effect<unknown, unknown> {
    if (this.exit !== undefined) return this.exit
    const { instance } = this.of
    this.waiting.add(fiber)
    beginWait(fiber, this.of)
    const warning = instance === undefined ? Effect.void : warnOfHolders(fiber, instance, "requestImmediateDrop")
    return Effect.onExit(Effect.andThen(warning, restore(Deferred.await(this.done))), () =>
      Effect.sync(() => {
        this.waiting.delete(fiber)
        endWait(fiber)
      }))
  }

  /** Waits for its end, as one who has not asked for it. */
  readonly untilAnswered: Effect.Effect<void> = Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      if (this.exit !== undefined) return Effect.void
      const cycle = findCycle(fiber, this.of)
      if (cycle !== undefined) return Effect.die(cycle)
      return Effect.asVoid(Effect.exit(this.answered(fiber, restore)))
    })
  )

  /** Who asked for it goes without its answer: errors that were to be in that are reported. */
  leaveUnheard(context: Context.Context<never>): void {
    this.unheardIn = context
    const { exit } = this
    const failure = exit?._tag === "Failure" ? fromCause(exit.cause) : undefined
    if (failure?._tag !== "Some" || !isPrimary(failure.value.exit)) return // or they have been reported already
    const reporter = Context.get(context, DropReporter)
    for (const error of failure.value.errors) report(context, reporter, error)
  }
}
