// An open file of Effect's FileSystem, whose close says when it failed.
//
// 1. What the system was asked to do with the file has ended before the file is closed: a read or write cannot
//    be taken back, and one that outlives its descriptor goes to whatever file gets that number next.
// 2. The file is closed once, whatever was wrong before.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import { isPlatformError, PlatformError, SystemError } from "effect/PlatformError"
import * as Scope from "effect/Scope"
import { wordsOf } from "./errno.ts"
import { asFileError, type FileError } from "./file-error.ts"

export interface Open {
  readonly file: FileSystem.File
  /** Makes what was written stay, then closes; does nothing when it was closed before. */
  readonly close: (datasync: boolean) => Effect.Effect<void, FileError>
}

/** Called uninterruptibly. */
export const open = (
  fs: FileSystem.FileSystem,
  path: string,
  options?: { readonly flag?: FileSystem.OpenFlag | undefined; readonly mode?: number | undefined },
  /** What messages call it, where that is not the path. */
  name: string = path
): Effect.Effect<Open, FileError> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    return fs.open(path, options).pipe(
      Effect.provideService(Scope.Scope, scope),
      asFileError(name, "open"),
      Effect.map((file) => ({
        file: unbroken(file, name),
        close: (datasync) =>
          Effect.suspend(() => scope.state._tag === "Closed" ? Effect.void : closeOnce(file, scope, datasync, name))
      }))
    )
  })

const closeOnce = (
  file: FileSystem.File,
  scope: Scope.Closeable,
  datasync: boolean,
  name: string
): Effect.Effect<void, FileError> =>
  Effect.gen(function*() {
    const synced = datasync ? yield* Effect.exit(asFileError(name, "datasync")(file.sync)) : Exit.void
    // Effect makes a defect of a close that fails.
    const close = Effect.catchDefect(
      Scope.close(scope, Exit.void),
      (defect) => isPlatformError(defect) ? Effect.fail(defect) : Effect.die(defect)
    )
    const closed = yield* Effect.exit(asFileError(name, "close")(close))
    return yield* Exit.asVoidAll([synced, closed])
  })

const chunk = 1024 * 1024

/** The same file, whose interrupted operations are waited for, and whose errors name it. */
const unbroken = (file: FileSystem.File, name: string): FileSystem.File => {
  const whole = <A>(operation: Effect.Effect<A, PlatformError>) =>
    Effect.mapError(Effect.uninterruptible(operation), (error) => named(error, name))
  return {
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    stat: whole(file.stat),
    seek: (offset, from) => whole(file.seek(offset, from)),
    sync: whole(file.sync),
    read: (buffer, options) => whole(file.read(buffer, options)),
    readAlloc: (size, options) => whole(file.readAlloc(size, options)),
    truncate: (length) => whole(file.truncate(length)),
    write: (buffer) => whole(file.write(buffer)),
    // In pieces, between which it can be interrupted.
    writeAll: (buffer) =>
      buffer.length <= chunk
        ? whole(file.writeAll(buffer))
        : Effect.forEach(
          Array.from({ length: Math.ceil(buffer.length / chunk) }, (_, i) => i * chunk),
          (start) => whole(file.writeAll(buffer.subarray(start, start + chunk))),
          { discard: true }
        )
  }
}

/** Effect names the number of the descriptor alone, and not what the system said. */
const named = (error: PlatformError, name: string): PlatformError => {
  const { reason } = error
  if (!(reason instanceof SystemError)) return error
  const { _tag, cause, method, module, syscall } = reason
  const description = reason.description ?? (cause === undefined ? undefined : wordsOf(cause))
  return new PlatformError(
    new SystemError({ _tag, cause, description, method, module, pathOrDescriptor: name, syscall })
  )
}
