// A command, or a pipeline of them, from its start to its end.
//
// 1. All parts are started; or those that were are ended again, and nothing is left.
// 2. The guardian is there before the first part, knows those parts that are there, and goes after the last.
import { flattenCommand } from "@effect/platform-node/NodeChildProcessSpawner"
import type { Duration } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { type ChildProcessHandle, type ChildProcessSpawner, makeHandle } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as commands from "./command.ts"
import * as guardians from "./guardian.ts"
import * as part from "./part.ts"

export interface Settings {
  readonly forceKillAfter: (command: ChildProcess.StandardCommand) => Duration
  readonly guardian: boolean
}

export interface Child {
  readonly handle: ChildProcessHandle
  /** Ends all parts together; how each came to its end. */
  readonly end: Effect.Effect<ReadonlyArray<readonly [part.Part, part.Ended]>>
}

export const start = Effect.fnUntraced(function*(
  command: ChildProcess.Command,
  settings: Settings
): Effect.fn.Return<Child, PlatformError, ChildProcessSpawner> {
  const { commands: all, pipeOptions } = flattenCommand(command)
  const guardian = settings.guardian ? yield* guardians.make : undefined
  const parts: Array<part.Part> = []
  const watching = yield* Scope.make()

  /** (2) */
  const announce = Effect.suspend(() => {
    const targets = parts.filter((it) => !it.isGone()).map((it) => it.target)
    return guardian === undefined ? Effect.void : guardian.guard(targets)
  })
  const leave = Effect.andThen(Scope.close(watching, Exit.void), guardian?.dismiss ?? Effect.void)
  const end = Effect.suspend(() =>
    Effect.forEach(parts, (it) => Effect.map(it.end, (ended) => [it, ended] as const), { concurrency: "unbounded" })
  ).pipe(Effect.ensuring(leave))

  const startAll = Effect.gen(function*() {
    for (const [index, command] of all.entries()) {
      const before = parts.at(-1)
      const joined = before === undefined ? command : fedBy(before.handle, command, pipeOptions[index - 1] ?? {})
      if (guardian !== undefined) yield* guardian.starting(commands.hasOwnGroup(command))
      parts.push(yield* part.start(joined, settings.forceKillAfter(command), guardian))
      yield* announce
    }
    const gone = Effect.forEach(parts, (it) => Effect.andThen(it.awaitGone, announce), { concurrency: "unbounded" })
    yield* Effect.forkIn(Effect.andThen(gone, guardian?.dismiss ?? Effect.void), watching)
  })
  // (1)
  yield* Effect.onError(startAll, () => end)
  return { handle: handleOf(parts), end }
})

/** As Effect's spawner joins a pipeline. */
const fedBy = (
  source: ChildProcessHandle,
  command: ChildProcess.StandardCommand,
  { from = "stdout", to = "stdin" }: ChildProcess.PipeOptions
): ChildProcess.StandardCommand => {
  const stream = streamOf(source, from)
  const { additionalFds, stdin } = command.options
  const fd = to === "stdin" ? undefined : ChildProcess.parseFdName(to)
  if (fd === undefined) {
    const config = typeof stdin === "object" && "stream" in stdin ? stdin : {}
    return ChildProcess.make(command.command, command.args, { ...command.options, stdin: { ...config, stream } })
  }
  const name = ChildProcess.fdName(fd) as `fd${number}` // what it makes
  const present = additionalFds?.[name]
  const input = present?.type === "duplex" ? { ...present, stream } : { type: "input", stream } as const
  return ChildProcess.make(command.command, command.args, {
    ...command.options,
    additionalFds: { ...additionalFds, [name]: input }
  })
}

const streamOf = (source: ChildProcessHandle, from: ChildProcess.PipeFromOption) => {
  const fd = ChildProcess.parseFdName(from)
  if (fd !== undefined) return source.getOutputFd(fd)
  return from === "stderr" ? source.stderr : from === "all" ? source.all : source.stdout
}

/** The input is that of the first, all else of the last. */
const handleOf = (parts: ReadonlyArray<part.Part>): ChildProcessHandle => {
  const handles = parts.map((it) => it.handle)
  const last = handles.at(-1)!
  if (handles.length === 1) return last
  return makeHandle({
    ...last,
    stdin: handles[0]!.stdin,
    kill: (options) => Effect.forEach(handles.toReversed(), (it) => Effect.ignore(it.kill(options)), { discard: true }),
    unref: Effect.map(
      Effect.forEach(handles, (it) => it.unref),
      (rerefs) => Effect.forEach(rerefs.toReversed(), (it) => it, { discard: true })
    )
  })
}
