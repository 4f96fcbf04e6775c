// A step of the run loop that is its own state: an effect without a closure around what it is about.
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type { AnyFiber } from "./lifetime.ts"

const Evaluated = function() {} as unknown as new() => Effect.Effect<any, any, any> // what its prototype makes it
Evaluated.prototype = /* @__PURE__ */ Effectable.Prototype<Step>({
  label: "async-drop",
  evaluate(fiber) {
    return this.begin(fiber)
  }
})

// any: of the types that its public signature says.
export abstract class Step extends Evaluated {
  /** Evaluated, it goes on with this. */
  abstract begin(fiber: AnyFiber): Effect.Effect<any, any, any>
}
