/**
 * Child processes that end with their scope, and whose end is known.
 *
 * | What ends it                                   | The child and its process group                            |
 * | ---------------------------------------------- | ---------------------------------------------------------- |
 * | its scope closes                               | get SIGTERM, and SIGKILL at the limit                      |
 * | `process.exit`, an uncaught error              | get SIGKILL as the process exits; the guardian's, SIGTERM  |
 * | SIGHUP, SIGINT, SIGTERM that nobody listens to | the same, and the signal ends the process                  |
 * | SIGKILL, SIGQUIT, a crash                      | live on, unless there is a guardian                        |
 *
 * One on which `unref` was called lives on after the exit.
 *
 * @since 0.1.0
 */
import { AsyncDrop, DropReport, type DropScope } from "@async-drop/core"
import { flattenCommand } from "@effect/platform-node/NodeChildProcessSpawner"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import type { ChildProcessHandle, ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import { type Child, type Settings, start } from "./internal/child/child.ts"
import { display, nameOf, programOf } from "./internal/child/command.ts"
import type { Ended, Part } from "./internal/child/part.ts"
import { checkDurations } from "./internal/options.ts"

/**
 * How a process ended: with a code, or by a signal.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExitStatus {
  readonly pid: number
  readonly code: number | undefined
  readonly signal: string | undefined
}

/**
 * The options of a child.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** What messages call it. Default `child`, and the name of its program. */
  readonly name?: string | undefined
  /**
   * How long the child and its process group have, from SIGTERM (or the command's `killSignal`) to SIGKILL.
   * Default: the command's own `forceKillAfter`, else 5 seconds.
   */
  readonly forceKillAfter?: Duration.Input | undefined
  /** Whether the child is ended within 1.1 s even when this process is killed. Needs a POSIX shell. Default `false`. */
  readonly guardian?: boolean | undefined
}

/**
 * A child that did not end in time and was ended by SIGKILL.
 *
 * **Details**
 *
 * It has ended. `status` is that of the child itself: where that had ended in
 * time, it was another process of its group that did not.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChildKilled extends Data.TaggedError("ChildKilled")<{
  readonly command: string
  readonly pid: number
  readonly after: Duration.Duration
  readonly status: ExitStatus
}> {
  override get message(): string {
    const who = this.status.signal === "SIGKILL" ? "it" : "a process of its group"
    return `${this.command} (pid ${this.pid}): ${who} did not end within ${Duration.format(this.after)}, and was killed`
  }
}

/**
 * A child that is still there after SIGKILL: it waits for a device, or belongs to another user.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChildNotEnded extends Data.TaggedError("ChildNotEnded")<{
  readonly command: string
  readonly pid: number
}> {
  override get message(): string {
    return `${this.command} (pid ${this.pid}): it is still there 1 s after SIGKILL`
  }
}

/**
 * A sink of the command that failed; what the child wrote from then on is lost.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChildOutputLost extends Data.TaggedError("ChildOutputLost")<{
  readonly command: string
  readonly pid: number
  /** `stdout`, `stderr`, or `fd3` and so on. */
  readonly output: string
  readonly cause: PlatformError
}> {
  override get message(): string {
    return `${this.command} (pid ${this.pid}): its ${this.output} was lost: ${this.cause.message}`
  }
}

/**
 * What the end of a child may fail with.
 *
 * @category errors
 * @since 0.1.0
 */
export type ChildDropError = ChildKilled | ChildNotEnded | ChildOutputLost

/** What a child asks for, beside a scope. */
type Needs = ChildProcessSpawner | Scope.Scope | DropScope.DropScope<ChildDropError>

