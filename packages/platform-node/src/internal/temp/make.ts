// Makes a temporary path at once.
//
// Synchronous, and not by Effect's `FileSystem`: what that has under way in another thread when the process exits
// would come to be after everything had been removed.
import * as Effect from "effect/Effect"
import { type PlatformError, systemError, type SystemErrorTag } from "effect/PlatformError"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { add } from "../at-exit.ts"

export type Kind = "directory" | "file"

/** What was made, and how to leave it out of what is removed at the exit of the process. */
export interface Made {
  readonly path: string
  readonly forget: () => void
}

export const make = (kind: Kind, path: string): Effect.Effect<Made, PlatformError> =>
  Effect.try({
    try: () => {
      // A signal is seen before or after this piece, never within.
      if (kind === "directory") mkdirSync(path, { mode: 0o700 })
      else writeFileSync(path, "", { flag: "wx", mode: 0o600 })
      return { path, forget: add("path", () => rmSync(path, { recursive: true, force: true })) }
    },
    catch: (error) => failure(kind, path, error as NodeJS.ErrnoException) // what `node:fs` throws
  })

const tags: { readonly [code: string]: SystemErrorTag | undefined } = {
  ENOENT: "NotFound",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied",
  EEXIST: "AlreadyExists",
  ENOTDIR: "BadResource",
  ELOOP: "BadResource"
}

/** As Effect's own file system has it. */
const failure = (kind: Kind, path: string, error: NodeJS.ErrnoException): PlatformError =>
  systemError({
    _tag: tags[error.code ?? ""] ?? "Unknown",
    module: "TempDrop",
    method: kind,
    pathOrDescriptor: path,
    syscall: error.syscall,
    cause: error
  })
