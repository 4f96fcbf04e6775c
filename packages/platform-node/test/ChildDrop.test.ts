import { AsyncDrop, DropReport } from "@async-drop/core"
import { ChildDrop, TempDrop } from "@async-drop/platform-node"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Latch, PlatformError, Sink, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { spawn as nodeSpawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { endNow } from "../src/internal/child/group.ts"
import { rounds } from "./support/folders.ts"
import { folder, program, until } from "./support/program.ts"

// The process table is read from /proc.
const linux = process.platform === "linux"

const sh = (script: string, options?: ChildProcess.CommandOptions) => ChildProcess.make("sh", ["-c", script], options)

/** Says so when its trap is set, and ends only by SIGKILL. */
const stubborn = sh("trap '' TERM; echo ready; while true; do sleep 1; done")

const firstOf = (child: { readonly stdout: Stream.Stream<Uint8Array, PlatformError.PlatformError> }) =>
  child.stdout.pipe(Stream.take(1), Stream.decodeText, Stream.mkString)

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The processes of a group that live. */
const groupOf = (group: number): ReadonlyArray<number> =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8")
      const [state, , pgrp] = text.slice(text.lastIndexOf(")") + 2).split(" ")
      return pgrp === String(group) && state !== "Z" ? [Number(name)] : []
    } catch {
      return []
    }
  })

/** Whether a process was started by this one, with this in its command line. */
const isOurs = (pid: string, words: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[3] === String(process.pid) &&
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(words)
  } catch {
    return false
  }
}

/** What the drop failed with, and how long the whole took. */
const dropped = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = performance.now()
    const { dropErrors, exit } = yield* AsyncDrop.scopedExit(effect)
    const errors = dropErrors.flatMap((error) => error.cause.reasons.filter(Cause.isFailReason).map((it) => it.error))
    return { errors, exit, names: dropErrors.map((error) => error.resource), millis: performance.now() - start }
  })

