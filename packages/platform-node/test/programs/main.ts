// A program of `NodeDrop.test.ts`: the first argument names it, the second holds the options as JSON.
import { AsyncDrop, DropReporter } from "@async-drop/core"
import { NodeDrop } from "@async-drop/platform-node"
import { Cause, Console, Effect, Exit, Layer, Option } from "effect"
import { writeSync } from "node:fs"
import { createServer } from "node:net"
import { inspect } from "node:util"

const [name = "", json = "{}"] = process.argv.slice(2)

const open = (name: string, release: Effect.Effect<unknown>) =>
  AsyncDrop.acquireRelease(Effect.void, () => release, { name })

const door = (millis: number) => open("door", Effect.andThen(Effect.sleep(millis), Console.log("closed")))

const hangs = (name: string) =>
  AsyncDrop.acquireRelease(Effect.void, () => Effect.never, { name, force: () => Console.log(`forced ${name}`) })

const ready = Effect.andThen(Console.log("ready"), Effect.never)

const throwing = (error: unknown) =>
  Effect.sync(() =>
    setTimeout(() => {
      throw error
    })
  )

const throwSoon = throwing(new Error("out of nowhere"))

/** Without the pipes to the test. */
const alive = () => process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap").join()

const block = (millis: number) => {
  const until = performance.now() + millis
  while (performance.now() < until);
}

const plainScope = (release: Effect.Effect<unknown>, body: Effect.Effect<unknown, unknown> = ready) =>
  Effect.scoped(Effect.andThen(Effect.acquireRelease(Effect.void, () => release), body))

const request = (name: string, release: Effect.Effect<unknown>) => Effect.exit(Effect.scoped(open(name, release)))

const requests = (name: string, release: Effect.Effect<unknown>) =>
  Effect.forEach(Array.from({ length: 150 }), () => request(name, release), { discard: true })

/** A server that ends the requests that it has when it is told to end, and its database last. */
const busy = (request: Effect.Effect<unknown>, database: Effect.Effect<unknown>) =>
  AsyncDrop.scoped(Effect.andThen(open("database", database), Effect.onExit(ready, () => request)))

/** Of job after job, without a moment in between in which the event loop turns. */
const forever = (job: Effect.Effect<unknown, unknown>) =>
  Effect.andThen(
    Console.log("ready"),
    Effect.gen(function*() {
      while (true) yield* job
    })
  )

/** With a handler around it, which is skipped when an interrupt came. */
const failsSlowly = (handler: Effect.Effect<void>) =>
  plainScope(
    Effect.andThen(Console.log("ready"), Effect.andThen(Effect.sleep(700), Console.log("closed"))),
    Effect.fail("the original error")
  ).pipe(Effect.tapCause(() => handler))

const atExit = (millis: number) =>
  Effect.sync(() => process.on("exit", () => (writeSync(1, "leaving\n"), block(millis))))

const evil = {
  [inspect.custom]() {
    throw new Error("no words")
  }
}

const unreadable = (): Error =>
  Object.defineProperty(new Error("x"), "stack", {
    get() {
      throw new Error("no stack")
    }
  })

const unreadableAtAll = new Proxy({}, {
  has() {
    throw new Error("no properties")
  }
})

const signalOf = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? Option.getOrElse(NodeDrop.signalOf(exit.cause), () => "no signal") : "its end"

const tellsWhy = AsyncDrop.acquireRelease(
  Effect.void,
  (_, exit) => Console.log(`closed for ${signalOf(exit)}`),
  { name: "door" }
)

