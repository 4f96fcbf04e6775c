import { Console, Effect } from "effect"
import { join } from "node:path"
import { openDatabase } from "./database.ts"
import { indexFiles } from "./index-files.ts"
import type { Options } from "./options.ts"
import { serve } from "./server.ts"
import { temporaryDirectory } from "./temporary.ts"

/** Indexes the files and serves them until interrupted. */
export const serving = Effect.fnUntraced(function*({ directory, port }: Options) {
  const temporary = yield* temporaryDirectory
  const database = yield* openDatabase(join(temporary, "files.db"))
  const server = yield* serve(directory, database, port)
  const { paths, summary } = yield* indexFiles(directory, database)
  yield* Console.log(`${summary}\nserving until Ctrl-C, SIGTERM or SIGHUP, for example ${server.url}/${paths[0]}`)
  return yield* Effect.never
})