describe.concurrent("ChildDrop.spawn", { timeout: 30_000 }, () => {
  it.effect("gives Effect's handle, and ends the child with its scope", () =>
    Effect.gen(function*() {
      const { errors, exit, millis } = yield* dropped(Effect.gen(function*() {
        const child = yield* ChildDrop.spawn(sh("echo hello; exec sleep 1000"))
        assert.strictEqual(yield* firstOf(child), "hello\n")
        assert.isTrue(yield* child.isRunning)
        return child.pid
      }))
      assert.deepStrictEqual(errors, [])
      assert.isFalse(isThere(Exit.isSuccess(exit) ? exit.value : process.pid))
      assert.isBelow(millis, 2_000)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("kills a child that ignores SIGTERM at its limit, and says so", () =>
    Effect.gen(function*() {
      const { errors, millis, names } = yield* dropped(Effect.gen(function*() {
        yield* firstOf(yield* ChildDrop.spawn(stubborn, { forceKillAfter: "300 millis" }))
      }))
      const [error] = errors as [ChildDrop.ChildKilled] // the drop errors of a child
      assert.deepStrictEqual([error._tag, error.status.signal, names], ["ChildKilled", "SIGKILL", ["child sh"]])
      assert.match(error.message, /^sh -c .* \(pid \d+\): it did not end within 300ms, and was killed$/)
      assert.isTrue(millis >= 300 && millis < 2_500, `${millis} ms`)
      assert.isFalse(isThere(error.pid))
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("has 5 s for it where nothing is said, else what the command says", () =>
    Effect.gen(function*() {
      const limits = [stubborn, ChildProcess.make(stubborn.command, stubborn.args, { forceKillAfter: 100 })]
      const [first, second] = yield* Effect.forEach(limits, (command) =>
        dropped(Effect.flatMap(ChildDrop.spawn(command), firstOf)), { concurrency: 2 })
      assert.isTrue(first!.millis > 5_000 && first!.millis < 7_500, `${first!.millis} ms`)
      assert.isTrue(second!.millis > 100 && second!.millis < 2_500, `${second!.millis} ms`)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect.skipIf(!linux)(
    "ends the whole process group, a process that ignores SIGTERM too",
    () =>
      Effect.gen(function*() {
        const tree = sh("(trap '' TERM; echo ready; while true; do sleep 1; done) & wait")
        const { errors, exit } = yield* dropped(Effect.gen(function*() {
          const child = yield* ChildDrop.spawn(tree, { forceKillAfter: "200 millis" })
          yield* firstOf(child)
          assert.isAtLeast(groupOf(child.pid).length, 2)
          return child.pid
        }))
        const [error] = errors as [ChildDrop.ChildKilled] // the drop errors of a child
        assert.deepStrictEqual([error._tag, error.status.signal], ["ChildKilled", "SIGTERM"])
        assert.include(error.message, "a process of its group")
        assert.deepStrictEqual(groupOf(Exit.isSuccess(exit) ? exit.value : 0), [])
      }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("lets a child say its last words however long they are, read or not", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const script = `trap 'head -c 1000000 /dev/zero; echo end > ${parent}/end; exit 0' TERM; echo ready
        while true; do sleep 0.02; done`
      const { errors } = yield* dropped(Effect.flatMap(ChildDrop.spawn(sh(script)), firstOf))
      assert.deepStrictEqual([errors, readdirSync(parent)], [[], ["end"]])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("gives all of its output to a sink of the command, and to a reader outside of the scope", () =>
    Effect.gen(function*() {
      const script = `trap 'head -c 500000 /dev/zero; head -c 300000 /dev/zero >&2; exit 0' TERM; echo ready
        while true; do sleep 0.02; done`
      let seen = 0
      const stderr = Sink.forEach((piece: Uint8Array) =>
        Effect.sync(() => {
          // The shell itself may say a word.
          seen += piece.filter((byte) => byte === 0).length
        })
      ).pipe(Sink.map(() => new Uint8Array()))
      let read: Fiber.Fiber<number, PlatformError.PlatformError> | undefined
      const { errors } = yield* dropped(Effect.gen(function*() {
        const child = yield* ChildDrop.spawn(sh(script, { stderr }))
        const ready = yield* Latch.make()
        read = yield* child.stdout.pipe(
          Stream.tap(() => ready.open),
          Stream.runFold(() => 0, (sum, piece) => sum + piece.length),
          Effect.forkDetach
        )
        yield* ready.await
      }))
      assert.deepStrictEqual([errors, seen, yield* Fiber.join(read!)], [[], 300_000, 500_006])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("names the output that a failing sink lost, and goes on reading it", () =>
    Effect.gen(function*() {
      const full = PlatformError.systemError({ _tag: "Unknown", module: "Test", method: "write", description: "full" })
      const { errors } = yield* dropped(Effect.gen(function*() {
        const child = yield* ChildDrop.spawn(sh("head -c 1000000 /dev/zero", { stdout: Sink.fail(full) }))
        assert.strictEqual(yield* child.exitCode, 0)
      }))
      const [error] = errors as [ChildDrop.ChildOutputLost] // the drop errors of a child
      assert.deepStrictEqual([error._tag, error.output, error.cause], ["ChildOutputLost", "stdout", full])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("of a child that ended before, in whatever way, is no error", () =>
    Effect.gen(function*() {
      for (const script of ["exit 0", "exit 3", "kill -9 $$"]) {
        const { errors, millis } = yield* dropped(Effect.gen(function*() {
          const child = yield* ChildDrop.spawn(sh(script))
          yield* Effect.exit(child.exitCode)
        }))
        assert.deepStrictEqual(errors, [])
        assert.isBelow(millis, 1_000)
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("says in the report how it ended, in whatever way, and each of a pipeline", () =>
    Effect.gen(function*() {
      const full = PlatformError.systemError({ _tag: "Unknown", module: "Test", method: "write", description: "full" })
      const until = (command: ChildProcess.Command, happens: "exit" | "ready" | "nothing", name: string) =>
        Effect.gen(function*() {
          const child = yield* ChildDrop.spawn(command, { name, forceKillAfter: "500 millis" })
          if (happens === "exit") yield* Effect.exit(child.exitCode)
          if (happens === "ready") yield* firstOf(child)
        })
      const answering = sh("trap 'exit 5' TERM; echo ready; while true; do sleep 0.02; done")
      const reports: Array<DropReport.DropReport> = []
      yield* Effect.gen(function*() {
        yield* until(sh("exit 0"), "exit", "good")
        yield* until(sh("exit 3"), "exit", "bad")
        yield* until(ChildProcess.make("sleep", ["1000"]), "nothing", "asked")
        yield* until(answering, "ready", "answering")
        yield* until(stubborn, "ready", "stubborn")
        yield* until(sh("echo x", { stdout: Sink.fail(full) }), "exit", "lossy")
        const piped = answering.pipe(ChildProcess.pipeTo(sh("head -n 1; exec sleep 1000")))
        yield* until(piped, "ready", "piped")
      }).pipe(
        AsyncDrop.scopedExit,
        AsyncDrop.withReport((report) => Effect.sync(() => void reports.push(report)))
      )
      const [{ resources } = { resources: [] }] = reports[0]?.scopes ?? []
      assert.deepStrictEqual(resources.map(({ name, note, result }) => [name, result, note]), [
        ["piped", "released", "sh ended with code 5; sh ended by SIGTERM"],
        ["lossy", "failed", "ended with code 0"],
        ["stubborn", "failed", "ended by SIGKILL"],
        ["answering", "released", "ended with code 5"],
        ["asked", "released", "ended by SIGTERM"],
        ["bad", "released", "ended with code 3"],
        ["good", "released", "ended with code 0"]
      ])
      assert.include(DropReport.toText(reports[0]!), "ended with code 3\n")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect.skipIf(!linux)(
    "of a command that cannot be started is a typed error that names it, and leaves nothing of a pipeline",
    () =>
      Effect.gen(function*() {
        for (const guardian of [false, true]) {
          const command = ChildProcess.make("sleep", ["7531"]).pipe(
            ChildProcess.pipeTo(ChildProcess.make("no-such-program", ["--now"]))
          )
          const error = yield* Effect.flip(AsyncDrop.scoped(ChildDrop.spawn(command, { guardian })))
          assert.match(error.message, /NotFound.*no-such-program --now/)
          assert.isFalse(readdirSync("/proc").some((pid) => isOurs(pid, "7531")))
          const elsewhere = ChildProcess.make("sleep", ["1000"], { cwd: "/no/such/directory" })
          const noCwd = yield* Effect.flip(AsyncDrop.scoped(ChildDrop.spawn(elsewhere, { guardian })))
          assert.match(noCwd.message, /NotFound.*\/no\/such\/directory/)
        }
      }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("joins a pipeline, and ends all of it", () =>
    Effect.gen(function*() {
      const pipeline = sh("while true; do echo a; sleep 0.02; done").pipe(
        ChildProcess.pipeTo(ChildProcess.make("tr", ["a", "b"])),
        ChildProcess.pipeTo(sh("while read -r line; do echo $line$line; done"))
      )
      const { errors, exit, millis } = yield* dropped(Effect.gen(function*() {
        const child = yield* ChildDrop.spawn(
          sh("echo a >&2").pipe(
            ChildProcess.pipeTo(ChildProcess.make("tr", ["a", "b"]), { from: "stderr" })
          )
        )
        yield* ChildDrop.spawn(pipeline)
        return yield* firstOf(child)
      }))
      assert.deepStrictEqual([errors, exit], [[], Exit.succeed("b\n")])
      assert.isBelow(millis, 2_000)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("refuses a limit that is none, before anything is started", () =>
    Effect.gen(function*() {
      for (const forceKillAfter of [-1, NaN, "-5 seconds"] as const) {
        const exit = yield* Effect.exit(AsyncDrop.scoped(ChildDrop.spawn(stubborn, { forceKillAfter })))
        const said = Exit.isFailure(exit) ? String(exit.cause) : ""
        assert.include(
          said,
          `ChildDrop.spawn of child sh: forceKillAfter is ${forceKillAfter}. Give a duration, zero or more`
        )
      }
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe.skipIf(!linux)("a child without a guardian", { concurrent: true, timeout: 30_000 }, () => {
  /** Ends a program with a child; of both, and of the directory that the child may write to, nothing is left. */
  const forced = Effect.fnUntraced(function*(way: string, whose: string, signals: ReadonlyArray<NodeJS.Signals> = []) {
    const parent = yield* folder
    const { exited, kill, living, pid, says } = yield* program("forced", parent, way, whose)
    // Where the test fails there are some.
    yield* Effect.addFinalizer(() => Effect.sync(() => living().forEach((pid) => process.kill(pid, "SIGKILL"))))
    yield* says(/open/)
    assert.isTrue(way === "exit" || way === "uncaught" || living().length >= 2)
    for (const [index, signal] of signals.entries()) {
      // What comes within 500 ms is taken for the first signal.
      if (index > 0) yield* until(1_000, elapsed(600))
      yield* kill(signal)
    }
    const { code, signal } = yield* exited
    yield* until(1_000, () => living().length === 0)
    assert.deepStrictEqual(readdirSync(parent), [], `of ${pid}`)
    return signal ?? code
  })

  const elapsed = (millis: number) => {
    const end = performance.now() + millis
    return () => performance.now() > end
  }

  for (const whose of ["meek", "stubborn", "orphan", "groupless", "writing"]) {
    it.effect(`goes on process.exit, and what it wrote to goes with it: one that is ${whose}`, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* forced("exit", whose), 3)
      }))
  }

  it.effect("goes when the budget is over behind a release that hangs", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* forced("budget", "meek", ["SIGTERM"]), 143)
    }))

  it.effect("goes on a second signal", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* forced("second", "stubborn", ["SIGTERM", "SIGTERM"]), 143)
    }))

  it.effect("goes on an uncaught error that ends the process", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* forced("uncaught", "meek"), 1)
    }))

  it.effect("goes on a signal that nobody listens to, which ends the process as ever", () =>
    Effect.gen(function*() {
      for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
        assert.strictEqual(yield* forced("wait", "stubborn", [signal]), signal)
      }
    }))

  it.effect("lives on where the program let the process end before it by unref", () =>
    Effect.gen(function*() {
      for (const [way, count] of [["unref", 1], ["reref", 0]] as const) {
        const { exited, living } = yield* program("forced", "", "unref", way)
        assert.deepStrictEqual(yield* exited, { code: 0, signal: null })
        yield* until(1_000, () => living().length === count)
        if (count === 1) yield* until(1_000, elapsed(100))
        assert.strictEqual(living().length, count)
        for (const pid of living()) process.kill(pid, "SIGKILL")
      }
    }))

  it.effect("is listened for while one is open, and at no other time", () =>
    Effect.gen(function*() {
      const { ended } = yield* program("forced", "", "listeners", "meek")
      const { stderr, stdout } = yield* ended
      assert.deepStrictEqual([stdout, stderr], ["[0,0,0,0]\n[1,1,1,1]\n[0,0,0,0]\n[1,1,1,1]\n[0,0,0,0]\n", ""])
    }))

  it.effect("is not taken for another process that has its number, nor for another's group", () =>
    Effect.gen(function*() {
      const stranger = yield* Effect.acquireRelease(
        Effect.sync(() => nodeSpawn("sleep", ["1000"], { detached: true, stdio: "ignore" })),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const pid = stranger.pid!
      endNow(pid, false)
      endNow(-pid, false)
      yield* until(1_000, elapsed(50))
      assert.strictEqual(groupOf(pid).length, 1)
      endNow(-pid, true)
      yield* until(1_000, () => groupOf(pid).length === 0)
    }))
})

describe.skipIf(!linux)("a guardian", { timeout: 60_000 }, () => {
  const killed = Effect.fnUntraced(function*(way: string, signal: NodeJS.Signals) {
    const { exited, kill, living, says } = yield* program("child", way)
    yield* says(/open/)
    // The program, its guardian, the child's two or three.
    yield* until(3_000, () => living().length >= 4)
    yield* kill(signal)
    yield* exited
    return yield* until(3_000, () => living().length === 0)
  })

  for (const signal of ["SIGKILL", "SIGQUIT", "SIGHUP", "SIGTERM"] as const) {
    it.effect(`ends the group within 1.1 s when its parent gets ${signal}, and goes`, () =>
      Effect.gen(function*() {
        assert.isBelow(yield* killed("meek", signal), 1_100)
        assert.isBelow(yield* killed("stubborn", signal), 1_100)
      }))
  }

  it.effect("is left to end the group on process.exit, with SIGTERM first", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const { exited, living } = yield* program("child", "exit", parent)
      assert.strictEqual((yield* exited).code, 3)
      assert.isBelow(yield* until(3_000, () => living().length === 0), 1_100)
      assert.deepStrictEqual(readdirSync(parent), ["asked"])
    }))

  it.effect("ends the group when its parent crashes", () =>
    Effect.gen(function*() {
      const { ended, living } = yield* program("child", "throw")
      assert.strictEqual((yield* ended).code, 1)
      assert.isBelow(yield* until(3_000, () => living().length === 0), 1_100)
    }))

  it.effect("goes with the scope, and keeps its parent from nothing", () =>
    Effect.gen(function*() {
      const { ended, living } = yield* program("child", "close")
      const { code, stderr } = yield* ended
      assert.strictEqual(code, 0, stderr)
      assert.deepStrictEqual(living(), [])
    }))

  it.effect("goes when the child has ended by itself, long before the scope closes", () =>
    Effect.gen(function*() {
      const guardians = () => readdirSync("/proc").filter((pid) => isOurs(pid, "ASYNC_DROP_GUARDIAN"))
      yield* dropped(Effect.gen(function*() {
        const child = yield* ChildDrop.spawn(sh("read -r line"), { guardian: true })
        const [pid] = guardians()
        assert.isDefined(pid)
        yield* child.kill()
        yield* until(2_000, () => !isThere(Number(pid)))
      }))
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("that was killed itself hinders nothing", () =>
    Effect.gen(function*() {
      const { errors, millis } = yield* dropped(Effect.gen(function*() {
        const child = yield* ChildDrop.spawn(ChildProcess.make("sleep", ["1000"]), { guardian: true })
        for (const pid of readdirSync("/proc").filter((pid) => isOurs(pid, "ASYNC_DROP_GUARDIAN"))) {
          process.kill(Number(pid), "SIGKILL")
        }
        assert.isTrue(yield* child.isRunning)
      }))
      assert.deepStrictEqual(errors, [])
      assert.isBelow(millis, 4_000)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect(
    `leaves no child, and no directory after the next sweep, of ${rounds} parents killed at random moments`,
    () =>
      Effect.forEach(Array.from({ length: rounds }), () =>
        Effect.gen(function*() {
          const parent = yield* folder
          const { exited, kill, living, says } = yield* program("child", "busy", parent)
          yield* says(/open/)
          yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, Math.random() * 400)))
          yield* kill("SIGKILL")
          yield* exited
          yield* until(3_000, () => living().length === 0)
          const { failed, kept } = yield* TempDrop.sweep({ parent, prefix: "test-" })
          assert.deepStrictEqual([failed, kept, readdirSync(parent)], [[], [], []])
        }).pipe(Effect.scoped), { concurrency: 3, discard: true }).pipe(Effect.provide(NodeServices.layer)),
    { timeout: 30_000 + rounds * 2_000 }
  )
})