/**
 * Starts a command whose processes are ended when the scope closes.
 *
 * **When to use**
 *
 * In place of `ChildProcess.spawn`, whose scope waits for ever for a child that
 * ignores SIGTERM, and whose child outlives a parent that is killed.
 *
 * **Details**
 *
 * The handle is Effect's own. When the scope closes, the whole process group
 * gets SIGTERM, after `forceKillAfter` SIGKILL; what it writes until then is
 * read to its end, so that a full pipe does not hold it up. It takes at most
 * `forceKillAfter` and 2 s more. A child that ended before, with whatever
 * status, is no error. A group that outlives its child lives until the scope
 * closes, as in Effect, unless the child failed: then Effect ends it at once.
 *
 * A sink that the command has as its `stdout` or `stderr` reads from the start,
 * to the end of the output; the handle's own stream is then empty. What nobody
 * reads makes the child wait, as ever, and is thrown away at its end.
 *
 * A command that cannot be started is a `PlatformError` that names it, or the
 * directory that is not there; nothing is left then, of a pipeline neither. A `forceKillAfter` that is
 * negative or `NaN` is a `DropUsageError`.
 *
 * How each process ended, `ended with code 0` or `ended by SIGTERM`, is the note
 * of the child in a `DropReport`, is logged at level `Debug`, and is in the errors.
 *
 * While a child is open, and at no other time, this module listens to `exit`,
 * SIGHUP, SIGINT and SIGTERM of the process, as `TempDrop` does: nothing is left
 * of a child where its scope cannot close, as on a second signal under
 * `NodeDrop.runMain`, or when its budget is over. Children end before the paths
 * of `TempDrop` are removed, whichever is older.
 *
 * `guardian` adds a small `sh`, in a session of its own, that waits for the end
 * of this process, whatever that is: it sends SIGTERM, and 0.6 s later SIGKILL. The children find a
 * variable `ASYNC_DROP_GUARDIAN` in their environment.
 *
 * **Interruption**
 *
 * Starting and ending it are uninterruptible.
 *
 * **Gotchas**
 *
 * A process that leaves the group (`setsid`, a daemon) is not ended, and may
 * hold the output open: it is waited for 1 s. With `detached: false` in the
 * command there is no group: the child alone is ended. `unref` lets this
 * process end before the child, which lives on then; the scope still ends it. In a
 * worker thread signals are not seen, nor the exit of the process. On Windows there are no
 * groups and no graceful signals.
 *
 * **Example** (A server for a while)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { ChildDrop } from "@async-drop/platform-node"
 * import { NodeServices } from "@effect/platform-node"
 * import { Effect, Stream } from "effect"
 * import { ChildProcess } from "effect/process"
 *
 * const script = "process.stdout.write('ready'); setInterval(() => {}, 1000)"
 *
 * const program = Effect.gen(function*() {
 *   const server = yield* ChildDrop.spawn(ChildProcess.make("node", ["-e", script]), { forceKillAfter: "2 seconds" })
 *   return yield* server.stdout.pipe(Stream.take(1), Stream.decodeText, Stream.mkString)
 * })
 *
 * await Effect.runPromise(Effect.provide(AsyncDrop.scoped(program), NodeServices.layer)) // => "ready"
 * ```
 *
 * **Example** (One that does not listen)
 *
 * ```ts
 * import { AsyncDrop } from "@async-drop/core"
 * import { ChildDrop } from "@async-drop/platform-node"
 * import { NodeServices } from "@effect/platform-node"
 * import { Effect, Stream } from "effect"
 * import { ChildProcess } from "effect/process"
 *
 * const stubborn = ChildProcess.make("sh", ["-c", "trap '' TERM; echo ready; while true; do sleep 1; done"])
 *
 * const program = Effect.gen(function*() {
 *   const child = yield* stubborn.pipe(ChildDrop.spawn({ name: "stubborn", forceKillAfter: "50 millis" }))
 *   yield* Stream.runDrain(Stream.take(child.stdout, 1))
 * })
 * const { dropErrors } = await Effect.runPromise(
 *   AsyncDrop.scopedExit(program).pipe(Effect.provide(NodeServices.layer))
 * )
 * dropErrors.map((error) => error.resource) // => ["stubborn"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const spawn: {
  (options?: Options): (command: ChildProcess.Command) => Effect.Effect<ChildProcessHandle, PlatformError, Needs>
  (command: ChildProcess.Command, options?: Options): Effect.Effect<ChildProcessHandle, PlatformError, Needs>
} = dual(
  (args) => ChildProcess.isCommand(args[0]),
  (command: ChildProcess.Command, options?: Options): Effect.Effect<ChildProcessHandle, PlatformError, Needs> =>
    Effect.suspend(() => {
      const commands = flattenCommand(command).commands
      const name = options?.name ?? nameOf(commands)
      const limitOf = (command: ChildProcess.StandardCommand) =>
        options?.forceKillAfter ?? command.options.forceKillAfter ?? defaultLimit
      const settings: Settings = {
        forceKillAfter: (command) => Duration.fromInputUnsafe(limitOf(command)),
        guardian: options?.guardian === true
      }
      const check = (command: ChildProcess.StandardCommand) =>
        checkDurations(name, "ChildDrop.spawn", { forceKillAfter: limitOf(command) })
      return Effect.andThen(
        Effect.forEach(commands, check, { discard: true }),
        Effect.map(AsyncDrop.acquireRelease(start(command, settings), end, { name }), ({ handle }) => handle)
      )
    })
)

const defaultLimit = Duration.seconds(5)

/** All that went wrong; how each ended is noted and logged, whatever it was. */
const end = (child: Child): Effect.Effect<void, ChildDropError> =>
  Effect.flatMap(child.end, (parts) => {
    const errors = parts.flatMap(([part, ended]) => errorsOf(part, ended))
    const logged = parts.map(([part, { status }]) =>
      Effect.logDebug(`${display(part.command)} (pid ${status.pid}) ${toText(status)}`)
    )
    const said = Effect.all([DropReport.note(noteOf(parts)), ...logged], { discard: true })
    const failed = Cause.fromReasons(errors.map(Cause.makeFailReason))
    return errors.length === 0 ? said : Effect.andThen(said, Effect.failCause(failed))
  })

/** Of a pipeline, each by its program. */
const noteOf = (parts: ReadonlyArray<readonly [Part, Ended]>): string =>
  parts.map(([part, { by, status }]) => {
    const text = by === "nothing" ? "has not ended" : toText(status)
    return parts.length === 1 ? text : `${programOf(part.command)} ${text}`
  }).join("; ")

const toText = ({ code, signal }: ExitStatus): string =>
  `ended ${code !== undefined ? `with code ${code}` : signal !== undefined ? `by ${signal}` : "in an unknown way"}`

const errorsOf = (part: Part, { by, status }: Ended): ReadonlyArray<ChildDropError> => {
  const { pid } = status
  const command = display(part.command)
  const lost = [...part.outlets].flatMap(([output, { failure }]) => {
    const cause = failure()
    return cause === undefined ? [] : [new ChildOutputLost({ command, pid, output, cause })]
  })
  switch (by) {
    case "signal":
      return lost
    case "force":
      return [new ChildKilled({ command, pid, after: part.forceKillAfter, status }), ...lost]
    case "nothing":
      return [new ChildNotEnded({ command, pid }), ...lost]
  }
}
