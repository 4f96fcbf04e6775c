// The floor: what the exact outcome costs on Effect's public API with nothing else around it. No clock, no
// observer, no plain finalizers, no check of what a release returns, no error that is ever made. What the
// library's own cases cost more is what these cost. See docs/decisions/09-speed.md.
import { type Cause, Clock, Context, Effect, Exit, Fiber } from "effect"

interface Held {
  readonly before: Held | undefined
  readonly release: () => Effect.Effect<void>
}

class Owner extends Context.Service<Owner, { newest: Held | undefined }>()("bench/floor/Owner") {}

const current = () => Fiber.getCurrent()! // called inside the run loop only

export const acquireRelease = <A>(acquire: Effect.Effect<A>, release: () => Effect.Effect<void>) =>
  Effect.uninterruptibleMask((_restore): Effect.Effect<A, never, Owner> => {
    const owner = Context.get(current().context as Context.Context<Owner>, Owner) // asked for in R
    return Effect.flatMap(acquire, (value) => {
      owner.newest = { before: owner.newest, release }
      return Exit.succeed(value)
    })
  })

export const scoped = <A>(body: Effect.Effect<A, never, Owner>): Effect.Effect<A> =>
  Effect.uninterruptibleMask((restore) => {
    const fiber = current()
    const outer = fiber.context
    const owner: { newest: Held | undefined } = { newest: undefined }
    let exit: Exit.Exit<A> | undefined
    const next = (ended: Exit.Exit<A>): Effect.Effect<A> => {
      const held = owner.newest
      if (held !== undefined) return Effect.matchCauseEffect(held.release(), waits)
      fiber.setContext(outer)
      return ended
    }
    const waits = {
      onSuccess: (result: A | void): Effect.Effect<A> => {
        if (exit === undefined) return next(exit = Exit.succeed(result as A)) // the body's
        owner.newest = owner.newest?.before
        return next(exit)
      },
      onFailure: (cause: Cause.Cause<never>) => Effect.failCause(cause)
    }
    fiber.setContext(Context.add(outer, Owner, owner))
    return Effect.matchCauseEffect(restore(body as Effect.Effect<A>), waits) // its Owner is in the context
  })

/** When the release began, for an error to say how long it took. */
export interface Begun {
  begun: bigint
}

export const acquireUseRelease = <A, B>(
  acquire: Effect.Effect<A>,
  use: (a: A) => Effect.Effect<B>,
  release: () => Effect.Effect<void>,
  clocked?: Begun
): Effect.Effect<B> =>
  Effect.uninterruptibleMask((restore) => {
    let exit: Exit.Exit<B> | undefined
    const waits = {
      onSuccess: (result: B | void): Effect.Effect<B> => {
        if (exit !== undefined) return exit
        exit = Exit.succeed(result as B) // the body's
        if (clocked !== undefined) clocked.begun = current().getRef(Clock.Clock).monotonicTimeNanosUnsafe()
        return Effect.matchCauseEffect(release(), waits)
      },
      onFailure: (cause: Cause.Cause<never>) => Effect.failCause(cause)
    }
    const held = (value: A) => Effect.matchCauseEffect(restore(use(value)), waits)
    return Exit.isExit(acquire) && Exit.isSuccess(acquire) ? held(acquire.value as A) : Effect.flatMap(acquire, held)
  })

/** A handle that is one count and one flag: what a clone and a drop of a shared resource cannot do without. */
export class Counted {
  static held = 0
  private live = true
  static clone = () =>
    Effect.sync(() => {
      Counted.held++
      return new Counted()
    })
  static drop = (counted: Counted) =>
    Effect.sync(() => {
      if (counted.live) Counted.held--
      counted.live = false
    })
}

/** Two effects that do nothing, made once, and what joins them: a step each. */
export const twoSteps = () => Effect.flatMap(nothing, () => nothing)

const nothing = Effect.sync(() => {})

/**
 * So many loops over all releases; nothing is kept, named, observed or reported. With a clock, when each began is
 * known: a failed release says how long it took.
 */
export const releaseAll = (
  releases: ReadonlyArray<Effect.Effect<void>>,
  loops = 1,
  clock?: Clock.Clock
): Effect.Effect<void> =>
  Effect.suspend(() => {
    let next = 0
    const last = { begun: 0n }
    const loop = Effect.whileLoop({
      while: () => next < releases.length,
      // What is over already needs no step.
      body: () => {
        while (next < releases.length && Exit.isExit(releases[next])) next++
        if (clock !== undefined) last.begun = clock.monotonicTimeNanosUnsafe()
        return releases[next++] ?? Effect.void
      },
      step: () => {}
    })
    return loops === 1 ? loop : Effect.forEach(Array.from({ length: loops }), () => loop, together)
  })

const together = { concurrency: "unbounded", discard: true } as const
