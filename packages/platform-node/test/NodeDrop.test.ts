import { AsyncDrop, DropReporter } from "@async-drop/core"
import { NodeDrop } from "@async-drop/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, ErrorReporter, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { spawnSync } from "node:child_process"
import { signalled, start } from "./support/main.ts"

// Bounds on times leave room for a busy machine; what was measured stands beside.
const timeout = 60_000
const budget = 400

const fact = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(body()), timeout)

const run = (name: string, options?: NodeDrop.Options) =>
  Effect.flatMap(start(name, options), (program) => program.ended)

type Signal = "SIGINT" | "SIGTERM" | "SIGHUP"

/** Each with its exit code, and another one that may come second. */
const signals: ReadonlyArray<readonly [signal: Signal, code: number, other: Signal]> = [
  ["SIGINT", 130, "SIGTERM"],
  ["SIGTERM", 143, "SIGHUP"],
  ["SIGHUP", 129, "SIGINT"]
]

/** The same for each signal, side by side. */
const each = <E, R>(body: (signal: Signal, code: number, other: Signal) => Effect.Effect<void, E, R>) =>
  Effect.forEach(signals, (row) => body(...row), { concurrency: "unbounded", discard: true })

/** How much later than it should something may end where three processes and other tests run side by side. */
const slack = 2000

