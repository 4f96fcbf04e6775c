// What becomes of a command's options before Effect's own spawner gets them.
import * as ChildProcess from "effect/process/ChildProcess"
import * as CommandLine from "effect/process/CommandLine"
import * as Sink from "effect/Sink"
import { basename } from "node:path"
import type { OutputSink } from "./outlet.ts"

/** As it is shown: secrets are not. */
export const display = (command: ChildProcess.StandardCommand): string =>
  CommandLine.display([command.command, ...command.args])

/** Its name alone, without its folder and arguments. */
export const programOf = (command: ChildProcess.StandardCommand): string => basename(command.command.split(/\s/, 1)[0]!)

/** What messages call a child that has no name. */
export const nameOf = (commands: ReadonlyArray<ChildProcess.StandardCommand>): string =>
  `child ${commands.map(programOf).join(" | ")}`

export const hasOwnGroup = (command: ChildProcess.StandardCommand): boolean =>
  command.options.detached ?? process.platform !== "win32"

/** The sinks that the command gives, by what is written to them. */
export const sinksOf = (command: ChildProcess.StandardCommand): ReadonlyMap<string, OutputSink> => {
  const { additionalFds = {}, stderr, stdout } = command.options
  const all: Array<readonly [string, unknown]> = [
    ["stdout", sinkIn(stdout)],
    ["stderr", sinkIn(stderr)],
    ...Object.entries(additionalFds).map(([name, fd]) => [name, "sink" in fd ? fd.sink : undefined] as const)
  ]
  return new Map(all.filter((entry): entry is readonly [string, OutputSink] => Sink.isSink(entry[1])))
}

/** Those additional descriptors that the child writes to. */
export const outputFds = (command: ChildProcess.StandardCommand): ReadonlyArray<number> =>
  Object.entries(command.options.additionalFds ?? {}).flatMap(([name, { type }]) => {
    const fd = ChildProcess.parseFdName(name)
    return fd === undefined || type === "input" ? [] : [fd]
  })

type Out = ChildProcess.CommandOptions["stdout"] | ChildProcess.CommandOptions["stderr"]

const sinkIn = (out: Out): unknown => Sink.isSink(out) || typeof out !== "object" ? out : out.stream

const piped = (out: Out): Out => Sink.isSink(sinkIn(out)) ? "pipe" : out

/** The command with plain pipes for its sinks, and a mark. */
export const prepared = (
  command: ChildProcess.StandardCommand,
  mark: Readonly<Record<string, string>> | undefined
): ChildProcess.StandardCommand => {
  const { additionalFds, env, extendEnv, stderr, stdout } = command.options
  const fds = Object.entries(additionalFds ?? {}).map(([name, fd]) =>
    [name, "sink" in fd ? { ...fd, sink: undefined } : fd] as const
  )
  return ChildProcess.make(command.command, command.args, {
    ...command.options,
    stdout: piped(stdout),
    stderr: piped(stderr),
    // Ours is the limit; its own would be waited for after the end, too.
    forceKillAfter: undefined,
    ...(additionalFds === undefined ? {} : { additionalFds: Object.fromEntries(fds) }),
    // Without an `env` of its own a command inherits ours, whatever `extendEnv` says.
    ...(mark === undefined ? {} : { env: { ...env, ...mark }, extendEnv: env === undefined || extendEnv === true })
  })
}
