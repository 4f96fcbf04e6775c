// What this package uses of Effect that is marked unstable, or is in no type, beside HTTP, which has a test of its
// own. When one of these fails, an upgrade of Effect moved what its message names.
import { NodeFileSystem, NodeServices } from "@effect/platform-node"
import { flattenCommand } from "@effect/platform-node/NodeChildProcessSpawner"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Effect,
  ErrorReporter,
  Exit,
  Fiber,
  FileSystem,
  Latch,
  PlatformError,
  Redacted,
  Sink,
  Stream
} from "effect"
import { ChildProcess, ChildProcessSpawner, CommandLine } from "effect/process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onRegionEnd } from "../src/internal/main/effect-unstable.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-unstable-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const spawn = (script: string, options?: ChildProcess.CommandOptions) =>
  Effect.flatMap(
    ChildProcessSpawner.ChildProcessSpawner,
    (spawner) => spawner.spawn(ChildProcess.make("sh", ["-c", script], options ?? {}))
  )

describe("effect/process, for ChildDrop", () => {
  it("flattenCommand gives the commands of a pipeline, and what joins them", () => {
    const first = ChildProcess.make("a", ["1"], { cwd: "/" })
    const piped = ChildProcess.pipeTo(first, ChildProcess.make("b", []), { from: "stderr" })
    const { commands, pipeOptions } = flattenCommand(piped)
    const seen = commands.map(({ args, command, options }) => [command, args, options.cwd])
    assert.deepStrictEqual(seen, [["a", ["1"], "/"], ["b", [], undefined]], "flattenCommand, or what a command holds")
    assert.deepStrictEqual(pipeOptions.map(({ from }) => from), ["stderr"], "the pipeOptions of flattenCommand")
  })

  it("has names for descriptors, and shows commands as a shell takes them", () => {
    assert.isTrue(ChildProcess.isCommand(ChildProcess.make("a", [])), "ChildProcess.isCommand")
    assert.strictEqual(ChildProcess.fdName(3), "fd3", "ChildProcess.fdName")
    assert.strictEqual(ChildProcess.parseFdName("fd3"), 3, "ChildProcess.parseFdName")
    assert.strictEqual(ChildProcess.parseFdName("stdout"), undefined, "ChildProcess.parseFdName")
    const words = ["echo", "a b", Redacted.make("secret")]
    assert.strictEqual(CommandLine.display(words), "echo 'a b' <redacted>", "CommandLine.display")
  })

  it.live("a spawner gives a handle with all that a child's own is made of", () =>
    Effect.gen(function*() {
      const raw = yield* spawn("cat; echo error >&2")
      const handle = ChildProcessSpawner.makeHandle({ ...raw, stderr: Stream.empty })
      const [out, err] = yield* Effect.all([
        Stream.mkString(Stream.decodeText(handle.stdout)),
        Stream.mkString(Stream.decodeText(handle.stderr)),
        Stream.run(Stream.make(new TextEncoder().encode("in\n")), handle.stdin)
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual([out, err], ["in\n", ""], "stdin, stdout or stderr of a handle, or makeHandle")
      assert.strictEqual(yield* handle.exitCode, ChildProcessSpawner.ExitCode(0), "exitCode of a handle")
      assert.isFalse(yield* handle.isRunning, "isRunning of a handle")
      assert.isAbove(handle.pid, 1, "pid of a handle")
      yield* Effect.flatMap(handle.unref, (reref) => reref)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("a handle tells the signal that ended a child in the text of an error alone", () =>
    Effect.gen(function*() {
      const handle = yield* spawn("kill -KILL $$")
      const exit = yield* Effect.exit(handle.exitCode)
      assert.isTrue(Exit.isFailure(exit), "exitCode of a child that a signal ended")
      const text = String(Exit.isFailure(exit) && exit.cause)
      assert.match(text, /signal: '(SIGKILL)'/, "the text from which ChildDrop reads the signal")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("a command without an env of its own inherits ours; extendEnv adds ours to one that has", () =>
    Effect.gen(function*() {
      const home = (options: ChildProcess.CommandOptions) =>
        Effect.flatMap(spawn("echo $A$HOME", options), ({ stdout }) => Stream.mkString(Stream.decodeText(stdout)))
      const all = yield* Effect.all([
        home({}),
        home({ env: { A: "a" }, extendEnv: true }),
        home({ env: { A: "a" }, extendEnv: false })
      ])
      const { HOME: ours = "" } = process.env
      assert.deepStrictEqual(all, [`${ours}\n`, `a${ours}\n`, "a\n"], "env and extendEnv of a command")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it("a sink as the stdout of a command is known as one", () => {
    const sink = Sink.as(Sink.drain, new Uint8Array())
    const { options } = ChildProcess.make("a", [], { stdout: sink, stderr: { stream: sink } })
    assert.isTrue(Sink.isSink(options.stdout), "the stdout of a command's options")
    const { stderr } = options
    const inside = typeof stderr === "object" && "stream" in stderr ? stderr.stream : undefined
    assert.isTrue(Sink.isSink(inside), "the stderr of a command's options")
  })
})

describe("effect/FileSystem and effect/PlatformError, for FileDrop, TempDrop and LockDrop", () => {
  it.live("a file system has what is used of it", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = join(yield* temporary, "file")
      const file = yield* fs.open(path, { flag: "w+" })
      assert.strictEqual(file[FileSystem.FileTypeId], FileSystem.FileTypeId, "FileSystem.FileTypeId")
      yield* file.writeAll(new Uint8Array([1, 2, 3]))
      assert.strictEqual(yield* file.write(new Uint8Array([4])), 1, "File.write")
      yield* file.truncate(2)
      yield* file.sync
      assert.strictEqual((yield* file.stat).size, 2n, "File.stat and File.truncate")
      yield* file.seek(0n, "start")
      const bytes = new Uint8Array(8)
      assert.strictEqual(yield* file.read(bytes), 2, "File.read and File.seek")
      assert.strictEqual((yield* file.readAlloc(8))._tag, "None", "File.readAlloc")
      yield* fs.rename(path, `${path}2`)
      assert.deepStrictEqual(yield* fs.readDirectory(join(path, "..")), ["file2"], "FileSystem.readDirectory")
      assert.strictEqual((yield* fs.lstat(`${path}2`)).type, "File", "FileSystem.lstat")
      yield* fs.remove(`${path}2`, { recursive: true, force: true })
      assert.isFalse(yield* fs.exists(`${path}2`), "FileSystem.remove")
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  it.live("an error of the system has its reason, and in that what Node threw", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const error = yield* Effect.flip(fs.lstat("/does/not/exist"))
      assert.isTrue(PlatformError.isPlatformError(error), "PlatformError.isPlatformError")
      assert.strictEqual(error.reason._tag, "NotFound", "the reason of a PlatformError")
      const { cause } = error.reason
      assert.isTrue(cause instanceof Error && "code" in cause && cause.code === "ENOENT", "the cause of that reason")
      const own = PlatformError.systemError({ _tag: "AlreadyExists", module: "M", method: "m", pathOrDescriptor: "/p" })
      assert.strictEqual(own.message, "AlreadyExists: M.m (/p)", "PlatformError.systemError")
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})

describe("effect/ErrorReporter and fibres, for NodeDrop", () => {
  it.effect("a reporter gets an error with the severity and the attributes that it holds", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const layer = ErrorReporter.layer([
        ErrorReporter.make(({ attributes, error, severity }) => void seen.push([error.message, severity, attributes]))
      ])
      const error = Object.assign(new Error("no"), {
        [ErrorReporter.severity]: "Error" as const,
        [ErrorReporter.attributes]: { resource: "log" }
      })
      yield* Effect.provide(ErrorReporter.report(Cause.fail(error)), layer)
      assert.deepStrictEqual(
        seen,
        [["no", "Error", { resource: "log" }]],
        "ErrorReporter.report, severity or attributes"
      )
      const ignored = Object.assign(new Error("no"), { [ErrorReporter.ignore]: true })
      assert.deepStrictEqual([error, ignored].map(ErrorReporter.isIgnored), [false, true], "ErrorReporter.isIgnored")
    }))

  it.effect("a fibre says whether it is interruptible, in no type of its own", () =>
    Effect.gen(function*() {
      const latch = yield* Latch.make()
      const open = yield* Effect.forkChild(latch.await, { startImmediately: true })
      const shut = yield* Effect.forkChild(Effect.uninterruptible(latch.await), { startImmediately: true })
      const flags = [open, shut].map((fiber) => "interruptible" in fiber ? fiber.interruptible : undefined)
      assert.deepStrictEqual(flags, [true, false], "the flag `interruptible` of a fibre")
      yield* latch.open
    }))

  it.effect("a fibre asks by a method for what takes its next value or error, at the end of each region", () =>
    Effect.gen(function*() {
      const seen: Array<boolean> = []
      const latch = yield* Latch.make()
      const regions = Effect.andThen(
        Effect.uninterruptible(latch.await),
        Effect.exit(Effect.uninterruptible(Effect.fail("no")))
      )
      const fiber = yield* Effect.forkChild(Effect.asVoid(regions), { startImmediately: true })
      onRegionEnd(fiber, (well) => seen.push(well))
      yield* latch.open
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        seen,
        [true, false],
        "the method `getCont` of a fibre, or the name of what it is asked for"
      )
    }))

  it.effect("the error of a body that is interrupted during its release is lost, where a handler is around it", () =>
    Effect.gen(function*() {
      const latch = yield* Latch.make()
      const body = Effect.onExit(Effect.fail("original"), () => latch.await)
      const fiber = yield* Effect.forkChild(Effect.tapCause(body, () => Effect.void), { startImmediately: true })
      fiber.interruptUnsafe()
      yield* latch.open
      const exit = yield* Fiber.await(fiber)
      const lost = exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)
      assert.isTrue(lost, "what runMain waits for: it may interrupt at once where this is no longer so")
    }))
})
