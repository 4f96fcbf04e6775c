/**
 * Temporary directories and files that go with their scope, and with their process.
 *
 * | What ends it                                       | The directory or file                              |
 * | -------------------------------------------------- | -------------------------------------------------- |
 * | its scope closes                                   | is removed; what that fails with is a drop error,  |
 * |                                                    | and what is left is removed as the process exits   |
 * | `process.exit`, an uncaught error                  | is removed as the process exits                    |
 * | SIGHUP, SIGINT, SIGTERM that nobody listens to     | is removed, and the signal ends the process        |
 * | one of these that somebody listens to              | is left to them: they close the scope, or exit     |
 * | SIGKILL, SIGQUIT, a crash                          | is left, until `sweep` at a next start removes it  |
 *
 * @since 0.1.0
 */
import { AsyncDrop, type DropScope, DropUsageError } from "@async-drop/core"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { type Kind, type Made, make } from "./internal/temp/make.ts"
import { remove } from "./internal/temp/remove.ts"
import { nameOf, own } from "./internal/temp/stamp.ts"
import { sweepAll } from "./internal/temp/sweep.ts"

/**
 * The options of a temporary directory.
 *
 * @category options
 * @since 0.1.0
 */
export interface DirectoryOptions {
  /** How its name begins; a sweep looks for it. Not empty, no `/`. Default `async-drop-`. */
  readonly prefix?: string | undefined
  /** Where it is made. Default: the directory for temporary files of the system. */
  readonly parent?: string | undefined
  /** What messages call it. Default `temporary directory`, for a file `temporary file`. */
  readonly name?: string | undefined
}

/**
 * The options of a temporary file.
 *
 * @category options
 * @since 0.1.0
 */
export interface FileOptions extends DirectoryOptions {
  /** How its name ends, as in `.json`. No `/`. Default: nothing. */
  readonly suffix?: string | undefined
}

/**
 * The options of a sweep.
 *
 * @category options
 * @since 0.1.0
 */
export interface SweepOptions {
  /** How the names begin. Default `async-drop-`. */
  readonly prefix?: string | undefined
  /** Where to look. Default: the directory for temporary files of the system. */
  readonly parent?: string | undefined
  /**
   * What to do with those of another host or container, whose processes cannot be seen from here.
   * `keep` (default), or `remove`, for a container that has its temporary directory to itself.
   */
  readonly elsewhere?: "keep" | "remove" | undefined
}

/**
 * What a sweep did.
 *
 * @category models
 * @since 0.1.0
 */
export interface Swept {
  /** The directories and files that are gone. */
  readonly removed: ReadonlyArray<string>
  /** Those whose process lives, or lives elsewhere; links, and those of another user, are `foreign`. */
  readonly kept: ReadonlyArray<{ readonly path: string; readonly why: "alive" | "elsewhere" | "foreign" }>
  /** Those that could not be removed. */
  readonly failed: ReadonlyArray<{ readonly path: string; readonly error: PlatformError }>
}

/** What a temporary path asks for, beside a scope. */
type Needs = FileSystem.FileSystem | Scope.Scope | DropScope.DropScope<PlatformError>

/**
 * Makes a directory that is removed, with all that is in it, when its scope closes.
 *
 * **When to use**
 *
 * In place of `FileSystem.makeTempDirectoryScoped`, which dies of a failing
 * removal and leaves the directory behind when the process is ended otherwise.
 *
 * **Details**
 *
 * Gives the absolute path. Only its owner can read it. The name ends in the
 * number and the start time of this process, for `sweep`. A parent that is
 * missing, full or not writable is a `PlatformError` with the path; one at the
 * removal is a drop error, with the reason too, as in `directory not empty
 * (ENOTEMPTY)`: somebody still writes there. A `prefix` that is empty or holds a `/` is a
 * `DropUsageError`, before anything is made.
 *
 * While a directory or file is open, or could not be removed, and at no other
 * time, this module listens to `exit`, SIGHUP, SIGINT and SIGTERM of the process;
 * the table of the module says what comes of it. Children of a `ChildDrop` that
 * are still there end before.
 *
 * **Interruption**
 *
 * Making and removing it are uninterruptible.
 *
 * **Gotchas**
 *
 * What is left to a process's exit is removed synchronously: a large tree takes
 * its time. In a worker thread signals are not seen, and end the process as ever.
 *
 * **Example** (A directory for a while)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { TempDrop } from "@async-drop/platform-node"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Effect, FileSystem } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const fs = yield* FileSystem.FileSystem
 *   const path = yield* AsyncDrop.scoped(Effect.gen(function*() {
 *     const path = yield* TempDrop.directory({ prefix: "example-" })
 *     yield* fs.writeFileString(`${path}/notes.txt`, "hello")
 *     return path
 *   }))
 *   return yield* fs.exists(path)
 * })
 *
 * await Effect.runPromise(Effect.provide(program, NodeFileSystem.layer)) // => false
 * ```
 *
 * @see {@link sweep} for what a killed process left
 * @category constructors
 * @since 0.1.0
 */