const programs: Record<string, Effect.Effect<unknown, unknown, AsyncDrop.Owned<never>>> = {
  "plain release": plainScope(Effect.andThen(Effect.sleep(300), Console.log("closed"))),
  "release": AsyncDrop.scoped(Effect.andThen(door(300), ready)),
  "layer": Layer.launch(Layer.effectDiscard(door(100)).pipe(Layer.tap(() => Console.log("ready")))),
  "plain release that hangs": plainScope(Effect.never),
  "release that hangs": AsyncDrop.scoped(Effect.andThen(Effect.andThen(door(0), open("stuck", Effect.never)), ready)),
  "inner scopes that hang": Effect.scoped(
    Effect.andThen(hangs("plain"), AsyncDrop.scoped(Effect.andThen(hangs("inner"), ready)))
  ),
  "acquire that hangs": Effect.scoped(
    Effect.acquireRelease(Effect.andThen(Console.log("ready"), Effect.never), () => Effect.void)
  ),
  "plain release that dies": plainScope(Effect.die(new Error("disk gone"))),
  "release that dies": Effect.scoped(Effect.andThen(open("log", Effect.die(new Error("disk gone"))), ready)),
  "fails, slow release": failsSlowly(Effect.void),
  "fails, slow release, slow handler": failsSlowly(Effect.uninterruptible(Effect.sleep(100))),
  "job after job": forever(Effect.uninterruptible(Effect.sleep(10))),
  "scope after scope": forever(AsyncDrop.scoped(open("job", Effect.sleep(10)))),
  "failure after failure": forever(
    Effect.exit(AsyncDrop.scoped(Effect.andThen(open("job", Effect.sleep(10)), Effect.fail("no job"))))
  ),
  "uncaught": AsyncDrop.scoped(Effect.andThen(
    door(100),
    Effect.andThen(throwSoon, ready)
  )),
  "throws during its release": AsyncDrop.scoped(
    Effect.andThen(Effect.andThen(door(0), open("log", Effect.andThen(throwSoon, Effect.sleep(200)))), ready)
  ),
  "tells why": AsyncDrop.scoped(Effect.andThen(tellsWhy, ready)),
  "tells why, uncaught": AsyncDrop.scoped(Effect.andThen(tellsWhy, Effect.andThen(throwSoon, ready))),
  "looks at what keeps it alive": Effect.uninterruptible(Effect.andThen(
    Console.log("ready"),
    Effect.callback<void>((resume) => {
      // Some turns later everything that the signal has brought about is there.
      process.once("SIGTERM", () => setTimeout(() => resume(Effect.sync(() => console.log(alive()))), 20).unref())
    })
  )),
  "rejection": AsyncDrop.scoped(Effect.andThen(
    door(100),
    Effect.andThen(Effect.sync(() => void Promise.reject(new Error("out of nowhere"))), ready)
  )),
  "blocked": Effect.andThen(Console.log("ready"), Effect.andThen(Effect.sleep(300), Effect.sync(() => block(20_000)))),
  "exit listener that blocks for a second": AsyncDrop.scoped(
    Effect.andThen(atExit(1000), Effect.andThen(door(0), ready))
  ),
  "exit listener that blocks": AsyncDrop.scoped(Effect.andThen(atExit(20_000), Effect.andThen(door(0), ready))),
  "exit listener that blocks after success": atExit(20_000),
  "exit listener that throws": AsyncDrop.scoped(Effect.andThen(
    Effect.sync(() =>
      process.on("exit", () => {
        throw new Error("no exit")
      })
    ),
    Effect.andThen(Effect.sync(() => void createServer().listen(0, "127.0.0.1")), ready)
  )),
  "uncaught, fails to be inspected": AsyncDrop.scoped(Effect.andThen(door(0), Effect.andThen(throwing(evil), ready))),
  "uncaught, without a stack": AsyncDrop.scoped(Effect.andThen(door(0), Effect.andThen(throwing(unreadable()), ready))),
  "fails with what has no stack": AsyncDrop.scoped(Effect.andThen(door(0), Effect.fail(unreadable()))),
  "fails with what cannot be read": AsyncDrop.scoped(Effect.andThen(door(0), Effect.fail(unreadableAtAll))),
  "release that blocks": AsyncDrop.scoped(Effect.andThen(open("busy", Effect.sync(() => block(20_000))), ready)),
  "open handle": Effect.sync(() => void createServer().listen(0, "127.0.0.1", () => console.log("ready"))),
  "success": Effect.as(AsyncDrop.scoped(door(0)), 1),
  "early failure": Effect.scoped(open("log", Effect.die("x"))).pipe(Effect.exit, Effect.andThen(Effect.sleep(300))),
  "late failure": Effect.exit(Effect.scoped(open("log", Effect.die("x")))),
  "failure": Effect.fail("not today"),
  "interrupted": Effect.interrupt,
  "listeners": Effect.void,
  "many closes, the last fails": busy(
    Effect.andThen(request("upload", Effect.die("x")), requests("get", Effect.void)),
    Effect.die("disk gone")
  ),
  "many closes, the first fails": busy(
    Effect.andThen(request("upload", Effect.die("x")), requests("get", Effect.void)),
    Effect.void
  ),
  "many closes fail": busy(requests("get", Effect.die("x")), Effect.void),
  "failure before the signal": Effect.andThen(
    request("upload", Effect.die("x")),
    Effect.andThen(requests("get", Effect.void), busy(Effect.void, Effect.void))
  ),
  "report that hangs": Effect.scoped(Effect.andThen(open("log", Effect.die("x")), ready)).pipe(
    Effect.provideService(DropReporter.DropReporter, () => Effect.never)
  ),
  "slow report": Effect.scoped(Effect.andThen(open("log", Effect.fail("x").pipe(Effect.orDie)), ready)).pipe(
    Effect.provideService(
      DropReporter.DropReporter,
      (error) => Effect.delay(Console.log(`reported ${error.resource}: ${Cause.pretty(error.cause).length > 0}`), 300)
    )
  )
}

