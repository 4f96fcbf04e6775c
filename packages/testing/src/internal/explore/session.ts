// One program with its settings: runs it as often as asked.
//
// Invariant: a world is used again only after a run that left nothing behind, so that a fibre of one run
// is never met by another.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Bounds } from "./bounds.ts"
import { control } from "./control.ts"
import { misuse } from "./misuse.ts"
import type { Program } from "./model.ts"
import type { Recorder } from "./recorder.ts"
import type { Settings } from "./settings.ts"
import { type Source, Trail } from "./trail.ts"
import { judge, type Verdict } from "./verdict.ts"
import { World } from "./world.ts"

export interface Run {
  readonly world: World
  readonly redundant: boolean
  readonly verdict: Verdict | undefined
}

export class Session {
  readonly settings: Settings
  /** Of the last run. */
  readonly trail = new Trail()
  private readonly program: Program<unknown, unknown, never>
  private readonly context: Context.Context<never>
  private readonly bounds: Bounds
  private world: World | undefined = undefined
  private root: Effect.Effect<unknown, unknown> = Effect.void

  constructor(
    program: Program<unknown, unknown, never>,
    settings: Settings,
    context: Context.Context<never>,
    bounds: Bounds = settings.bounds
  ) {
    this.program = program
    this.settings = settings
    this.context = context
    this.bounds = bounds
  }

  run(source: Source, recorder?: Recorder): Run {
    const world = this.world ??= this.makeWorld()
    world.recorder = recorder
    const ending = world.run(this.root, source)
    const verdict = judge(world, ending, this.settings.leaks)
    if (verdict !== undefined || ending !== "done" || recorder !== undefined) this.world = undefined
    return { world, redundant: ending === "redundant", verdict }
  }

  private makeWorld(): World {
    const { bounds, context, program, settings, trail } = this
    const world = new World({ context, bounds, limits: settings.limits, trail })
    const ctl = control(world)
    this.root = Effect.scoped(
      typeof program === "function" ? Effect.suspend(() => effectOf(program(ctl))) : program
    )
    return world
  }
}

/** What a program function gave, or a defect that says that it is no effect. */
export const effectOf = <A, E, R>(value: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  if (Effect.isEffect(value)) return value
  throw misuse("Explore", `the program is ${kindOf(value)}`, "Give an Effect, or a function (ctl) => Effect.")
}

const kindOf = (value: unknown) =>
  value === null
    ? "null"
    : value instanceof Promise
    ? "a promise"
    : typeof value === "object"
    ? "an object"
    : typeof value
