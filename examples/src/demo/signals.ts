import { Deferred, Effect, Exit } from "effect"

/**
 * The first signal that asks the process to end. Package managers send a signal on that the terminal has
 * sent already, so later ones change nothing while the scope is open.
 */
export const firstSignal = Effect.gen(function*() {
  const first = yield* Deferred.make<NodeJS.Signals>()
  const listener = (signal: NodeJS.Signals) => Deferred.doneUnsafe(first, Exit.succeed(signal))
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGINT", listener).on("SIGTERM", listener)),
    () => Effect.sync(() => process.off("SIGINT", listener).off("SIGTERM", listener))
  )
  return first
})
