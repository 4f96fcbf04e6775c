// What the keys of a store ask of it.
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Keyed } from "./keyed.ts"
import type { Load } from "./waiters.ts"

export type Change = "Loaded" | "LoadFailed" | "Borrowed" | "Idle" | "Dropping" | "Dropped"

/** What the keys of a store have in common. */
export interface Home {
  /** Of the maker. */
  readonly services: Context.Context<never>
  readonly name: string
  /** Nobody comes in any more. */
  readonly closing: boolean
  /** Whether a value is kept when nobody holds it. */
  rests(keyed: Keyed): boolean
  /** It begins to be idle, or is wanted again. */
  rest(keyed: Keyed): void
  wake(keyed: Keyed): void
  /** How a value is made where who wants it does not say. */
  load(keyed: Keyed): Load
  /** Waits for room before a load. */
  admit(keyed: Keyed, load: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown>
  /** Someone has its instance in hand, of that id; until it has left. */
  handOut(keyed: Keyed, id: number): void
  /** An instance or a load has ended: its room is free. */
  leave(keyed: Keyed): void
  /** The key is absent. */
  free(keyed: Keyed): void
  /** A drop that nobody asked for by a handle begins; its errors are delivered. */
  endBegins(): void
  endIsOver(): void
  /** Something has changed. */
  changed(keyed: Keyed, event: Change): void
}
