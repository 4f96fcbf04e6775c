// What can go wrong with a file; public through FileDrop.
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import { wordsOf } from "./errno.ts"

/**
 * Something could not be done with a file.
 *
 * **Details**
 *
 * `operation` says what, `message` says it in one sentence that names the file,
 * `cause` is what Effect's `FileSystem` said. As the failure of a release,
 * `datasync` and `close` mean that what was written may not be there.
 *
 * @category errors
 * @since 0.1.0
 */
export class FileError extends Data.TaggedError("FileError")<{
  readonly path: string
  readonly operation: FileOperation
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * What was done with a file.
 *
 * @category errors
 * @since 0.1.0
 */
export type FileOperation = "open" | "datasync" | "close" | "replace" | "remove"

export const fileError = (path: string, operation: FileOperation, why: string, cause?: unknown): FileError =>
  new FileError({ path, operation, message: `cannot ${operation} ${path}: ${why}`, cause })

/** A failure of the file system, as one of the file. */
export const asFileError =
  (path: string, operation: FileOperation) =>
  <A, R>(effect: Effect.Effect<A, PlatformError, R>): Effect.Effect<A, FileError, R> =>
    Effect.mapError(effect, (error) => fileError(path, operation, wordsOf(error.reason.cause ?? error), error))
