import { TempDrop } from "@async-drop/platform-node"
import { Console, Effect } from "effect"
import { BadInput } from "./errors.ts"

const prefix = "async-drop-demo-"

const unusable = ({ message }: { readonly message: string }) =>
  new BadInput({ message: `cannot use the directory for temporary files: ${message}` })

/** A directory that is removed with all that is in it. */
export const temporaryDirectory = Effect.mapError(TempDrop.directory({ prefix }), unusable)

/** Removes what runs that were killed have left, and says so. */
export const sweep = Effect.gen(function*() {
  const { failed, removed } = yield* Effect.mapError(TempDrop.sweep({ prefix }), unusable)
  for (const path of removed) yield* Console.log(`swept ${path}, which a killed run had left`)
  for (const { error, path } of failed) yield* Console.error(`demo: could not sweep ${path}: ${error.message}`)
})
