// The class behind a scoped service: a key, the layer that makes and owns it, its operations as effects.
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** A key of one's own, to be extended by a class: what `Context.Service` gives, but for its `use`. */
export interface ServiceKey<in out Self, in out Id extends string, in out Shape> extends Context.Key<Self, Shape> {
  new(_: never): Context.ServiceClass.Shape<Id, Shape>
  readonly key: Id
  readonly of: (shape: Shape) => Shape
  readonly context: (shape: Shape) => Context.Context<Self>
}

/** Its statics are what the type of the caller says. */
export const service = <Self, Id extends string, Shape, Statics extends object>(
  id: Id,
  make: Effect.Effect<Shape, any, any>,
  statics: (key: Context.Key<Self, Shape>) => Statics
): any => {
  const key = Context.Service<Self, Shape>(id)
  return Object.assign(key, { layer: Layer.effect(key, make) }, statics(key))
}
