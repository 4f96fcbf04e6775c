/**
 * The failure of an insert that was refused.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { hasProperty } from "effect/Predicate"
import type { AsyncDropGuard } from "./AsyncDropGuard.ts"

/**
 * An insert was refused, and the guard is given back: undropped, owned as before.
 *
 * **Details**
 *
 * `reason` is one of
 *
 * - `present`: the key has a value already;
 * - `loading`: the key's value is being loaded;
 * - `dropping`: a drop of the key was asked for, or runs; a plain `insert` waits
 *   for a drop that nobody asked for, and is not refused;
 * - `full`: the store has no room, and nothing in it is idle;
 * - `closed`: the drop of the owner has begun.
 *
 * An `AsyncDropHashMap` refuses as `present` or `closed` only, a
 * `ConcurrentStore` for all of them.
 *
 * In the seed: what `try_insert` gives back.
 *
 * @category errors
 * @since 0.1.0
 */
export class InsertRefused<out K, out A, out E> extends Data.TaggedError("InsertRefused")<{
  readonly key: unknown
  readonly reason: "present" | "loading" | "dropping" | "full" | "closed"
  readonly guard: AsyncDropGuard<unknown, unknown>
  readonly message: string
}> {
  declare readonly key: K
  declare readonly guard: AsyncDropGuard<A, E>
  constructor(args: {
    readonly key: unknown
    readonly reason: InsertRefused<K, A, E>["reason"]
    readonly guard: AsyncDropGuard<A, E>
    readonly message: string
  }) {
    // A load that is refused brings no guard.
    const hint = hasProperty(args.guard, "name") ? ". Its guard is in `guard`, undropped" : ""
    super({ ...args, message: args.message + hint })
  }
}
