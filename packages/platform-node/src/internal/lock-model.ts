// Who holds a lock, and what can be wrong with one; public through LockDrop.
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * Who holds a lock, as the file beside it says.
 *
 * **Details**
 *
 * `startTime` is when the process started, in the kernel's own count, so that a
 * pid that was given again is not taken for the holder; it is empty where the
 * system does not tell. `since` is when it got the lock, as an ISO date.
 *
 * @category models
 * @since 0.1.0
 */
export const Holder = Schema.Struct({
  pid: Schema.Int,
  startTime: Schema.String,
  host: Schema.String,
  name: Schema.String,
  since: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Holder extends Schema.Schema.Type<typeof Holder> {}

/**
 * The lock was not free within the limit.
 *
 * **Details**
 *
 * `holder` is who had it at the end of the wait, where the file beside the lock
 * tells.
 *
 * @category errors
 * @since 0.1.0
 */
export class LockTimeout extends Data.TaggedError("LockTimeout")<{
  readonly path: string
  readonly holder: Option.Option<Holder>
  readonly message: string
}> {
  constructor(
    args: { readonly path: string; readonly limit: Duration.Duration; readonly holder: Option.Option<Holder> }
  ) {
    const by = Option.match(args.holder, {
      onNone: () => "who holds it is not known",
      onSome: ({ host, name, pid, since }) => `process ${pid} on ${host} holds it as "${name}" since ${since}`
    })
    super({
      path: args.path,
      holder: args.holder,
      message: `the lock ${args.path} was not free within ${Duration.format(args.limit)}: ${by}`
    })
  }
}

/**
 * There can be no lock at this path.
 *
 * **Details**
 *
 * | `reason` | means |
 * |---|---|
 * | `folder` | its folder does not exist |
 * | `permission` | the folder or the file is not writable |
 * | `not-a-lock` | what is there is a folder, a device, or a file with content |
 * | `record` | who holds it cannot be written beside it, as on a full disk |
 * | `system` | anything else; `cause` tells |
 *
 * @category errors
 * @since 0.1.0
 */
export class LockUnavailable extends Data.TaggedError("LockUnavailable")<{
  readonly path: string
  readonly reason: "folder" | "permission" | "not-a-lock" | "record" | "system"
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * A lock was let go, and something was wrong.
 *
 * **Details**
 *
 * `lost`: the lock file was deleted or replaced while it was held, so someone
 * else may have held the lock too. `record`: the file that says who holds it
 * could not be removed.
 *
 * @category errors
 * @since 0.1.0
 */
export class LockReleaseError extends Data.TaggedError("LockReleaseError")<{
  readonly path: string
  readonly reason: "lost" | "record"
  readonly message: string
  readonly cause?: unknown
}> {}
