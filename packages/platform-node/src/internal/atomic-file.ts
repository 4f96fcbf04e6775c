// Write beside, then rename.
//
// 1. The file at the path is the old one, whole, until the rename; the new one, whole, from then on.
// 2. The rename comes after what was written is on the disk, and is itself on the disk before the end.
// 3. The file beside is gone at the end, renamed or removed; that of a process that was killed is removed by the
//    next process that writes in the folder.
import * as AsyncDrop from "@async-drop/core/AsyncDrop"
import type { DropFailure } from "@async-drop/core/DropFailure"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import { createHash } from "node:crypto"
import { hostname } from "node:os"
import { dirname, join, resolve } from "node:path"
import { asFileError, type FileError, fileError } from "./file-error.ts"
import { type Open, open } from "./file.ts"
import { isAlive, own } from "./process-identity.ts"

export const atomic = <A, E, R>(
  path: string,
  write: (file: FileSystem.File) => Effect.Effect<A, E, R>,
  mode: number | undefined,
  name: string
): Effect.Effect<A, E | FileError | DropFailure<FileError>, R | FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const target = yield* targetOf(fs, path)
    const folder = dirname(target.path)
    yield* sweep(fs, folder)
    return yield* AsyncDrop.acquireUseRelease(
      beside(fs, path, folder, target.mode ?? mode),
      (temporary) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.tap(restore(write(temporary.open.file)), replace(fs, path, target, temporary))
        ),
      (temporary) => abandon(fs, temporary),
      { name }
    )
  })

interface Target {
  /** Where a symbolic link leads: the link stays. */
  readonly path: string
  /** That of the file to be replaced. */
  readonly mode: number | undefined
}

const targetOf = (fs: FileSystem.FileSystem, path: string): Effect.Effect<Target, FileError> =>
  Effect.gen(function*() {
    const real = Option.getOrElse(yield* found(path, fs.realPath(path)), () => resolve(path))
    const info = yield* found(path, fs.stat(real))
    if (Option.isNone(info)) return { path: real, mode: undefined }
    if (info.value.type !== "File") return yield* fileError(path, "replace", "it is no regular file")
    return { path: real, mode: info.value.mode & 0o7777 }
  })

const found = <A>(path: string, effect: Effect.Effect<A, PlatformError>): Effect.Effect<Option.Option<A>, FileError> =>
  Effect.asSome(effect).pipe(
    Effect.catchIf((error) => error.reason._tag === "NotFound", () => Effect.succeedNone),
    asFileError(path, "open")
  )

interface Temporary {
  readonly path: string
  readonly open: Open
  renamed: boolean
}

const beside = (
  fs: FileSystem.FileSystem,
  path: string,
  folder: string,
  mode: number | undefined
): Effect.Effect<Temporary, FileError> =>
  Effect.flatMap(nameOf, (name) =>
    Effect.map(
      open(fs, join(folder, name), { flag: "wx", mode }, path),
      (open) => ({ path: join(folder, name), open, renamed: false })
    ))

/** Uninterruptible: what was written is there, or it is not. */
const replace = (
  fs: FileSystem.FileSystem,
  path: string,
  target: Target,
  temporary: Temporary
): Effect.Effect<void, FileError> =>
  Effect.gen(function*() {
    // The mode that it was opened with had the process's umask taken off.
    if (target.mode !== undefined) yield* asFileError(path, "replace")(fs.chmod(temporary.path, target.mode))
    yield* temporary.open.close(true)
    yield* asFileError(path, "replace")(fs.rename(temporary.path, target.path))
    temporary.renamed = true
    yield* syncFolder(fs, path, dirname(target.path))
  })

/** Without it, a power failure may take the rename back. Windows opens no folder, and needs no such thing. */
const syncFolder = (fs: FileSystem.FileSystem, path: string, folder: string): Effect.Effect<void, FileError> =>
  process.platform === "win32" ? Effect.void : AsyncDrop.acquireUseRelease(
    open(fs, folder, { flag: "r" }, path),
    ({ file }) => asFileError(path, "datasync")(file.sync),
    ({ close }) => Effect.ignore(close(false))
  )

const abandon = (fs: FileSystem.FileSystem, temporary: Temporary): Effect.Effect<void, FileError> =>
  Effect.gen(function*() {
    const closed = yield* Effect.exit(temporary.open.close(false))
    const remove = asFileError(temporary.path, "remove")(fs.remove(temporary.path))
    const removed = temporary.renamed ? Exit.void : yield* Effect.exit(remove)
    return yield* Exit.asVoidAll([closed, removed])
  })

const prefix = ".async-drop-"
const host = createHash("sha1").update(hostname()).digest("hex").slice(0, 8)
let count = 0

/** Says whose it is, so that it is known for rubbish when that process is gone. */
const nameOf = Effect.map(own, ({ pid, start }) => `${prefix}${host}-${pid}-${start}-${count++}.tmp`)

/** One look a folder and process is enough: what others leave later, others find. */
const swept = new Set<string>()

/** At its best: what cannot be looked at or removed is no reason not to write. */
const sweep = (fs: FileSystem.FileSystem, folder: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (swept.has(folder)) return Effect.void
    swept.add(folder)
    return Effect.gen(function*() {
      for (const name of yield* fs.readDirectory(folder)) {
        const [, of, pid, start] = /^\.async-drop-([0-9a-f]{8})-(\d+)-(\d*)-\d+\.tmp$/.exec(name) ?? []
        if (of !== host || (yield* isAlive({ pid: Number(pid), start: start! }))) continue
        yield* Effect.ignore(fs.remove(join(folder, name)))
      }
    }).pipe(Effect.ignore)
  })
