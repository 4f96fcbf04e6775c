// Removes a temporary path, and says why it cannot.
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { type PlatformError, systemError } from "effect/PlatformError"
import { wordsOf } from "../errno.ts"

/** What it fails with says why; that there is nothing to remove is no failure. */
export const remove = (path: string): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) => fs.remove(path, { recursive: true, force: true })).pipe(Effect.mapError(explained))

/** Effect's own has the path, and the reason in its cause alone. */
export const explained = (error: PlatformError): PlatformError => {
  const { reason } = error
  return reason._tag === "BadArgument" || reason.description !== undefined || reason.cause === undefined
    ? error
    : systemError({ ...reason, description: wordsOf(reason.cause) })
}
