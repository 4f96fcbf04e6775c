// Removes what dead processes left.
//
// 1. Only what bears our stamp, is a directory or a file (no link), and belongs to this user.
// 2. A path is first renamed to a name with the sweeper's own stamp. Of several sweepers one gets it; one
//    that dies on the way leaves a name that the next sweep knows.
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { isPlatformError, type PlatformError } from "effect/PlatformError"
import { join } from "node:path"
import { explained } from "./remove.ts"
import { lifeOf, nameOf, own, parse, type Stamp, suffixOf } from "./stamp.ts"

/** What became of one path. */
export type Swept =
  | { readonly _tag: "Removed"; readonly path: string }
  | { readonly _tag: "Kept"; readonly path: string; readonly why: "alive" | "elsewhere" | "foreign" }
  | { readonly _tag: "Failed"; readonly path: string; readonly error: PlatformError }
  | { readonly _tag: "Gone" }

export const sweepAll = Effect.fnUntraced(function*(parent: string, prefix: string, removeElsewhere: boolean) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* fs.readDirectory(parent)
  const ours = names.flatMap((name) => {
    const stamp = parse(prefix, name)
    return stamp === undefined ? [] : [{ name, stamp }]
  })
  return yield* Effect.forEach(ours, ({ name, stamp }) => {
    const path = join(parent, name)
    return sweepOne(parent, prefix, name, stamp, removeElsewhere).pipe(
      // Another sweeper was faster, or its owner.
      Effect.catch((error) => Effect.succeed<Swept>(isNotFound(error) ? gone : { _tag: "Failed", path, error }))
    )
  }, { concurrency: 4 })
})

const sweepOne = Effect.fnUntraced(
  function*(parent: string, prefix: string, name: string, stamp: Stamp, removeElsewhere: boolean) {
    const fs = yield* FileSystem.FileSystem
    const path = join(parent, name)
    const { type, uid } = yield* fs.lstat(path)
    const stranger = process.getuid !== undefined && Option.exists(uid, (uid) => uid !== process.getuid!())
    if (stranger || (type !== "Directory" && type !== "File")) return kept(path, "foreign")
    const life = yield* lifeOf(stamp)
    if (life === "alive" || (life === "elsewhere" && !removeElsewhere)) return kept(path, life)
    const claimed = join(parent, nameOf(prefix, yield* own, suffixOf(prefix, name)))
    yield* fs.rename(path, claimed)
    return yield* fs.remove(claimed, { recursive: true }).pipe(
      Effect.as<Swept>({ _tag: "Removed", path }),
      // It is no longer where it was.
      Effect.catch((error) => Effect.succeed<Swept>({ _tag: "Failed", path: claimed, error: explained(error) }))
    )
  },
  // Begun is done: a path renamed and not removed would be left until this process has ended.
  Effect.uninterruptible
)

const gone: Swept = { _tag: "Gone" }

const kept = (path: string, why: "alive" | "elsewhere" | "foreign"): Swept => ({ _tag: "Kept", path, why })

const isNotFound = (error: unknown): boolean => isPlatformError(error) && error.reason._tag === "NotFound"