export const directory = (options?: DirectoryOptions): Effect.Effect<string, PlatformError, Needs> =>
  temporary("directory", options)

/**
 * Makes an empty file that is removed when its scope closes.
 *
 * **Details**
 *
 * As `directory`; that it is gone already when its scope closes is no error.
 *
 * **Interruption**
 *
 * As `directory`.
 *
 * **Example** (A file for another program)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { TempDrop } from "@async-drop/platform-node"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Effect, FileSystem } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const fs = yield* FileSystem.FileSystem
 *   const path = yield* TempDrop.file({ prefix: "example-", suffix: ".json" })
 *   yield* fs.writeFileString(path, "{}")
 *   return path.endsWith(".json")
 * })
 *
 * await Effect.runPromise(Effect.provide(AsyncDrop.scoped(program), NodeFileSystem.layer)) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = (options?: FileOptions): Effect.Effect<string, PlatformError, Needs> => temporary("file", options)

/**
 * Removes the directories and files that processes which are gone have left.
 *
 * **When to use**
 *
 * At the start of a program, with the `prefix` and `parent` that it uses: a
 * process that gets SIGKILL cannot clean up after itself.
 *
 * **Details**
 *
 * A process is known by its number and its start time, so a later one with the
 * same number is not taken for it. Several sweeps at once share the work; each
 * path is in the result of one. Links are never followed, and what belongs to
 * another user is left alone. A `parent` that cannot be read is a `PlatformError`.
 *
 * **Interruption**
 *
 * Interruptible between two paths.
 *
 * **Gotchas**
 *
 * A container that is started anew cannot tell what the one before it left from
 * what another one uses, and leaves both; see `elsewhere`.
 *
 * **Example** (First thing in a program)
 *
 * ```ts
 * import { TempDrop } from "@async-drop/platform-node"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Effect } from "effect"
 *
 * const program = TempDrop.sweep({ prefix: "no-such-example-" })
 * await Effect.runPromise(Effect.provide(program, NodeFileSystem.layer)) // => { removed: [], kept: [], failed: [] }
 * ```
 *
 * @category resource management
 * @since 0.1.0
 */
export const sweep = (options?: SweepOptions): Effect.Effect<Swept, PlatformError, FileSystem.FileSystem> =>
  Effect.suspend(() => {
    const prefix = checked("sweep", "prefix", options?.prefix ?? defaultPrefix)
    return Effect.map(sweepAll(parentOf(options), prefix, options?.elsewhere === "remove"), (swept) => ({
      removed: swept.flatMap((it) => it._tag === "Removed" ? [it.path] : []),
      kept: swept.flatMap((it) => it._tag === "Kept" ? [{ path: it.path, why: it.why }] : []),
      failed: swept.flatMap((it) => it._tag === "Failed" ? [{ path: it.path, error: it.error }] : [])
    }))
  })

const defaultPrefix = "async-drop-"

const parentOf = (options: { readonly parent?: string | undefined } | undefined) => resolve(options?.parent ?? tmpdir())

const temporary = (kind: Kind, options: FileOptions | undefined): Effect.Effect<string, PlatformError, Needs> =>
  Effect.suspend(() => {
    const prefix = checked(kind, "prefix", options?.prefix ?? defaultPrefix)
    const suffix = options?.suffix ? checked(kind, "suffix", options.suffix) : ""
    const made = AsyncDrop.acquireRelease(
      Effect.flatMap(own, (stamp) => make(kind, join(parentOf(options), nameOf(prefix, stamp, suffix)))),
      removed,
      { name: options?.name ?? `temporary ${kind}` }
    )
    return Effect.map(made, ({ path }) => path)
  })

/** What is still there is tried once more at the exit of the process, which may be when nobody writes to it. */
const removed = ({ forget, path }: Made): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.andThen(remove(path), Effect.sync(forget))

/** A part of a name must not lead elsewhere. */
const checked = (operation: string, option: "prefix" | "suffix", value: string): string => {
  if (value !== "" && !/[/\\\0]/.test(value)) return value
  const state = value === "" ? `${option} is empty` : `${option} is ${JSON.stringify(value)}`
  throw new DropUsageError.DropUsageError({
    resource: `temporary ${operation === "sweep" ? "files" : operation}`,
    operation: `TempDrop.${operation}`,
    state,
    message: `TempDrop.${operation}: ${state}. Give a part of a file's name, without a slash`
  })
}
