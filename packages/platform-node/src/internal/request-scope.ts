// The scope of one request.
//
// 1. It is closed by the scope that Effect gives a request, so after the body was sent, with the request's exit.
// 2. That close never fails and ends within the limit; what is still being released then is given up on and named.
// 3. Each drop error is told once, by the request's own loggers and tracer; telling is not waited for.
// 4. A request whose releases are over at once starts no fibre.
import type { DropError } from "@async-drop/core/DropError"
import { DropObserver } from "@async-drop/core/DropObserver"
import * as DropScope from "@async-drop/core/DropScope"
import * as DropStack from "@async-drop/core/DropStack"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"

export interface Settings {
  /** In milliseconds. */
  readonly releaseTimeout: number
  /** What it is called: asked where someone watches. */
  readonly name: () => string
  readonly tell: (error: DropError<unknown>) => Effect.Effect<void>
}

/** Runs an app with a scope of its own, and with a place for what releases in there fail with. */
export const inRequestScope = <A, E, R>(
  app: Effect.Effect<A, E, R>,
  { name, releaseTimeout, tell }: Settings
): Effect.Effect<A, E, Exclude<R, DropScope.DropScope<any>> | Scope.Scope> =>
  // any: whatever its errors are
  Effect.flatMap(
    DropObserver,
    (observer) => DropStack.make({ budget: releaseTimeout, name: observer === undefined ? "request" : name() })
  ).pipe(
    Effect.flatMap((stack) => Effect.provideService(app, Scope.Scope, stack.scope)),
    DropScope.provideReport(tell)
  )
