import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { Effect } from "effect"
import { closeSync, openSync } from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { join } from "node:path"
import { openDatabase } from "./database.ts"
import { as, CloseError, FileError } from "./errors.ts"
import { openFile } from "./files.ts"
import { indexFiles } from "./index-files.ts"
import type { Options } from "./options.ts"
import { temporaryDirectory } from "./temporary.ts"

/** Indexes the files, which goes well, among resources whose releases do not. */
export const failing = Effect.fnUntraced(function*({ directory }: Options) {
  const temporary = yield* temporaryDirectory
  const database = yield* openDatabase(join(temporary, "files.db"))
  yield* openLog("access log")
  yield* openLog("error log")
  yield* faultyDevice

  const { summary } = yield* indexFiles(directory, database)
  yield* database.close() // one time too many: its scope closes it as well
  return [summary]
})

/** A log says last how the program ended; on a full disk it cannot. Its file closes all the same. */
const openLog = Effect.fnUntraced(function*(name: string) {
  const file = yield* openFile("/dev/full", `log file: ${name}`, "w")
  const write = (line: string) => (handle: FileHandle) =>
    Effect.tryPromise({ try: () => handle.write(line), catch: as(CloseError) })
  yield* AsyncDrop.acquireRelease(
    Effect.void,
    (_, exit) => AsyncDropGuard.use(file, write(`ended with ${exit._tag}\n`)),
    { name }
  )
})

/** Its release closes it and then throws, in place of giving an effect. */
const faultyDevice = AsyncDropGuard.make(
  Effect.try({ try: () => openSync("/dev/zero", "r"), catch: as(FileError) }),
  (descriptor) => {
    closeSync(descriptor)
    throw new Error("the device does not answer")
  },
  { name: "faulty device" }
)