describe("NodeDrop.runMain", () => {
  for (const [signal, code] of signals) {
    fact(`releases on ${signal}, and exits with ${code}`, () =>
      Effect.gen(function*() {
        const end = yield* signalled("release", [signal])
        assert.deepStrictEqual([end.code, end.out, end.err], [code, "ready\nclosed\n", ""])
        assert.isAtLeast(end.took, 300)
      }))
  }

  fact("releases plain scopes and layers", () =>
    each((signal, code) =>
      Effect.gen(function*() {
        for (const name of ["plain release", "layer"]) {
          const end = yield* signalled(name, [signal])
          assert.deepStrictEqual([end.code, end.out, end.err], [code, "ready\nclosed\n", ""])
        }
      })
    ))

  fact("listens to the signals that it is given alone", () =>
    Effect.gen(function*() {
      const heard = yield* signalled("release", ["SIGUSR2"], { signals: ["SIGUSR2"] })
      assert.deepStrictEqual([heard.code, heard.out], [140, "ready\nclosed\n"])
      const other = yield* signalled("release", ["SIGTERM"], { signals: ["SIGUSR2"] })
      assert.deepStrictEqual([other.code, other.signal, other.out], [null, "SIGTERM", "ready\n"])
    }))

  fact(
    "ends within its budget where a release does not end, gives that one up, and names it",
    () =>
      each((signal, code) =>
        Effect.gen(function*() {
          const end = yield* signalled("release that hangs", [signal], { budget: 2000 })
          assert.strictEqual(end.code, code)
          assert.match(end.out, /^closed$/m)
          assert.isAtLeast(end.took, 1700)
          assert.isBelow(end.took, 2000 + slack)
          assert.match(end.err, new RegExp(`^${signal} ended the program after`))
          assert.match(end.err, /stuck .*abandoned/)
        })
      )
  )

  fact(
    "forces what does not end in time in the scopes of the program, plain ones too",
    () =>
      each((signal, code) =>
        Effect.gen(function*() {
          const end = yield* signalled("inner scopes that hang", [signal], { budget })
          assert.strictEqual(end.code, code)
          assert.deepStrictEqual(end.out.match(/^forced \w+$/mg), ["forced inner", "forced plain"])
          assert.isBelow(end.took, budget + slack)
        })
      )
  )

  fact(
    "exits within its budget where a plain release or an acquire does not end",
    () =>
      each((signal, code) =>
        Effect.gen(function*() {
          for (const name of ["plain release that hangs", "acquire that hangs"]) {
            const end = yield* signalled(name, [signal], { budget })
            assert.strictEqual(end.code, code)
            assert.isBelow(end.took, budget + slack) // 425 and 452
            const why = "its budget was over.\nNo resource of async-drop is open: something else does not end."
            assert.include(end.err, why)
          }
        })
      )
  )

  fact("gives a program a scope whose close forces what does not end in time", () =>
    Effect.gen(function*() {
      const end = yield* signalled("own scope", ["SIGTERM"])
      assert.deepStrictEqual([end.code, end.out, end.err], [143, "ready\nclosed\n", ""])
      const hangs = yield* signalled("own scope that hangs", ["SIGTERM"], { budget })
      assert.strictEqual(hangs.code, 143)
      assert.include(hangs.out, "forced\n")
      assert.match(hangs.err, /SIGTERM ended the program after .*\nAsyncDrop.scoped closed .*\n[^]*stuck .*forced/)
    }))

  fact("reports a release that dies after a signal", () =>
    each((signal, code) =>
      Effect.gen(function*() {
        const ours = yield* signalled("release that dies", [signal])
        assert.strictEqual(ours.code, code)
        assert.match(ours.err, /log .*died/)
        const plain = yield* signalled("plain release that dies", [signal])
        assert.strictEqual(plain.code, code)
        assert.include(plain.out, "disk gone")
        assert.include(plain.err, `${signal} ended the program after`)
      })
    ))

  fact(
    "reports both what the program failed with and the signal that came during its release",
    () =>
      each((signal, code) =>
        Effect.gen(function*() {
          const names = [
            "fails, slow release",
            "fails, slow release, slow handler",
            "own scope, fails, slow release"
          ]
          for (const name of names) {
            const end = yield* signalled(name, [signal])
            assert.strictEqual(end.code, code)
            assert.include(end.out, "the original error")
            assert.include(end.err, `${signal} ended the program after`)
          }
        })
      )
  )

  fact(
    "interrupts a program that does one thing after another that cannot be interrupted",
    () =>
      each((signal, code) =>
        Effect.gen(function*() {
          for (const name of ["job after job", "scope after scope"]) {
            const end = yield* signalled(name, [signal])
            assert.deepStrictEqual([end.code, end.err], [code, ""])
            assert.isBelow(end.took, slack) // 60
          }
          const failing = yield* signalled("failure after failure", [signal])
          assert.strictEqual(failing.code, code)
          assert.isBelow(failing.took, 500 + slack) // 690
        })
      )
  )

  fact("takes a second signal within 500 ms for the first", () =>
    each((signal, code, other) =>
      Effect.gen(function*() {
        for (const second of [signal, other]) {
          const end = yield* signalled("release", [signal, 100, second])
          assert.deepStrictEqual([end.code, end.out, end.err], [code, "ready\nclosed\n", ""])
          assert.isAtLeast(end.took, 280)
        }
      })
    ))

  fact(
    "exits at once on a second signal after that, and says what is left",
    () =>
      each((signal, code, other) =>
        Effect.gen(function*() {
          const end = yield* signalled("release that hangs", [signal, 900, other])
          assert.strictEqual(end.code, code)
          assert.isBelow(end.took, 900 + slack) // 960
          assert.include(end.err, "a second signal came.\nNot given back: stuck, door.\nBeing released: stuck.\n")
        })
      )
  )

  fact(
    "takes a second signal for the first until the process is gone",
    () =>
      each((signal, code, other) =>
        Effect.gen(function*() {
          const program = yield* start("exit listener that blocks for a second")
          yield* program.says(/ready/)
          yield* program.kill(signal)
          yield* program.says(/leaving/)
          yield* program.kill(other)
          const end = yield* program.ended
          assert.deepStrictEqual([end.code, end.signal], [code, null])
        })
      )
  )

  fact("exits where a listener of the exit throws, and says what", () =>
    Effect.gen(function*() {
      const end = yield* signalled("exit listener that throws", ["SIGTERM"])
      assert.strictEqual(end.code, 143)
      assert.match(end.err, /^A listener of the exit threw: Error: no exit\n/)
    }))

  fact("leaves a second signal out where it is told so", () =>
    each((signal, code, other) =>
      Effect.gen(function*() {
        const options = { budget: 1500, secondSignal: "ignore" } as const
        const end = yield* signalled("plain release that hangs", [signal, 900, other], options)
        assert.strictEqual(end.code, code)
        assert.include(end.err, "its budget was over")
      })
    ))

  fact(
    "releases on an uncaught error and on a rejection that nobody handles, prints it and exits with 1",
    () =>
      Effect.gen(function*() {
        const thrown = yield* run("uncaught")
        assert.deepStrictEqual([thrown.code, thrown.out], [1, "ready\nclosed\n"])
        assert.match(thrown.err, /^An uncaught error: Error: out of nowhere\n/)
        const rejected = yield* run("rejection")
        assert.deepStrictEqual([rejected.code, rejected.out], [1, "ready\nclosed\n"])
        assert.match(rejected.err, /^A promise was rejected, and nobody caught it: Error: out of nowhere\n/)
        const left = yield* run("uncaught", { onUncaught: "exit" })
        assert.deepStrictEqual([left.code, left.out], [1, "ready\n"])
      })
  )

  fact("releases where what was thrown cannot be inspected, logged or read", () =>
    Effect.gen(function*() {
      for (const name of ["uncaught, fails to be inspected", "uncaught, without a stack"]) {
        const end = yield* run(name)
        assert.deepStrictEqual([end.code, end.out], [1, "ready\nclosed\n"])
        assert.match(end.err, /^An uncaught error: /)
      }
      const failed = yield* run("fails with what has no stack")
      assert.deepStrictEqual([failed.code, failed.out.split("\n")[0]], [1, "closed"])
      // What an older Node cannot inspect at all a newer one writes in brackets.
      assert.match(
        failed.err,
        /The program failed with (\[Error: x\]|something that cannot be inspected)\. That could not be logged: Error: no stack\n/
      )
      const unread = yield* run("fails with what cannot be read")
      assert.deepStrictEqual([unread.code, unread.out.split("\n")[0]], [1, "closed"])
      assert.include(unread.err, "no properties")
      const code = yield* signalled("exit code that is nothing", ["SIGTERM"])
      assert.strictEqual(code.code, 143)
      assert.include(code.err, "exitCode returned [Object: null prototype] {}. Return a whole number")
    }))

  fact("ends by its watchdog what blocks while the process leaves", () =>
    Effect.gen(function*() {
      for (const name of ["exit listener that blocks", "exit code that blocks"]) {
        const end = yield* signalled(name, ["SIGTERM"], { watchdog: 500 })
        assert.deepStrictEqual([end.code, end.signal], [null, "SIGKILL"])
        assert.isBelow(end.took, 5000)
      }
      const success = yield* run("exit listener that blocks after success", { watchdog: 500 })
      assert.strictEqual(success.signal, "SIGKILL")
    }))

  fact("leaves a process alone after its program has ended, also with a watchdog", () =>
    Effect.gen(function*() {
      const ended = yield* run("success", { watchdog: 500 })
      assert.deepStrictEqual([ended.code, ended.err], [0, ""])
      const program = yield* start("open handle", { watchdog: 200, budget: 200 })
      yield* program.says(/kept alive by/)
      yield* Effect.sleep(1000)
      yield* program.kill("SIGTERM")
      const { err, signal } = yield* program.ended
      assert.deepStrictEqual(
        [signal, err],
        ["SIGTERM", "The program has ended, and the process is kept alive by TCPServerWrap.\n"]
      )
    }))

  fact(
    "refuses a second program while one runs, releases that one, and runs one after the other",
    () =>
      Effect.gen(function*() {
        const two = yield* run("two at once")
        assert.deepStrictEqual([two.code, two.out], [1, "ready\nclosed\n"])
        assert.include(two.err, "NodeDrop.runMain: a program runs already. Run one, and fork the other in it")
        const one = yield* run("one after the other")
        assert.deepStrictEqual([one.code, one.out], [0, "closed\nclosed\n"])
      })
  )

  fact("ends a process whose event loop is blocked by its watchdog", () =>
    each((signal) =>
      Effect.gen(function*() {
        const program = yield* start("blocked", { watchdog: 500 })
        yield* program.says(/ready/)
        yield* Effect.sleep(500)
        yield* program.kill(signal)
        const before = yield* program.ended
        assert.deepStrictEqual([before.code, before.signal], [null, "SIGKILL"])
        assert.isBelow(before.took, 5000)
        assert.include(before.err, "the event loop has been blocked for")
      })
    ))

  fact(
    "ends a process that a release blocks when its budget is over by its watchdog",
    () =>
      each((signal) =>
        Effect.gen(function*() {
          const end = yield* signalled("release that blocks", [signal], { budget, watchdog: "20 seconds" })
          assert.deepStrictEqual([end.code, end.signal], [null, "SIGKILL"])
          assert.isBelow(end.took, 5000)
          assert.include(end.err, "the shutdown has not ended within its budget")
        })
      )
  )

  fact(
    "says once what keeps the process alive after the end of the program",
    () =>
      each((signal) =>
        Effect.gen(function*() {
          const program = yield* start("open handle")
          yield* program.says(/kept alive by/)
          yield* Effect.sleep(1200)
          yield* program.kill(signal)
          const end = yield* program.ended
          assert.deepStrictEqual([end.code, end.signal], [null, signal]) // nobody listens any more
          assert.strictEqual(end.err, "The program has ended, and the process is kept alive by TCPServerWrap.\n")
        })
      )
  )

  fact("keeps the process alive by one timer alone, also while it waits for the end", () =>
    Effect.gen(function*() {
      const end = yield* signalled("looks at what keeps it alive", ["SIGTERM"])
      // Ours alone, which is there from the start: a program can see what it has left itself.
      assert.deepStrictEqual([end.code, end.out], [143, "ready\nTimeout\n"])
    }))

  fact("ends as NodeRuntime.runMain does where no signal comes", () =>
    Effect.gen(function*() {
      const success = yield* run("success")
      assert.deepStrictEqual([success.code, success.out, success.err], [0, "closed\n", ""])
      const failure = yield* run("failure")
      assert.strictEqual(failure.code, 1)
      assert.include(failure.out, "not today")
      const interrupted = yield* run("interrupted")
      assert.deepStrictEqual([interrupted.code, interrupted.out, interrupted.err], [130, "", ""])
    }))

  fact("waits for reports that are on their way", () =>
    Effect.gen(function*() {
      const end = yield* signalled("slow report", ["SIGTERM"])
      assert.deepStrictEqual([end.code, end.out], [143, "ready\nreported log: true\n"])
    }))

  fact(
    "waits for a report no longer than its budget, nor than a second signal",
    () =>
      each((signal, code) =>
        Effect.gen(function*() {
          const late = yield* signalled("report that hangs", [signal], { budget })
          assert.strictEqual(late.code, code)
          assert.isBelow(late.took, budget + slack)
          assert.include(late.err, "The report of a drop error has not arrived.")
          const cut = yield* signalled("report that hangs", [signal, 800, signal])
          assert.strictEqual(cut.code, code)
          assert.isBelow(cut.took, 800 + slack)
        })
      )
  )

  fact(
    "has 0 for an exit code, or what a function says, where it is asked to",
    () =>
      each((signal) =>
        Effect.gen(function*() {
          const well = yield* signalled("release", [signal], { exitCode: "zero" })
          assert.strictEqual(well.code, 0)
          const died = yield* signalled("release that dies", [signal], { exitCode: "zero" })
          assert.strictEqual(died.code, 1)
          const chosen = yield* signalled("exit code by function", [signal])
          assert.strictEqual(chosen.code, signal === "SIGTERM" ? 70 : 71)
        })
      )
  )

  fact("tells a release which signal it was, and of an error that it was none", () =>
    Effect.gen(function*() {
      yield* each((signal, code) =>
        Effect.gen(function*() {
          const end = yield* signalled("tells why", [signal])
          assert.deepStrictEqual([end.code, end.out], [code, `ready\nclosed for ${signal}\n`])
        })
      )
      const thrown = yield* run("tells why, uncaught")
      assert.deepStrictEqual([thrown.code, thrown.out], [1, "ready\nclosed for no signal\n"])
    }))

  fact(
    "exits with 1 where an uncaught error comes during the releases, and goes on with them",
    () =>
      each((signal) =>
        Effect.gen(function*() {
          const end = yield* signalled("throws during its release", [signal])
          assert.deepStrictEqual([end.code, end.out], [1, "ready\nclosed\n"])
          assert.match(end.err, /^An uncaught error: Error: out of nowhere\n/)
        })
      )
  )

  fact(
    "draws the report always or never where it is asked to, and without colours where there is no terminal",
    () =>
      Effect.gen(function*() {
        const always = yield* signalled("release", ["SIGTERM"], { report: "always" })
        assert.match(always.err, /door .*█/)
        assert.notInclude(always.err, "\x1b")
        const never = yield* signalled("release that dies", ["SIGTERM"], { report: "never" })
        assert.strictEqual(never.err, "")
      })
  )

  fact(
    "reports the last close of a program that ends by itself, and none of long before",
    () =>
      Effect.gen(function*() {
        const late = yield* run("late failure")
        assert.strictEqual(late.code, 0)
        assert.match(late.err, /^The program ended after .*\n[^]*log .*died/)
        const own = yield* run("own scope that fails")
        assert.strictEqual(own.code, 1) // its end was not what it should be
        assert.match(own.out, /log: its release died of x/)
        assert.match(own.err, /log .*died/)
        const early = yield* run("early failure")
        assert.deepStrictEqual([early.code, early.err], [0, ""])
      })
  )

  fact("loses no failure of many closes, neither in its report nor in its exit code", () =>
    Effect.gen(function*() {
      const last = yield* signalled("many closes, the last fails", ["SIGTERM"], { exitCode: "zero" })
      assert.strictEqual(last.code, 1)
      assert.match(last.err, /upload .*died[^]*database .*died\n/)
      assert.include(last.err, "\nCloses that are not shown: 150.\n")
      const first = yield* signalled("many closes, the first fails", ["SIGTERM"], { exitCode: "zero", report: "never" })
      assert.strictEqual(first.code, 1)
      const all = yield* signalled("many closes fail", ["SIGTERM"])
      assert.strictEqual(all.err.match(/get .*died/g)?.length, 99)
    }))

  fact("shows the last of many closes, whatever the others were", () =>
    Effect.gen(function*() {
      for (const name of ["many closes, the first fails", "many closes fail"]) {
        const { err } = yield* signalled(name, ["SIGTERM"], { report: "always" })
        assert.match(err, /database .*█/)
      }
    }))

  fact(
    "shows in a report what failed before the signal, which is no failure of the shutdown",
    () =>
      Effect.gen(function*() {
        const name = "failure before the signal"
        const always = yield* signalled(name, ["SIGTERM"], { report: "always", exitCode: "zero" })
        assert.strictEqual(always.code, 0)
        assert.match(always.err, /database .*█[^]*\nNot well before that:\n[^]*upload .*died/)
        const usual = yield* signalled(name, ["SIGTERM"])
        assert.strictEqual(usual.err, "")
      })
  )

  fact("installs nothing by its import, and leaves nothing after the run", () =>
    Effect.gen(function*() {
      const end = yield* run("listeners")
      assert.strictEqual(end.out, "[[0,0,0,0,0],[0,0,0,0,0]]\n")
    }))

  fact("refuses options that make no sense in one sentence, before the program runs", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<readonly [string, NodeDrop.Options]> = [
        ["budget is -1. Give a duration, zero or more, that ends", { budget: -1 }],
        ["budget is Infinity. Give a duration, zero or more, that ends", { budget: "Infinity" }],
        // as it comes from outside
        ["signals holds SIGFOO. Give names of signals that a process can listen to", { signals: ["SIGFOO" as never] }],
        ["signals holds SIGKILL. Give names of signals that a process can listen to", { signals: ["SIGKILL"] }],
        ["watchdog is 1. Give a duration, 100 ms or more, that ends", { watchdog: 1 }],
        [`report is some. Give "failures" or "always" or "never"`, { report: "some" as never }]
      ]
      for (const [message, options] of bad) {
        const { code, err, out } = yield* run("success", options)
        assert.deepStrictEqual([code, out, err], [1, "", `DropUsageError: NodeDrop.runMain: ${message}\n`])
      }
    }))

  const unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
  const allowed = spawnSync(unshare[0]!, [...unshare.slice(1), "true"]).status === 0 // it has a first word

  // Where the system does not allow a process of the tests a pid namespace of its own, this cannot be seen.
  it.live.skipIf(!allowed)(
    "releases as process 1, which has no default for signals, and exits on a second one",
    () =>
      Effect.scoped(each((signal, code, other) =>
        Effect.gen(function*() {
          const asFirst = (name: string, ...sent: ReadonlyArray<Signal>) =>
            Effect.gen(function*() {
              const program = yield* start(name, {}, unshare)
              yield* program.says(/ready/)
              const inner = Number(spawnSync("pgrep", ["-P", String(program.pid)]).stdout.toString().trim())
              for (const [index, next] of sent.entries()) {
                if (index > 0) yield* Effect.sleep(900)
                process.kill(inner, next)
              }
              return yield* program.ended
            })
          const end = yield* asFirst("release", signal)
          assert.deepStrictEqual([end.code, end.out], [code, "ready\nclosed\n"])
          const cut = yield* asFirst("release that hangs", signal, other)
          assert.strictEqual(cut.code, code)
          assert.include(cut.err, "a second signal came.")
        })
      )),
    timeout
  )
})

