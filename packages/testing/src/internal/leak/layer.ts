// A layer that several tests share: what a test leaves with it is looked at when it has closed.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { DropLeak } from "../../DropLeak.ts"
import { CurrentLonger, Longer } from "./longer.ts"

/** As `layer`; closing it dies of what the programs that used it have left. */
export const outliving = <ROut, E, RIn>(layer: Layer.Layer<ROut, E, RIn>): Layer.Layer<ROut, E, RIn> =>
  Layer.fromBuildMemo((memoMap, scope) => {
    const longer = new Longer()
    const looked = Effect.flatMap(
      longer.leaks,
      (leaks) => leaks.length === 0 ? Effect.void : Effect.die(new DropLeak({ leaks }))
    )
    // Added before the layer is built, so that it runs after the layer has closed.
    return Effect.andThen(
      Scope.addFinalizer(scope, looked),
      Effect.map(Layer.buildWithMemoMap(layer, memoMap, scope), Context.add(CurrentLonger, longer))
    )
  })