// Their scope is that of `runMain`.
const own = {
  "own scope that fails": open("log", Effect.die("x")),
  "own scope": Effect.andThen(door(0), ready),
  "own scope that hangs": Effect.andThen(
    AsyncDrop.acquireRelease(Effect.void, () => Effect.never, {
      name: "stuck",
      force: () => Console.log("forced")
    }),
    ready
  ),
  "own scope, fails, slow release": Effect.andThen(
    open("door", Effect.andThen(Console.log("ready"), Effect.sleep(700))),
    Effect.fail("the original error")
  )
}

const options: NodeDrop.Options = JSON.parse(json)
const listeners = () =>
  ["SIGINT", "SIGTERM", "SIGHUP", "uncaughtException", "exit"].map((event) => process.listenerCount(event))

if (name === "listeners") {
  const before = listeners()
  Effect.void.pipe(NodeDrop.runMain)
  await new Promise((resolve) => setTimeout(resolve, 50))
  console.log(JSON.stringify([before, listeners()]))
} else if (name === "exit code by function") {
  programs["release that dies"]!.pipe(NodeDrop.runMain({ exitCode: (report) => report.code === 143 ? 70 : 71 }))
} else if (name === "exit code that blocks") {
  programs["release"]!.pipe(NodeDrop.runMain({ ...options, exitCode: () => (block(20_000), 3) }))
} else if (name === "exit code that is nothing") {
  // as it comes from code without types
  programs["release"]!.pipe(NodeDrop.runMain({ ...options, exitCode: () => Object.create(null) as never }))
} else if (name === "two at once") {
  programs["release"]!.pipe(NodeDrop.runMain(options))
  programs["release"]!.pipe(NodeDrop.runMain(options))
} else if (name === "one after the other") {
  programs["success"]!.pipe(NodeDrop.runMain(options))
  setTimeout(() => programs["success"]!.pipe(NodeDrop.runMain(options)), 500)
} else if (name in own) {
  NodeDrop.runMain(own[name as keyof typeof own], options)
} else {
  programs[name]!.pipe(NodeDrop.runMain(options))
}
