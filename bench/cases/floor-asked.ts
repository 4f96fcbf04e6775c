// The floor of what is asked for: as the floor, with the least of what no owner can do without that keeps the
// promises of this one. A `Scope` that others can put finalizers in; nodes that can leave early, be named, and run
// with the services of their acquire; the clock, since an error says when its release began and how long it took.
// No observer, no limits, no handles, no order among plain finalizers, no error that is ever made.
import { type Cause, Clock, Context, Effect, Exit, Fiber, Scope } from "effect"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
type Release = () => Effect.Effect<void>

let ids = 0

class Held {
  prev: Held | undefined = undefined
  next: Held | undefined = undefined
  owner: Asked | undefined = undefined
  readonly id = ++ids
  readonly value: unknown
  readonly release: Release
  readonly context: Context.Context<never>
  readonly name: string | undefined = undefined

  constructor(value: unknown, release: Release, context: Context.Context<never>) {
    this.value = value
    this.release = release
    this.context = context
  }
}

class Sink extends Context.Service<Sink, Asked>()("bench/floor-asked/Sink") {}

const current = () => Fiber.getCurrent()! // called inside the run loop only

class Asked {
  tail: Held | undefined = undefined
  readonly scope = Scope.makeUnsafe()
  private readonly fiber = current()
  private readonly clock = this.fiber.getRef(Clock.Clock)
  readonly startedAt = this.clock.monotonicTimeNanosUnsafe()
  private readonly outer = this.fiber.context
  private exit: Exit.Exit<any> | undefined = undefined // any: of the type that the body says
  begun = 0n

  run<A, R>(body: Effect.Effect<A, never, R>, restore: Restore): Effect.Effect<A> {
    const inside = Effect.suspend(() => {
      this.fiber.setContext(Context.add(Context.add(this.outer, Sink, this), Scope.Scope, this.scope))
      return body as Effect.Effect<A> // what it asks for is in the context
    })
    return Effect.matchCauseEffect(restore(inside), this)
  }
  link(held: Held): void {
    held.owner = this
    held.prev = this.tail
    if (this.tail === undefined) {
      this.scope.state = { _tag: "Open", finalizerKey: this, finalizer: () => Effect.void, finalizers: undefined }
    } else this.tail.next = held
    this.tail = held
  }
  private unlink(held: Held): void {
    if (held.next === undefined) this.tail = held.prev
    else held.next.prev = held.prev
    if (held.prev !== undefined) held.prev.next = held.next
    held.prev = held.next = held.owner = undefined
  }
  readonly onSuccess = (value: unknown): Effect.Effect<any> => {
    if (this.exit === undefined) {
      this.exit = Exit.succeed(value)
      this.scope.state = { _tag: "Closed", exit: this.exit }
    }
    return this.tail === undefined ? this.over() : Effect.matchCauseEffect(this.releases, this)
  }
  readonly onFailure = (cause: Cause.Cause<never>): Effect.Effect<any> => Effect.failCause(cause)

  private over(): Effect.Effect<any> {
    this.fiber.setContext(this.outer)
    return this.exit! // the body has ended
  }
  private readonly releases = Effect.whileLoop({
    while: () => this.tail !== undefined,
    body: () => {
      const held = this.tail!
      if (this.fiber.context !== held.context) this.fiber.setContext(held.context)
      this.begun = this.clock.monotonicTimeNanosUnsafe()
      try {
        return held.release()
      } catch (thrown) {
        return Effect.die(thrown)
      }
    },
    step: () => this.unlink(this.tail!)
  })
}

export const acquireRelease = <A>(acquire: Effect.Effect<A>, release: Release) =>
  Effect.uninterruptibleMask((_restore): Effect.Effect<A, never, Sink | Scope.Scope> => {
    const context = current().context
    // asked for in R
    const scope = Context.get(context as Context.Context<Scope.Scope>, Scope.Scope)
    const asked = Context.get(context as Context.Context<Sink>, Sink)
    if (scope.state._tag === "Closed") return Effect.interrupt
    return Effect.flatMap(acquire, (value) => {
      asked.link(new Held(value, release, context))
      return Exit.succeed(value)
    })
  })

export const scoped = <A>(body: Effect.Effect<A, never, Sink | Scope.Scope>): Effect.Effect<A> =>
  Effect.uninterruptibleMask((restore) => new Asked().run(body, restore))
