/**
 * Sees each step of each lifetime.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { Phase } from "./DropError.ts"
import type { Limit } from "./DropTimeout.ts"

/**
 * One step in the life of a resource, or of the close of an owner.
 *
 * **Details**
 *
 * `id` is the same in all events of one resource, and no other resource of the
 * process has it; `close` is the same in all events of one close. A life goes
 * `Acquired`, perhaps `Waiting`, `Dropping`, perhaps `Forcing` and `Abandoned`,
 * `Dropped`. `Waiting` names what has to end before its release can start;
 * `Noted` is what a release says of itself, by `DropReport.note`.
 * `Dropped` carries what the release came to; what ends after it was given up
 * on is `Late`. `Unwrapped` ends a life without a release. An `Abandoned` without
 * a `Dropping` says by `close` where the release would have started.
 *
 * `Closing` begins the close of an owner: `parent` is the close that it is a
 * part of, `of` the resource whose release it is, where there is one; `budget`
 * is in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | { readonly _tag: "Acquired"; readonly id: number; readonly resource: string; readonly acquiredAt?: string }
  | {
    readonly _tag: "Waiting"
    readonly id: number
    readonly resource: string
    readonly for: ReadonlyArray<string>
    readonly close?: number
  }
  | {
    readonly _tag: "Dropping"
    readonly id: number
    readonly resource: string
    readonly key?: unknown
    readonly close?: number
  }
  | { readonly _tag: "Noted"; readonly id: number; readonly resource: string; readonly text: string }
  | { readonly _tag: "Forcing"; readonly id: number; readonly resource: string; readonly limit: Limit }
  | {
    readonly _tag: "Abandoned"
    readonly id: number
    readonly resource: string
    readonly limit: Limit
    readonly close?: number
  }
  | {
    readonly _tag: "Dropped"
    readonly id: number
    readonly resource: string
    readonly exit: Exit.Exit<unknown, unknown>
  }
  | {
    readonly _tag: "Late"
    readonly id: number
    readonly resource: string
    readonly phase: Phase
    readonly exit: Exit.Exit<unknown, unknown>
  }
  | { readonly _tag: "Transferred"; readonly id: number; readonly resource: string }
  | { readonly _tag: "Unwrapped"; readonly id: number; readonly resource: string }
  | {
    readonly _tag: "Closing"
    readonly close: number
    readonly resource: string
    readonly concurrency: number
    readonly parent?: number
    readonly of?: number
    readonly budget?: number
  }
  | { readonly _tag: "Closed"; readonly close: number; readonly resource: string }

/**
 * A callback for events; `stacks` asks for the stack of each acquire, `closes`
 * for the closes of owners: `Closing`, `Closed`, and the `close` of a release.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observer {
  (event: Event): void
  readonly stacks?: boolean | undefined
  readonly closes?: boolean | undefined
}

/**
 * The observer of the resources acquired in this context; `undefined`, the
 * default, costs nothing.
 *
 * **Details**
 *
 * It is called synchronously, and what it throws is ignored: looking at a
 * resource never changes its life. It is taken when a resource is acquired.
 *
 * **Example** (Watching one resource)
 *
 * ```ts
 * import { AsyncDrop, DropObserver } from "@async-drop/core"
 * import { Effect } from "effect"
 *
 * const steps: Array<string> = []
 * const program = AsyncDrop.scoped(
 *   AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.void, { name: "one" })
 * ).pipe(Effect.provideService(DropObserver.DropObserver, (event) => void steps.push(event._tag)))
 *
 * Effect.runSync(program) // => 1
 * steps // => ["Acquired", "Dropping", "Dropped"]
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const DropObserver: Context.Reference<Observer | undefined> = Context.Reference<Observer | undefined>(
  "@async-drop/core/DropObserver",
  { defaultValue: () => undefined }
)
