// The floor of a store: what its guarantees cost on Effect's public API with nothing else around them. A load in a
// fibre of its own with a scope of its own, a body that can be interrupted, a release after it that cannot. No
// second borrower, no error, no key that is dropping, no list of who holds it. What the library's own cases cost
// more is what these cost.
import { type Cause, Context, Effect, Exit, Fiber, Scope } from "effect"

export class FloorStore<A> {
  private readonly values = new Map<number, A>()
  private readonly lookup: (key: number) => Effect.Effect<A, never, Scope.Scope>

  constructor(lookup: (key: number) => Effect.Effect<A, never, Scope.Scope>) {
    this.lookup = lookup
  }

  /** Of a key that is absent, whose load ends at once. */
  use<B>(key: number, f: (value: A) => Effect.Effect<B>): Effect.Effect<B> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const scope = Scope.makeUnsafe()
        const load = Effect.suspend(() => this.lookup(key))
        const loaded = Effect.runForkWith(Context.make(Scope.Scope, scope))(load).pollUnsafe()
        if (loaded === undefined || loaded._tag === "Failure") return Effect.die("a load that ends at once was meant")
        this.values.set(key, loaded.value)
        const ended = (exit: Exit.Exit<B>): Effect.Effect<B> => {
          const release = Scope.closeUnsafe(scope, exit) ?? Exit.void
          const freed = (_: unknown) => {
            this.values.delete(key)
            return exit
          }
          return Effect.matchCauseEffect(release, { onSuccess: freed, onFailure: freed })
        }
        return Effect.matchCauseEffect(restore(Effect.suspend(() => f(loaded.value))), {
          onSuccess: (value) => ended(Exit.succeed(value)),
          onFailure: (cause: Cause.Cause<never>) => ended(Exit.failCause(cause))
        })
      })
    )
  }
}

/** A value that is there: who has it is counted, and nothing else. */
export class FloorHit<A> {
  private readonly value: A
  private holders = 1

  constructor(value: A) {
    this.value = value
  }

  /** The least that gives back what a body had, however that ends, with the body's own exit. */
  use<B>(f: (value: A) => Effect.Effect<B>): Effect.Effect<B> {
    return Effect.uninterruptibleMask((restore) => {
      const lent = Effect.suspend(() => {
        this.holders++
        return f(this.value)
      })
      return Effect.matchCauseEffect(restore(lent), {
        onSuccess: (value) => this.left(Exit.succeed(value)),
        onFailure: (cause: Cause.Cause<never>) => this.left(Exit.failCause(cause))
      })
    })
  }

  /** The least that gives it back as the current scope closes. */
  readonly get: Effect.Effect<A, never, Scope.Scope> = Effect.uninterruptibleMask((_restore) => {
    const fiber = Fiber.getCurrent()! // called inside the run loop only
    const scope = Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope) // asked for in R
    if (scope.state._tag === "Closed") return Effect.interrupt
    this.holders++
    return Effect.as(Scope.addFinalizer(scope, this.giveBack), this.value)
  })

  private readonly giveBack = Effect.suspend(() => this.left(Exit.void))

  private left<B>(exit: Exit.Exit<B>): Exit.Exit<B> {
    this.holders--
    return exit
  }
}

/** Those who wait for one value, each in a scope of his own that gives it back; all are answered in one step. */
export class FloorCrowd {
  private readonly waiting: Array<(answer: Effect.Effect<void>) => void> = []
  private holders = 0
  private readonly wait = Effect.callback<void>((resume) => void this.waiting.push(resume))

  readonly get: Effect.Effect<void, never, Scope.Scope> = Effect.uninterruptibleMask((restore) =>
    Effect.matchCauseEffect(restore(this.wait), this)
  )

  private readonly giveBack = Effect.suspend(() => {
    this.holders--
    return Exit.void
  })

  readonly onSuccess = (_: void): Effect.Effect<void, never, Scope.Scope> => {
    this.holders++
    const fiber = Fiber.getCurrent()! // called inside the run loop only
    // asked for in R
    return Scope.addFinalizer(Context.get(fiber.context as Context.Context<Scope.Scope>, Scope.Scope), this.giveBack)
  }

  readonly onFailure = (cause: Cause.Cause<never>): Effect.Effect<void> => Exit.failCause(cause)

  /** As the load ends. */
  answer(): void {
    for (const resume of this.waiting.splice(0)) resume(Exit.void)
  }
}
