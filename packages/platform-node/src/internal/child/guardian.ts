// A tiny shell that outlives this process for as long as it takes to end its children.
//
// 1. It reads a pipe whose other end this process alone holds. However this process ends, the pipe does too.
// 2. It kills only what it was last told to: what has ended by itself is taken back at once, so that nobody who
//    got its number is killed. Told that all is done, it ends and kills nothing.
// 3. It is started before the first child. This process may be killed after a child was started and before the
//    guardian was told its number: that child is then found by a mark in its environment. (The pipe is not at its
//    end before that child runs its program: until then the child holds a copy of our end.)
// 4. It has a session of its own and ignores the signals that end a session or a service: it ends with this
//    process, not before.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { runs, send, type Target } from "./group.ts"
import { atMost, within } from "./time.ts"

/** The variable by which a child is found that was not announced yet. */
const variable = "ASYNC_DROP_GUARDIAN"

/** 0.6 s between SIGTERM and SIGKILL, and looking ten times a second whether it is needed. */
const script = `
trap '' HUP INT QUIT TERM
have= pending=
while read -r word rest; do
  case $word in
    have) have=$rest pending= ;;
    start) pending=$rest ;;
    done) exit 0 ;;
  esac
done
if [ -n "$pending" ]; then
  for file in $(grep -ls "$1" /proc/[0-9]*/environ 2>/dev/null); do
    pid=\${file#/proc/} pid=\${pid%/environ}
    [ "$pending" = group ] && pid=-$pid
    have="$have $pid"
  done
fi
each() { alive=; for target in $have; do kill -s "$1" -- "$target" && alive=1; done 2>/dev/null; }
each TERM
left=6
while [ $left -gt 0 ]; do
  each 0
  [ -n "$alive" ] || exit 0
  sleep 0.1
  left=$((left - 1))
done
each KILL
`

export interface Guardian {
  /** What a child's environment has to hold. */
  readonly mark: Readonly<Record<string, string>>
  /** Whether it is there to end what it guards. */
  readonly isThere: () => boolean
  /** Before a child is started. */
  readonly starting: (ownGroup: boolean) => Effect.Effect<void>
  /** What to end, from now on. */
  readonly guard: (targets: ReadonlyArray<Target>) => Effect.Effect<void>
  /** There is nothing to guard any more; waits until it has gone. */
  readonly dismiss: Effect.Effect<void>
}

export const make: Effect.Effect<Guardian, PlatformError, ChildProcessSpawner> = Effect.gen(function*() {
  const spawner = yield* ChildProcessSpawner
  const scope = yield* Scope.make()
  const mark = { [variable]: randomUUID() }
  const command = ChildProcess.make("sh", ["-c", script, "guardian", `${variable}=${mark[variable]}`], {
    cwd: "/",
    stdin: { stream: "pipe", endOnDone: false },
    stdout: "ignore",
    stderr: "ignore"
  })
  const shell = yield* Scope.provide(spawner.spawn(command), scope)
  // It keeps neither this process nor its own from ending.
  yield* Effect.ignore(shell.unref)
  // One that was killed cannot be told any more: its children are left to this process.
  const tell = (line: string) =>
    atMost(1_000, Effect.ignore(Stream.run(Stream.make(new TextEncoder().encode(`${line}\n`)), shell.stdin)))
  return {
    mark,
    isThere: () => runs(shell),
    starting: (ownGroup) => tell(`start ${ownGroup ? "group" : "process"}`),
    guard: (targets) => tell(`have ${targets.join(" ")}`),
    dismiss: Effect.gen(function*() {
      yield* tell("done")
      const gone = yield* within(1_000, Effect.map(Effect.orElseSucceed(shell.isRunning, () => false), (it) => !it))
      if (!gone) send(shell.pid, "SIGKILL")
      yield* Scope.close(scope, Exit.void)
    })
  }
})
