// Open files by path: put in, taken out, and all the rest closed together, each failure with its path.
import { AsyncDrop, AsyncDropGuard, AsyncDropHashMap } from "@async-drop/core"
import { Effect, Option } from "effect"
import assert from "node:assert/strict"
import { type FileHandle, mkdtemp, open, readFile, rename, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

class SaveError extends Error {
  readonly _tag = "SaveError"
}

const temporary = AsyncDrop.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "keyed-files-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true })),
  { name: "temporary folder" }
)

/** A file that is written beside its place, and put there when it is closed. */
const created = (path: string) =>
  AsyncDropGuard.make(
    Effect.promise(() => open(`${path}.part`, "w")),
    (file) =>
      Effect.tryPromise({
        try: () => file.close().then(() => rename(`${path}.part`, path)),
        catch: (cause) => new SaveError(`cannot save ${path}`, { cause })
      }),
    { name: "file" }
  )

const program = Effect.gen(function*() {
  const folder = yield* temporary
  const files = yield* AsyncDropHashMap.make<string, FileHandle, SaveError>()
  for (const name of ["a", "b", "c"]) {
    yield* AsyncDropHashMap.insert(files, name, yield* created(join(folder, name)))
  }
  const a = Option.getOrThrow(yield* AsyncDropHashMap.get(files, "a"))
  yield* Effect.promise(() => a.write("hello"))

  // The key is taken: the new file is given back, open, and closes with this scope.
  const twice = yield* Effect.flip(AsyncDropHashMap.insert(files, "a", yield* created(join(folder, "d"))))
  assert.equal(twice.reason, "present")

  // One that is taken out is ours to close.
  const b = Option.getOrThrow(yield* AsyncDropHashMap.remove(files, "b"))
  yield* AsyncDropGuard.drop(b)

  // Someone deletes a file behind our back: the other one is saved all the same.
  yield* Effect.promise(() => rm(join(folder, "c.part")))
  const failure = yield* Effect.flip(AsyncDropHashMap.drop(files))
  assert.deepEqual(failure.errors.map((error) => error.key), ["c"])
  return yield* Effect.promise(() => readFile(join(folder, "a"), "utf8"))
})

assert.equal(await Effect.runPromise(AsyncDrop.scoped(program)), "hello")
