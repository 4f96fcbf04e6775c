import { AsyncDrop } from "@async-drop/core"
import { Effect, FileSystem } from "effect"

/** A directory that is removed with all that is in it. */
export const temporaryDirectory = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* AsyncDrop.acquireRelease(
    fs.makeTempDirectory({ prefix: "async-drop-demo-" }),
    (path) => fs.remove(path, { recursive: true }),
    { name: "temporary directory" }
  )
})
