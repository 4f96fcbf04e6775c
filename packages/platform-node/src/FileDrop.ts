/**
 * Files whose close can fail, and files that appear whole or not at all.
 *
 * @since 0.1.0
 */
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import type { DropFailure } from "@async-drop/core/DropFailure"
import type { DropScope } from "@async-drop/core/DropScope"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import { atomic as replaceWhole } from "./internal/atomic-file.ts"
import { FileError, type FileOperation } from "./internal/file-error.ts"
import { open as openFile } from "./internal/file.ts"
import { checkMode } from "./internal/options.ts"

export { FileError, type FileOperation }

/**
 * The options of an open file.
 *
 * @category options
 * @since 0.1.0
 */
export interface OpenOptions {
  /** Default `"r"`. */
  readonly flag?: FileSystem.OpenFlag | undefined
  /** Of a file that is made, less the umask. Default `0o666`. */
  readonly mode?: number | undefined
  /** Whether what was written has to be on the disk before the file is closed. Default `false`. */
  readonly datasync?: boolean | undefined
  /** What messages call it. Default: the path. */
  readonly name?: string | undefined
}

/**
 * Opens a file until the current `Scope` closes, and says when it could not be closed.
 *
 * **When to use**
 *
 * Where what was written matters: a disk that is full, a quota or a network file
 * system may say so only at the end. Effect's own `FileSystem.open` makes a
 * defect of that.
 *
 * **Details**
 *
 * The file is that of Effect's `FileSystem`. Its close fails with a `FileError`,
 * which asks for a `DropScope`; so does `datasync`, after which the file is
 * closed all the same; if both fail, both are in the cause. `datasync` is an
 * `fsync`, so that size and times are on the disk too.
 *
 * **Interruption**
 *
 * Open and close are uninterruptible. A read or a write that has begun is waited
 * for: nobody can take it back, and the file must not be closed under it. A long
 * `writeAll` can be interrupted after each mebibyte.
 *
 * **Gotchas**
 *
 * Of a pipe or a terminal, a read may wait for ever: use Effect's streams there.
 *
 * **Example** (The disk is full)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { FileDrop } from "@async-drop/platform-node"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Effect } from "effect"
 *
 * const log = FileDrop.open("/dev/full", { flag: "w", datasync: true })
 * const program = AsyncDrop.scoped(log).pipe(
 *   Effect.as("saved"),
 *   Effect.catchTag("DropFailure", (failure) => Effect.succeed(failure.errors[0].resource)),
 *   Effect.provide(NodeFileSystem.layer)
 * )
 * await Effect.runPromise(program) // => "/dev/full"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (
  path: string,
  options?: OpenOptions
): Effect.Effect<FileSystem.File, FileError, FileSystem.FileSystem | Scope.Scope | DropScope<FileError>> =>
  Effect.andThen(
    checkMode(path, "FileDrop.open", options?.mode),
    Effect.map(
      AsyncDrop.acquireRelease(
        Effect.flatMap(FileSystem.FileSystem, (fs) => openFile(fs, path, { flag: options?.flag, mode: options?.mode })),
        ({ close }) => close(options?.datasync === true),
        { name: options?.name ?? path }
      ),
      ({ file }) => file
    )
  )

/**
 * The options of a file that is replaced as a whole.
 *
 * @category options
 * @since 0.1.0
 */
export interface AtomicOptions {
  /** Of a file that was not there, less the umask; one that was keeps its own. Default `0o666`. */
  readonly mode?: number | undefined
  /** What messages call it. Default: the path. */
  readonly name?: string | undefined
}

/**
 * Writes a file that appears whole or not at all, in the place of the one that is there.
 *
 * **When to use**
 *
 * For what others read, or what must survive a crash: settings, an index, a
 * state file.
 *
 * **Details**
 *
 * `write` gets a new, empty file in the same folder. When it succeeds, that is
 * written to the disk (`fsync`), closed, renamed to the path, and the folder is
 * written to the disk too. When it fails or is interrupted, the new file is
 * removed and the path is as it was. Whoever opens the path at any moment finds
 * the old file or the new one, also when the process is killed; what a killed
 * process left beside it is removed by the next process that writes so in the
 * folder. A symbolic link stays, and the file it leads to is replaced.
 *
 * A new file that cannot be removed is in the `DropFailure`, beside what `write`
 * failed with.
 *
 * **Interruption**
 *
 * `write` can be interrupted; from its success on, the rest runs to its end.
 *
 * **Gotchas**
 *
 * It is a new file: owner and group are those of this process, and other hard
 * links lead to the old one. Of several that write one path at the same time,
 * the last rename wins.
 *
 * **Example** (A file is replaced, or it is not)
 *
 * ```ts
 * import { FileDrop } from "@async-drop/platform-node"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Effect } from "effect"
 * import { mkdtempSync, readdirSync, readFileSync } from "node:fs"
 * import { tmpdir } from "node:os"
 *
 * const folder = mkdtempSync(`${tmpdir()}/atomic-`)
 * const path = `${folder}/settings.json`
 * const text = new TextEncoder()
 *
 * const save = (content: string) => FileDrop.atomic(path, (file) => file.writeAll(text.encode(content)))
 * const half = FileDrop.atomic(path, (file) =>
 *   Effect.andThen(file.writeAll(text.encode("{ ")), Effect.fail("no idea what next")))
 *
 * const program = Effect.andThen(save("{}"), Effect.ignore(half))
 * await Effect.runPromise(Effect.provide(program, NodeFileSystem.layer))
 * readFileSync(path, "utf8") // => "{}"
 * readdirSync(folder) // => ["settings.json"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const atomic = <A, E, R>(
  path: string,
  write: (file: FileSystem.File) => Effect.Effect<A, E, R>,
  options?: AtomicOptions
): Effect.Effect<A, E | FileError | DropFailure<FileError>, R | FileSystem.FileSystem> =>
  Effect.andThen(
    checkMode(path, "FileDrop.atomic", options?.mode),
    replaceWhole(path, write, options?.mode, options?.name ?? path)
  )
