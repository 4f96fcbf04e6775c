// The operations of an object, asked of the service that has it.
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

// any, throughout: the class of the service says what each operation is.
type Operations = { readonly [name: string]: (it: any, ...args: ReadonlyArray<any>) => any }

/** Each takes what it took, but for the object; `through` is how its answer comes out of the service. */
export const onService = <Self, Shape>(
  key: Context.Key<Self, Shape>,
  through: (key: Effect.Effect<Shape, never, Self>, f: (it: Shape) => any) => Effect.Effect<any, any, any>,
  operations: Operations
): { readonly [name: string]: (...args: ReadonlyArray<any>) => Effect.Effect<any, any, any> } =>
  Object.fromEntries(
    Object.entries(operations).map(([name, f]) => [
      name,
      (...args: ReadonlyArray<any>) => through(key, (it) => f(it, ...args))
    ])
  )
