import { Duration, Effect } from "effect"
import { join } from "node:path"
import type { Database } from "./database.ts"
import { BadInput } from "./errors.ts"
import { contents, digest, list, openFile } from "./files.ts"
import { forEachShown } from "./progress.ts"
import { count, megabytes, seconds } from "./text.ts"

/** Reads every file below a directory, 32 at a time, and puts its size and hash into the database. */
export const indexFiles = Effect.fnUntraced(function*(directory: string, database: Database) {
  const paths = yield* list(directory)
  if (paths.length === 0) return yield* new BadInput({ message: `there is no file in ${directory}` })
  const indexFile = (path: string) =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* openFile(join(directory, path), `indexed file: ${path}`)
      yield* database.insert(path, yield* digest(contents(file)))
    }))
  const [took] = yield* Effect.timed(database.transaction(forEachShown("indexed", paths, indexFile, 32)))
  const { bytes, files } = yield* database.totals()
  return {
    paths,
    summary: `indexed ${count(files)} files, ${megabytes(bytes)}, in ${seconds(Duration.toMillis(took))}`
  }
})
