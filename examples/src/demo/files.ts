import { AsyncDropGuard } from "@async-drop/core"
import { Effect, Stream } from "effect"
import { createHash } from "node:crypto"
import { type FileHandle, open, readdir } from "node:fs/promises"
import { join, relative } from "node:path"
import { as, CloseError, FileError } from "./errors.ts"

/** The paths of all regular files below a directory, relative to it. */
export const list = (directory: string) =>
  Effect.tryPromise({
    try: () => readdir(directory, { recursive: true, withFileTypes: true }),
    catch: as(FileError)
  }).pipe(Effect.map((entries) =>
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
      .toSorted()
  ))

/** Opens a file until the current scope closes. */
export const openFile = (path: string, name: string, flags = "r") =>
  AsyncDropGuard.make(
    Effect.tryPromise({ try: () => open(path, flags), catch: as(FileError) }),
    (handle) => Effect.tryPromise({ try: () => handle.close(), catch: as(CloseError) }),
    { name }
  )

/** Reads a file chunk by chunk; while a chunk is being read the file cannot close. */
export const contents = (file: AsyncDropGuard.AsyncDropGuard<FileHandle, CloseError>) =>
  Stream.unfold(0, (position) => Effect.map(AsyncDropGuard.use(file, readChunk(position)), next(position)))

export interface Digest {
  readonly size: number
  readonly sha256: string
}

export const digest = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Effect.Effect<Digest, E, R> =>
  Effect.suspend(() => {
    const hash = createHash("sha256")
    let size = 0
    const add = (chunk: Uint8Array) =>
      Effect.sync(() => {
        hash.update(chunk)
        size += chunk.length
      })
    return Effect.map(Stream.runForEach(bytes, add), () => ({ size, sha256: hash.digest("hex") }))
  })

const chunkSize = 64 * 1024

const readChunk = (position: number) => (handle: FileHandle) =>
  Effect.tryPromise({
    try: () => handle.read({ buffer: Buffer.allocUnsafe(chunkSize), position }),
    catch: as(FileError)
  })

const next = (position: number) => ({ buffer, bytesRead }: { readonly buffer: Buffer; readonly bytesRead: number }) =>
  bytesRead === 0 ? undefined : [buffer.subarray(0, bytesRead), position + bytesRead] as const
