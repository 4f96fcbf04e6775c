// Options of which all are known: a misspelt `timeout` beside a right `name` would be no limit at all. The compiler
// looks for that by itself only where it infers nothing of the options.
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { ScopeOptions } from "../AsyncDrop.ts"

export type Only<O, Known> = { readonly [K in Exclude<keyof O, keyof Known>]: never }

/** Of an argument that may be what is to be closed instead. */
export type OnlyOptions<Arg> = [Arg] extends [Effect.Effect<any, any, any> | Layer.Layer<never, any, any> | undefined]
  ? unknown
  : Only<Arg, ScopeOptions>
