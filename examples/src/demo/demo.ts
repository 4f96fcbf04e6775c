import { Effect } from "effect"
import { join } from "node:path"
import { checkAll, connect } from "./client.ts"
import { openDatabase } from "./database.ts"
import { WrongResponse } from "./errors.ts"
import { indexFiles } from "./index-files.ts"
import type { Options } from "./options.ts"
import { serve } from "./server.ts"
import { temporaryDirectory } from "./temporary.ts"
import { count, seconds } from "./text.ts"

/** Indexes the files, serves them, asks for 2,000 of them and checks each. */
export const demo = Effect.fnUntraced(function*({ directory, port }: Options) {
  const temporary = yield* temporaryDirectory
  const database = yield* openDatabase(join(temporary, "files.db"))
  const server = yield* serve(directory, database, port)
  const client = yield* connect(connections)

  const { paths, summary } = yield* indexFiles(directory, database)
  const wanted = Array.from({ length: requests }, (_, i) => paths[Math.floor((i * paths.length) / requests)]!)
  const took = yield* checkAll({ client, database, url: server.url }, wanted)
  const made = server.connections()
  if (made !== connections) {
    return yield* new WrongResponse({ message: `there were ${made} connections, not ${connections}` })
  }
  const rate = count(Math.round((requests * 1000) / took))
  return [
    summary,
    `served ${count(requests)} requests over ${made} connections in ${seconds(took)}, ${rate} requests per second; ` +
    "each body has the hash that is in the database"
  ]
})

const requests = 2000

const connections = 8
