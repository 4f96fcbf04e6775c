// The signal that ended the program, in the interrupt that it became.
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Option from "effect/Option"

const Signal = Context.Service<NodeJS.Signals>("@async-drop/platform-node/NodeDrop/signal")

export const annotation = (signal: NodeJS.Signals): Context.Context<never> =>
  // An annotation is in no type of a cause.
  Context.make(Signal, signal) as Context.Context<never>

export const signalOf = (cause: Cause.Cause<unknown>): Option.Option<NodeJS.Signals> =>
  Context.getOption(Cause.annotations(cause), Signal)
