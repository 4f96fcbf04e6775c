import { AsyncDrop, DropFailure, DropUsageError } from "@async-drop/core"
import { FileDrop } from "@async-drop/platform-node"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, FileSystem, Layer, Option } from "effect"
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { start } from "./support/fixture.ts"
import { folders, rounds } from "./support/folders.ts"

const { folder, root } = folders("file-drop-")

const bytes = (text: string) => new TextEncoder().encode(text)
const provided = Effect.provide(NodeFileSystem.layer)

/** The file system with some of it changed. */
const fileSystemWith = (change: (fs: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  Effect.provide(
    Layer.effect(
      FileSystem.FileSystem,
      Effect.map(FileSystem.FileSystem, (fs) => ({ ...fs, ...change(fs) }))
    ).pipe(Layer.provide(NodeFileSystem.layer))
  )

/** Root may write everywhere, so it asks as nobody. */
const asNobody = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  process.getuid?.() !== 0 ? effect : Effect.acquireUseRelease(
    Effect.sync(() => process.seteuid?.(65534)),
    () => effect,
    () => Effect.sync(() => process.seteuid?.(0))
  )

const errorsOf = (dropErrors: ReadonlyArray<{ readonly cause: Cause.Cause<FileDrop.FileError> }>) =>
  dropErrors.flatMap(({ cause }) =>
    cause.reasons.map((reason) => reason._tag === "Fail" ? [reason.error.operation, reason.error.message] : reason._tag)
  )

describe("FileDrop.open", () => {
  it.effect("gives a file of Effect's FileSystem, closed with its scope", () =>
    Effect.gen(function*() {
      const path = join(folder(), "a.txt")
      const file = yield* AsyncDrop.scoped(Effect.gen(function*() {
        const file = yield* FileDrop.open(path, { flag: "w+", mode: 0o600, datasync: true })
        yield* file.writeAll(bytes("hello".repeat(500_000)))
        yield* file.seek(0n, "start")
        assert.deepStrictEqual(
          Option.map(yield* file.readAlloc(5), (read) => new TextDecoder().decode(read)),
          Option.some("hello")
        )
        return file
      }))
      assert.strictEqual(statSync(path).size, 2_500_000)
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      assert.strictEqual((yield* Effect.flip(file.stat))._tag, "PlatformError")
    }).pipe(provided))

  it.effect("fails in one sentence that names the file where it cannot be opened", () =>
    Effect.gen(function*() {
      const dir = folder()
      const messageOf = (path: string, flag: FileSystem.OpenFlag) =>
        Effect.map(Effect.flip(AsyncDrop.scoped(FileDrop.open(path, { flag }))), ({ message }) => message)
      const none = join(dir, "none")
      assert.strictEqual(yield* messageOf(none, "r"), `cannot open ${none}: no such file or directory (ENOENT)`)
      assert.strictEqual(
        yield* messageOf(dir, "w"),
        `cannot open ${dir}: illegal operation on a directory (EISDIR)`
      )
    }).pipe(provided))

  it.effect("and atomic are refused in one sentence where this user may not write", () =>
    Effect.gen(function*() {
      const dir = folder()
      const path = join(dir, "a.txt")
      writeFileSync(path, "mine", { mode: 0o444 })
      chmodSync(root, 0o755)
      chmodSync(dir, 0o555)
      const open = AsyncDrop.scoped(Effect.asVoid(FileDrop.open(path, { flag: "w" })))
      const refused = yield* asNobody(Effect.all([Effect.flip(open), Effect.flip(FileDrop.atomic(path, () => open))]))
      const message = `cannot open ${path}: permission denied (EACCES)`
      assert.deepStrictEqual(refused.map((error) => error.message), [message, message])
      assert.strictEqual(readFileSync(path, "utf8"), "mine")
      chmodSync(dir, 0o755)
    }).pipe(provided))

  it.effect("fails its scope with what datasync says, and closes all the same", () =>
    Effect.gen(function*() {
      let file: FileSystem.File | undefined
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        file = yield* FileDrop.open("/dev/full", { flag: "w", datasync: true, name: "log" })
      }))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(dropErrors.map(({ resource }) => resource), ["log"])
      assert.deepStrictEqual(errorsOf(dropErrors), [
        ["datasync", "cannot datasync /dev/full: invalid argument (EINVAL)"]
      ])
      assert.include(String(yield* Effect.flip(file!.stat)), "stat")
    }).pipe(provided))

  it.effect("fails its scope with what close says, typed", () =>
    Effect.gen(function*() {
      const path = join(folder(), "a.txt")
      const { dropErrors } = yield* AsyncDrop.scopedExit(FileDrop.open(path, { flag: "w", datasync: true }))
      assert.deepStrictEqual(errorsOf(dropErrors), [
        ["datasync", `cannot datasync ${path}: bad file descriptor (EBADF)`],
        ["close", `cannot close ${path}: bad file descriptor (EBADF)`]
      ])
    }).pipe(fileSystemWith((fs) => ({
      // The number of the file is closed behind its back, as by a mistake elsewhere in the process.
      open: (path, options) =>
        Effect.tap(fs.open(path, options), (file) => Effect.sync(() => closeSync((file as never as { fd: number }).fd)))
    }))))

  it.effect("waits for a write that has begun before it closes, when it is interrupted", () => {
    const log: Array<string> = []
    const begun = Deferred.makeUnsafe<void>()
    const gate = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const path = join(folder(), "a.txt")
      const writing = Effect.flatMap(FileDrop.open(path, { flag: "w" }), (file) => file.writeAll(bytes("x")))
      const fiber = yield* Effect.forkChild(AsyncDrop.scoped(writing))
      yield* Deferred.await(begun)
      const interrupt = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* Effect.sync(() => log.push("interrupted"))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interrupt)
      assert.deepStrictEqual(log, ["interrupted", "written", "closed"])
    }).pipe(fileSystemWith((fs) => ({
      open: (path, options) =>
        Effect.andThen(
          Effect.addFinalizer(() => Effect.sync(() => log.push("closed"))),
          Effect.map(fs.open(path, options), (file) => ({
            ...file,
            writeAll: () =>
              Deferred.succeed(begun, undefined).pipe(
                Effect.andThen(Deferred.await(gate)),
                Effect.andThen(Effect.sync(() => log.push("written")))
              )
          }))
        )
    })))
  })

  it.effect("with an impossible mode is a usage error before anything is made", () =>
    Effect.gen(function*() {
      const path = join(folder(), "a.txt")
      const open = AsyncDrop.scoped(FileDrop.open(path, { flag: "w", mode: -1 }))
      const atomic = FileDrop.atomic(path, () => Effect.void, { mode: 0.5 })
      for (const effect of [open, Effect.asVoid(atomic)]) {
        const exit = yield* Effect.exit(Effect.asVoid(effect))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, DropUsageError.DropUsageError)
        assert.include(defect.message, path)
      }
      assert.deepStrictEqual(readdirSync(join(path, "..")), [])
    }).pipe(provided))
})

