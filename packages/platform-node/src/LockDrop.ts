/**
 * A lock file that never has two holders, and is free as soon as its holder is gone.
 *
 * @since 0.1.0
 */
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import type { DropScope } from "@async-drop/core/DropScope"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { basename } from "node:path"
import { find, holderOf } from "./internal/lock-file.ts"
import { Holder, LockReleaseError, LockTimeout, LockUnavailable } from "./internal/lock-model.ts"
import { claim, claimNow, release } from "./internal/lock.ts"
import { checkDurations } from "./internal/options.ts"

export { Holder, LockReleaseError, LockTimeout, LockUnavailable }

/**
 * A lock that is held.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lock {
  /** The lock file, as it was asked for. */
  readonly path: string
  /** What others read about the holder meanwhile. */
  readonly holder: Holder
}

/**
 * The options of a lock.
 *
 * @category options
 * @since 0.1.0
 */
export interface LockOptions {
  /** What messages, and the others who wait, call this holder. Default: the name of the file. */
  readonly name?: string | undefined
}

/**
 * The options of a wait for a lock.
 *
 * @category options
 * @since 0.1.0
 */
export interface AcquireOptions extends LockOptions {
  /** How long to wait at most; `Infinity` for as long as it takes. Default 10 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * Takes a lock until the current `Scope` closes, and waits while somebody else has it.
 *
 * **When to use**
 *
 * So that one process of several on this machine does something: a migration, a
 * build, a cron job, the owner of a data folder.
 *
 * **Details**
 *
 * The lock is an exclusive transaction of SQLite on an empty file, which nothing
 * is ever written to. The kernel holds it, so it is free at once when its holder
 * ends in any way, also by `SIGKILL`, and it stays held while the event loop is
 * blocked. Whoever waits asks every 1 to 4 ms, and does not block. Beside it
 * stands `path.holder`, which says who has the lock. Both files are made where
 * there are none; the lock file stays.
 *
 * The fibres of one thread get the lock in the order in which they asked; among
 * threads and processes there is no order. Asking again on the fibre that took
 * it is a `DropCycle`. A lock that cannot be had in time is a `LockTimeout` that
 * names the holder, a path that can be no lock a `LockUnavailable`, both with
 * nothing left behind. A negative `timeout` is a `DropUsageError`.
 *
 * **Interruption**
 *
 * The wait can be interrupted and leaves nothing. Letting go is uninterruptible
 * and does not wait.
 *
 * **Gotchas**
 *
 * The process that holds the lock must not open the lock file by other means,
 * nor copy or read it: when any descriptor of it is closed, POSIX drops the
 * lock. Deleting the file while the lock is held lets a second holder in; the
 * first learns of it at its end, as a `LockReleaseError`. It is for local
 * disks: network file systems often only pretend to lock.
 *
 * Where Node still calls its SQLite experimental, as 24.4 does, it prints one
 * `ExperimentalWarning` when the first lock is taken; its option
 * `--disable-warning=ExperimentalWarning` keeps it quiet.
 *
 * **Example** (One at a time)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { LockDrop } from "@async-drop/platform-node"
 * import { Effect, Option } from "effect"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 *
 * const path = `${mkdtempSync(`${tmpdir()}/lock-`)}/migrate.lock`
 *
 * const migrate = Effect.gen(function*() {
 *   yield* LockDrop.acquire(path, { timeout: "5 seconds", name: "migrate" })
 *   return yield* LockDrop.holder(path)
 * })
 * const holder = await Effect.runPromise(AsyncDrop.scoped(migrate))
 * Option.map(holder, ({ name, pid }) => [name, pid === process.pid]) // => Option.some(["migrate", true])
 * await Effect.runPromise(LockDrop.holder(path)) // => Option.none()
 * ```
 *
 * @see {@link tryAcquire} to do without rather than wait
 * @category constructors
 * @since 0.1.0
 */
export const acquire = (
  path: string,
  options?: AcquireOptions
): Effect.Effect<Lock, LockTimeout | LockUnavailable, Scope.Scope | DropScope<LockReleaseError>> =>
  Effect.uninterruptibleMask((restore) => {
    const name = nameOf(path, options)
    const timeout = options?.timeout ?? "10 seconds"
    return Effect.andThen(
      checkDurations(name, "LockDrop.acquire", { timeout }),
      Effect.map(
        AsyncDrop.acquireRelease(
          Effect.suspend(() => claim(path, name, Duration.fromInputUnsafe(timeout), restore)),
          release,
          { name }
        ),
        ({ held }): Lock => ({ path, holder: held.holder })
      )
    )
  })

/**
 * Takes a lock until the current `Scope` closes if it is free, else gives `None`.
 *
 * **Details**
 *
 * `None` also while other fibres of this thread wait for it. Otherwise as
 * `acquire`.
 *
 * **Example** (Somebody else is at it)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { LockDrop } from "@async-drop/platform-node"
 * import { Effect, Option } from "effect"
 * import { mkdtempSync } from "node:fs"
 * import { tmpdir } from "node:os"
 *
 * const path = `${mkdtempSync(`${tmpdir()}/lock-`)}/sync.lock`
 *
 * const program = Effect.gen(function*() {
 *   const mine = yield* LockDrop.tryAcquire(path)
 *   const second = yield* LockDrop.tryAcquire(path)
 *   return [Option.isSome(mine), Option.isSome(second)]
 * })
 * await Effect.runPromise(AsyncDrop.scoped(program)) // => [true, false]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const tryAcquire = (
  path: string,
  options?: LockOptions
): Effect.Effect<Option.Option<Lock>, LockUnavailable, Scope.Scope | DropScope<LockReleaseError>> => {
  const name = nameOf(path, options)
  // A refusal is a failure on the way, so that nothing of it stays in a long scope.
  const claimed = Effect.filterOrFail(claimNow(path, name), (got) => got !== undefined, () => "refused" as const)
  return AsyncDrop.acquireRelease(claimed, release, { name }).pipe(
    Effect.map(({ held }) => Option.some<Lock>({ path, holder: held.holder })),
    Effect.catchIf((error) => error === "refused", () => Effect.succeedNone)
  )
}

/**
 * Says who holds a lock, without touching it.
 *
 * **Details**
 *
 * `None` when nobody does, when its holder is gone without having let go, when
 * nothing can be read there, or in the moment between a lock and its record. On another machine or in another
 * container that shares the folder, a holder is named whether it lives or not.
 *
 * @category getters
 * @since 0.1.0
 */
export const holder = (path: string): Effect.Effect<Option.Option<Holder>> =>
  find(path).pipe(Effect.flatMap(holderOf), Effect.catch(() => Effect.succeedNone))

const nameOf = (path: string, options: LockOptions | undefined) => options?.name ?? basename(path)
