// The scope of one request.
//
// 1. It is closed by the scope that Effect gives a request, so after the body was sent, with the request's exit.
// 2. That close never fails and ends within the limit; what is still being released then is abandoned and named.
// 3. Each drop error is told once, when it happens, by the request's own loggers and tracer; telling is not waited for.
// 4. A request that acquires nothing starts no fibre.
//
// An owner of core that has a budget would give each release a limit, and go on with those behind one that
// hangs: here one limit is for all of them together.
import type { DropError } from "@async-drop/core/DropError"
import * as DropFailure from "@async-drop/core/DropFailure"
import { DropObserver, type Observer } from "@async-drop/core/DropObserver"
import * as DropScope from "@async-drop/core/DropScope"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

export interface Settings {
  /** In milliseconds. */
  readonly releaseTimeout: number
  readonly tell: (error: DropError<unknown>) => Effect.Effect<void>
}

/** Runs an app with a scope of its own, and with a place for what releases in there fail with. */
export const inRequestScope = <A, E, R>(
  app: Effect.Effect<A, E, R>,
  { releaseTimeout, tell }: Settings
): Effect.Effect<A, E, Exclude<R, DropScope.DropScope<any>> | Scope.Scope> =>
  // any: whatever its errors are
  Effect.contextWith((context: Context.Context<Scope.Scope>) => {
    const scope = Scope.makeUnsafe()
    const releasing = new Releasing(Context.get(context, DropObserver))
    return Effect.andThen(
      Scope.addFinalizerExit(Context.get(context, Scope.Scope), (exit) =>
        close(scope, exit, releaseTimeout, releasing, tell)),
      Effect.flatMap(
        Layer.buildWithScope(DropScope.layerReport(tell), scope),
        (place) =>
          Effect.provideContext(
            app,
            // What is left to be provided is what the signature says.
            Context.add(Context.add(place, Scope.Scope, scope), DropObserver, releasing.observer) as Context.Context<
              any
            >
          )
      )
    )
  })

const close = (
  scope: Scope.Closeable,
  exit: Exit.Exit<unknown, unknown>,
  limit: number,
  releasing: Releasing,
  tell: (error: DropError<unknown>) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const closing = Scope.closeUnsafe(scope, exit)
    return closing === undefined ? Effect.void : within(closing, limit, releasing, tell)
  })

const within = Effect.fnUntraced(function*(
  closing: Effect.Effect<void>,
  limit: number,
  releasing: Releasing,
  tell: (error: DropError<unknown>) => Effect.Effect<void>
) {
  const begun = yield* Clock.monotonicTimeNanos
  const tellOf = (resource: string, phase: DropError<unknown>["phase"], cause: Cause.Cause<unknown>) =>
    Effect.flatMap(
      Clock.monotonicTimeNanos,
      (end) => tell({ resource, phase, cause, startedAt: 0, duration: Duration.nanos(end - begun) })
    )
  // What plain finalizers die of: the place for drop errors has the others already.
  const closed = Effect.catchCause(closing, (cause) => {
    const failure = DropFailure.fromCause(cause)
    return Option.isSome(failure)
      ? Effect.forEach(failure.value.errors, tell, { discard: true })
      : tellOf("a plain finalizer", "graceful", cause)
  })
  const fiber = yield* Effect.forkDetach(Effect.uninterruptible(closed), { startImmediately: true })
  if (fiber.pollUnsafe() !== undefined) return
  const ended = yield* Effect.raceFirst(
    Effect.as(Fiber.await(fiber), true),
    Effect.as(Effect.sleep(limit), false)
  )
  if (ended) return
  const late = Cause.fail(new Cause.TimeoutError(`it did not end within ${Duration.format(Duration.millis(limit))}`))
  for (const resource of releasing.names()) {
    yield* Effect.forkDetach(tellOf(resource, "abandoned", late), { startImmediately: true })
  }
})

/** The releases that have begun and not ended. */
class Releasing {
  private readonly resources = new Map<number, string>()
  readonly observer: Observer

  constructor(outer: Observer | undefined) {
    const observer: Observer = (event) => {
      if (event._tag === "Dropping") this.resources.set(event.id, event.resource)
      if (event._tag === "Dropped") this.resources.delete(event.id)
      outer?.(event)
    }
    this.observer = outer?.stacks === undefined ? observer : Object.assign(observer, { stacks: outer.stacks })
  }

  names(): ReadonlyArray<string> {
    return this.resources.size === 0 ? ["a plain finalizer"] : [...this.resources.values()]
  }
}