describe("FileDrop.atomic", () => {
  const old = () => {
    const path = join(folder(), "state")
    writeFileSync(path, "old")
    return path
  }
  const listOf = (path: string) => readdirSync(join(path, ".."))

  it.effect("replaces a file, keeps its mode, and gives what write gives", () =>
    Effect.gen(function*() {
      const path = old()
      chmodSync(path, 0o646)
      const given = yield* FileDrop.atomic(path, (file) =>
        Effect.gen(function*() {
          yield* file.writeAll(bytes("new"))
          assert.strictEqual(readFileSync(path, "utf8"), "old")
          return 7
        }))
      assert.strictEqual(given, 7)
      assert.strictEqual(readFileSync(path, "utf8"), "new")
      assert.strictEqual(statSync(path).mode & 0o777, 0o646)
      assert.deepStrictEqual(listOf(path), ["state"])
    }).pipe(provided))

  it.effect("makes a new file with the mode it is given", () =>
    Effect.gen(function*() {
      const path = join(folder(), "state")
      yield* FileDrop.atomic(path, (file) => file.writeAll(bytes("new")), { mode: 0o600 })
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    }).pipe(provided))

  it.effect("that fails or dies leaves the old file and nothing beside it", () =>
    Effect.gen(function*() {
      const path = old()
      for (const end of [Effect.fail("no"), Effect.die("no")]) {
        const exit = yield* Effect.exit(
          FileDrop.atomic(path, (file) => Effect.andThen(file.writeAll(bytes("half")), end))
        )
        assert.deepStrictEqual(exit, yield* Effect.exit(end))
        assert.strictEqual(readFileSync(path, "utf8"), "old")
        assert.deepStrictEqual(listOf(path), ["state"])
      }
    }).pipe(provided))

  it.effect("interrupted while it writes leaves the old file and nothing beside it", () =>
    Effect.gen(function*() {
      const path = old()
      const begun = yield* Deferred.make<void>()
      const writing = FileDrop.atomic(path, (file) =>
        file.writeAll(bytes("half")).pipe(
          Effect.andThen(Deferred.succeed(begun, undefined)),
          Effect.andThen(Effect.never)
        ))
      const fiber = yield* Effect.forkChild(writing)
      yield* Deferred.await(begun)
      assert.strictEqual(listOf(path).length, 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(readFileSync(path, "utf8"), "old")
      assert.deepStrictEqual(listOf(path), ["state"])
    }).pipe(provided))

  it.effect("through a symbolic link replaces what it leads to", () =>
    Effect.gen(function*() {
      const path = old()
      const link = join(folder(), "link")
      symlinkSync(path, link)
      yield* FileDrop.atomic(link, (file) => file.writeAll(bytes("new")))
      assert.isTrue(lstatSync(link).isSymbolicLink())
      assert.strictEqual(readFileSync(path, "utf8"), "new")
    }).pipe(provided))

  it.effect("where no file can be is a typed error that names the path", () =>
    Effect.gen(function*() {
      const dir = folder()
      const messageOf = (path: string) =>
        Effect.map(Effect.flip(FileDrop.atomic(path, () => Effect.void)), ({ message }) => message)
      const none = join(dir, "no", "such")
      assert.strictEqual(yield* messageOf(dir), `cannot replace ${dir}: it is no regular file`)
      assert.strictEqual(yield* messageOf("/dev/full"), "cannot replace /dev/full: it is no regular file")
      assert.strictEqual(yield* messageOf(none), `cannot open ${none}: no such file or directory (ENOENT)`)
      assert.deepStrictEqual(readdirSync(dir), [])
    }).pipe(provided))

  it.effect("that cannot rename fails typed, with nothing beside the old file", () =>
    Effect.gen(function*() {
      const path = old()
      const error = yield* Effect.flip(FileDrop.atomic(path, (file) => file.writeAll(bytes("new"))))
      assert.strictEqual(error._tag === "FileError" && error.operation, "replace")
      assert.strictEqual(readFileSync(path, "utf8"), "old")
      assert.deepStrictEqual(listOf(path), ["state"])
    }).pipe(fileSystemWith((fs) => ({ rename: (from) => fs.rename(`${from}.none`, from) }))))

  it.effect("that cannot remove what it wrote says so beside the failure of write", () =>
    Effect.gen(function*() {
      const path = old()
      const exit = yield* Effect.exit(FileDrop.atomic(path, () => Effect.fail("no")))
      assert.isTrue(Exit.isFailure(exit))
      if (!Exit.isFailure(exit)) return
      assert.strictEqual(Option.getOrThrow(Cause.findErrorOption(exit.cause)), "no")
      const failure = Option.getOrThrow(DropFailure.fromCause(exit.cause))
      assert.deepStrictEqual(failure.errors.map(({ resource }) => resource), [path])
      assert.strictEqual(listOf(path).length, 2)
    }).pipe(fileSystemWith((fs) => ({ remove: (path) => fs.remove(`${path}.none`) }))))

  it.effect("removes what a killed process left beside it, and nothing else", () =>
    Effect.gen(function*() {
      const path = old()
      yield* FileDrop.atomic(path, () => Effect.void) // to see how they are called
      const names: Array<string> = []
      const other = join(folder(), "state")
      yield* FileDrop.atomic(other, () => Effect.sync(() => names.push(...listOf(other))))
      const [name = ""] = names
      const gone = name.replace(/-\d+-\d*-/, `-${2 ** 22 + 1}-1-`)
      const elsewhere = gone.replace(/^\.async-drop-[0-9a-f]+/, ".async-drop-00000000")
      const dir = folder()
      for (const it of [gone, elsewhere, name, "mine.tmp"]) writeFileSync(join(dir, it), "")
      yield* FileDrop.atomic(join(dir, "state"), () => Effect.void)
      assert.deepStrictEqual(readdirSync(dir).toSorted(), [elsewhere, name, "mine.tmp", "state"].toSorted())
    }).pipe(provided))
})

describe("files of real processes", { timeout: 60_000 }, () => {
  it("a process killed while it replaces a file leaves the old one or the new one, whole", {
    timeout: 60_000 + rounds * 2000
  }, async () => {
    const dir = folder()
    const path = join(dir, "state")
    const size = 400_000
    for (let round = 0; round < rounds; round++) {
      const writer = start("file-writer.ts", [path, `${size}`])
      await writer.line("saved")
      await new Promise((resume) => setTimeout(resume, Math.random() * 20))
      writer.kill("SIGKILL")
      await writer.exit
      const content = readFileSync(path, "utf8")
      assert.strictEqual(content.length, size)
      assert.strictEqual(content, content[0]!.repeat(size))
      assert.isAtMost(readdirSync(dir).length, 2)
    }
    // The next start removes what the last one left; it is told to write once.
    const last = start("file-writer.ts", [path, "2"])
    await last.line("saved")
    last.kill("SIGSTOP")
    assert.isAtMost(readdirSync(dir).filter((name) => !name.includes(`-${last.pid}-`)).length, 1)
    last.kill("SIGKILL")
    await last.exit
  })

  // A disk of its own takes the right to mount one: root's, in a mount namespace.
  const canMount = spawnSync("unshare", ["-m", "true"]).status === 0
  it.runIf(canMount)("a full disk is a typed error, the old file stays, and nothing is beside it", async () => {
    const dir = join(folder(), "disk")
    mkdirSync(dir)
    const script = `mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"`
    const fixture = start("file-full.ts", [dir], { by: ["unshare", "-m", "sh", "-c", script, dir] })
    assert.strictEqual(await fixture.exit, 0, fixture.output())
    assert.deepStrictEqual(fixture.output().trim().split("\n"), [
      `atomic: PlatformError Unknown: FileSystem.writeAll (${dir}/state): no space left on device (ENOSPC)`,
      "content: old",
      "left: state",
      "open: Failure 0"
    ])
  })
})
