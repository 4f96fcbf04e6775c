import { Effect, FileSystem } from "effect"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { BadInput } from "./errors.ts"

export interface Options {
  readonly mode: "help" | "demo" | "serve" | "fail"
  readonly directory: string
  readonly port: number
}

export const help = `Usage: pnpm demo [DIR] [--serve | --fail] [--port N]

Indexes the files below DIR (default: the installed effect package) into a database, serves them over
HTTP to 2,000 requests, shuts down, and shows what was opened and closed, and that nothing is left.

  --serve   keep serving until Ctrl-C, SIGTERM or SIGHUP
  --fail    let releases fail, and show that each failure is named (needs Linux)
  --port N  the port to serve at, on 127.0.0.1 (default: any free one)
  --help    show this

It exits with 0 if all went well, 1 if something failed or was left open, 2 if it cannot start,
128 and the number of the signal that cut it short. What a killed run has left is removed by the next one.`

/** Reads the command line; says in one sentence what is wrong with it. */
export const parse = Effect.fnUntraced(function*(
  args: Array<string>
): Effect.fn.Return<Options, BadInput, FileSystem.FileSystem> {
  const { positionals, values } = yield* Effect.try({ try: () => parseArgs({ ...grammar, args }), catch: misread })
  const mode = values.help ? "help" : values.serve ? "serve" : values.fail ? "fail" : "demo"
  const directory = positionals[0] ?? defaultDirectory
  const port = values.port ?? "0"
  if (mode === "help") return { mode, directory, port: 0 }
  if (positionals.length > 1) return yield* refuse(`one directory at most can be given, not ${positionals.length}`)
  if (values.serve && values.fail) return yield* refuse("--serve and --fail do not go together")
  if (mode === "fail" && process.platform !== "linux") return yield* refuse("--fail needs /dev/full, so it needs Linux")
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    return yield* refuse(`--port takes a number from 0 to 65535, not "${port}"`)
  }
  yield* checkDirectory(directory)
  return { mode, directory, port: Number(port) }
})

const grammar = {
  allowPositionals: true,
  options: {
    serve: { type: "boolean" },
    fail: { type: "boolean" },
    port: { type: "string" },
    help: { type: "boolean" }
  }
} as const

const defaultDirectory = dirname(fileURLToPath(import.meta.resolve("effect/package.json")))

const checkDirectory = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const { type } = yield* Effect.catch(fs.stat(directory), () => refuse(`there is no directory ${directory}`))
  if (type !== "Directory") return yield* refuse(`${directory} is not a directory`)
})

const refuse = (message: string) => Effect.fail(new BadInput({ message }))

/** Node's own message, without the advice that follows it. */
const misread = (thrown: unknown) =>
  new BadInput({ message: thrown instanceof Error ? thrown.message.split(/\.\s/, 1)[0]! : String(thrown) })