describe("NodeDrop.layerErrorReporter", () => {
  it.effect("gives a drop error to Effect's reporters, and to the reporter of the context as before", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const reporter = ErrorReporter.make(({ attributes, error, severity }) =>
        void seen.push([error.message, attributes, severity])
      )
      const before: Array<string> = []
      const layer = NodeDrop.layerErrorReporter.pipe(
        Layer.provideMerge(ErrorReporter.layer([reporter])),
        Layer.provideMerge(
          Layer.succeed(DropReporter.DropReporter, (error) => Effect.sync(() => void before.push(error.resource)))
        )
      )
      const ignored = Object.assign(new Error("expected"), { [ErrorReporter.ignore]: true })
      yield* Effect.scoped(Effect.andThen(
        AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk gone"), { name: "log" }),
        AsyncDrop.acquireRelease(Effect.void, () => Effect.die(ignored), { name: "cache" })
      )).pipe(Effect.provide(layer))
      assert.deepStrictEqual(seen, [[
        "log: its release died of disk gone",
        { resource: "log", phase: "graceful" },
        "Error"
      ]])
      assert.deepStrictEqual(before, ["cache", "log"])
    }))

  it.effect("gives them no release that ends well after it was given up on, which has been told", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const before: Array<readonly [resource: string, late: boolean | undefined]> = []
      const layer = NodeDrop.layerErrorReporter.pipe(
        Layer.provideMerge(ErrorReporter.layer([ErrorReporter.make(({ error }) => void seen.push(error.message))])),
        Layer.provideMerge(
          Layer.succeed(
            DropReporter.DropReporter,
            ({ late, resource }) => Effect.sync(() => void before.push([resource, late]))
          )
        )
      )
      const slow = (name: string, end: Effect.Effect<void, string>) =>
        AsyncDrop.acquireRelease(
          Effect.void,
          () => Effect.uninterruptible(Effect.andThen(Effect.sleep("2 seconds"), end)),
          { name, timeout: "1 second" }
        )
      const program = Effect.andThen(slow("log", Effect.void), slow("cache", Effect.fail("disk gone")))
      yield* Effect.forkChild(Effect.provide(Effect.exit(AsyncDrop.scoped(program)), layer))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(before, [["cache", true], ["log", true]])
      assert.deepStrictEqual(seen, ["cache: it ended late, after 2s; its release failed with disk gone"])
    }))
})
