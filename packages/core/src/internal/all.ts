// Several acquires, all or nothing: they have a scope of their own, which stays in the outer one on
// success and is closed on a failure or an interrupt.
//
// 1. A failure is seen only after everything acquired so far has been released, newest first.
// 2. The body's failure keeps its channel: what plain finalizers die of in the roll-back goes to the sink.
// 3. The scope of the parts leaves the outer one when the last of them was dropped early.
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { DropError } from "../DropError.ts"
import { leaveWhenEmpty } from "./batch.ts"
import { finalizerErrors } from "./errors.ts"
import { dieOf } from "./owner.ts"
import { now } from "./release.ts"
import { deliver } from "./sink.ts"

export const allOrNothing = (effect: Effect.Effect<any, any, any>): Effect.Effect<any, any, any> =>
  Effect.uninterruptibleMask((restore): Effect.Effect<any, any, any> => {
    const fiber = Fiber.getCurrent()! // called inside the run loop, where there is a current fibre
    // An effect that acquires nothing may run where there is no scope.
    const scope = Context.getOrUndefined(fiber.context as Context.Context<Scope.Scope>, Scope.Scope)
    if (scope === undefined) return restore(effect)
    if (scope.state._tag === "Closed") return Effect.interrupt
    const parts = Scope.forkUnsafe(scope, scope.strategy)
    return Effect.matchCauseEffect(restore(Effect.provideService(effect, Scope.Scope, parts)), {
      onSuccess: (value) => {
        leaveWhenEmpty(parts)
        return Exit.succeed(value)
      },
      onFailure: (cause) => rolledBack(parts, cause)
    })
  })

const rolledBack = <E>(parts: Scope.Closeable, body: Cause.Cause<E>): Effect.Effect<never, E> =>
  Effect.withFiber((fiber) => {
    const start = now(fiber)
    return Effect.matchCauseEffect(Scope.close(parts, Exit.failCause(body)), {
      onSuccess: () => Exit.failCause(body),
      onFailure: (died) => {
        const deaths: Array<DropError<unknown>> = []
        for (const error of finalizerErrors(died, { base: start, start, end: now(fiber) })) {
          deliver(fiber.context, error, deaths)
        }
        const death = dieOf(deaths, Exit.failCause(body), 0)
        return Exit.failCause(death._tag === "Success" ? body : Cause.combine(body, death.cause))
      }
    })
  })
