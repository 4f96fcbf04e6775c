// One process of a child, and its group.
//
// 1. A group is signalled only while it is there: when it has gone, which is looked at once a second after the
//    process itself has ended, it is never signalled again. Its number may be somebody else's by then.
// 2. What ends it takes at most the limit, 1 s for the kill, and 1 s for what is left of the output.
// 3. All of its output was read before its end is over, unless somebody outside of the group holds it open.
// 4. When this process exits before that, the group is killed; or left to its guardian, who gives it more time;
//    or left alone, where the program let this process end before the child by `unref`.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { type ChildProcessHandle, ChildProcessSpawner, makeHandle } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { add } from "../at-exit.ts"
import * as commands from "./command.ts"
import { endNow, isAlive, runs, send, type Target } from "./group.ts"
import type { Guardian } from "./guardian.ts"
import * as outlet from "./outlet.ts"
import { atMost, pause, within } from "./time.ts"

/** How a process ended; neither while it runs, or where that is not known. */
export interface ExitStatus {
  readonly pid: number
  readonly code: number | undefined
  readonly signal: string | undefined
}

/** How a part came to its end: when it was asked to, by force, or not at all. */
export interface Ended {
  readonly by: "signal" | "force" | "nothing"
  readonly status: ExitStatus
}

export interface Part {
  readonly command: ChildProcess.StandardCommand
  readonly forceKillAfter: Duration.Duration
  /** What the program that started it gets. */
  readonly handle: ChildProcessHandle
  readonly target: Target
  readonly outlets: ReadonlyMap<string, outlet.Outlet>
  readonly isGone: () => boolean
  /** Waits until the process and its group have ended, whoever ended them. */
  readonly awaitGone: Effect.Effect<void>
  /** Ends the process and its group. */
  readonly end: Effect.Effect<Ended>
}

/** Starts a process. Where it cannot be started nothing is left. */
export const start = Effect.fnUntraced(function*(
  command: ChildProcess.StandardCommand,
  forceKillAfter: Duration.Duration,
  guardian: Guardian | undefined
): Effect.fn.Return<Part, PlatformError, ChildProcessSpawner> {
  const spawner = yield* ChildProcessSpawner
  const running = yield* Scope.make()
  const raw = yield* Effect.onError(
    Scope.provide(spawner.spawn(commands.prepared(command, guardian?.mark)), running),
    (cause) => Scope.close(running, Exit.failCause(cause))
  )
  const target = commands.hasOwnGroup(command) ? -raw.pid : raw.pid
  // (4)
  const last = () => {
    if (guardian?.isThere() !== true) endNow(target, runs(raw))
  }
  const forget = add("child", last)
  const reading = yield* Scope.make()
  const outlets = yield* outletsOf(command, raw, reading)
  let status: ExitStatus = { pid: raw.pid, code: undefined, signal: undefined }
  let gone = false

  const lives = Effect.map(
    Effect.orElseSucceed(raw.isRunning, () => false),
    (running) => running || isAlive(target)
  )
  const ended = Effect.map(lives, (lives) => !lives)

  // The finalizer of Effect's own would wait up to 1 s for zombies, which others reap, and for ever for what does
  // not end: all that it has left to do is to say so.
  const close = Effect.gen(function*() {
    forget()
    yield* Effect.ignore(raw.unref)
    const closing = yield* Effect.forkDetach(Scope.close(running, Exit.void))
    yield* atMost(50, Fiber.await(closing))
  })

  const letGo = Effect.gen(function*() {
    status = statusOf(raw.pid, yield* Effect.exit(raw.exitCode))
    gone = true // (1)
    yield* close
  })

  const { killSignal = "SIGTERM" } = command.options
  const stop = Effect.gen(function*(): Effect.fn.Return<Ended["by"]> {
    send(target, killSignal)
    if (yield* within(Duration.toMillis(forceKillAfter), ended)) return "signal"
    send(target, "SIGKILL")
    return (yield* within(killing, ended)) ? "force" : "nothing"
  }).pipe(
    // Who is interrupted has no time left to be patient.
    Effect.onInterrupt(() => Effect.sync(() => send(target, "SIGKILL")))
  )

  // (4)
  const unref = Effect.map(raw.unref, (reref) => {
    forget()
    return Effect.tap(reref, () =>
      Effect.sync(() => {
        if (!gone) add("child", last)
      }))
  })

  return {
    command,
    forceKillAfter,
    handle: handleOf({ ...raw, unref }, outlets, { killSignal, forceKillAfter }, () => gone),
    target,
    outlets,
    isGone: () => gone,
    awaitGone: Effect.gen(function*() {
      yield* Effect.exit(raw.exitCode)
      // Where its input failed, the exit code does too, and it still runs.
      for (let step = 10; yield* lives; step = Math.min(step * 2, 1_000)) yield* pause(step, true)
      yield* letGo
    }),
    end: Effect.gen(function*() {
      for (const { drain } of outlets.values()) yield* drain
      const by = gone ? "signal" : yield* stop
      // (3)
      yield* atMost(draining, Effect.forEach(outlets.values(), (it) => it.ended, { discard: true }))
      yield* Scope.close(reading, Exit.void)
      yield* by === "nothing" ? close : letGo
      return { by, status }
    })
  }
})

/** How long what was killed may take to go, and the rest of its output to come, in milliseconds. */
const killing = 1_000
const draining = 1_000

const outletsOf = Effect.fnUntraced(function*(
  command: ChildProcess.StandardCommand,
  raw: ChildProcessHandle,
  scope: Scope.Scope
) {
  const sinks = commands.sinksOf(command)
  const outputs: Array<readonly [string, outlet.Output]> = [
    ["stdout", raw.stdout],
    ["stderr", raw.stderr],
    ...commands.outputFds(command).map((fd) => [ChildProcess.fdName(fd), raw.getOutputFd(fd)] as const)
  ]
  const outlets = new Map<string, outlet.Outlet>()
  for (const [name, output] of outputs) outlets.set(name, yield* outlet.make(output, sinks.get(name), scope))
  return outlets
})

const handleOf = (
  raw: ChildProcessHandle,
  outlets: ReadonlyMap<string, outlet.Outlet>,
  defaults: ChildProcess.KillOptions,
  isGone: () => boolean
): ChildProcessHandle => {
  const stream = (name: string) => outlets.get(name)?.stream ?? Stream.empty
  const stdout = stream("stdout")
  const stderr = stream("stderr")
  return makeHandle({
    ...raw,
    stdout,
    stderr,
    all: Stream.merge(stdout, stderr),
    getOutputFd: (fd) => stream(ChildProcess.fdName(fd)),
    // (1)
    kill: (options) => Effect.suspend(() => isGone() ? Effect.void : raw.kill({ ...defaults, ...options }))
  })
}

/** Effect tells which signal it was in the text of an error alone. */
const statusOf = (pid: number, exit: Exit.Exit<number, PlatformError>): ExitStatus =>
  Exit.isSuccess(exit)
    ? { pid, code: exit.value, signal: undefined }
    : { pid, code: undefined, signal: /signal: '(SIG\w+)'/.exec(String(exit.cause))?.[1] }
