import { AsyncDrop } from "@async-drop/core"
import { TempDrop } from "@async-drop/platform-node"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, PlatformError } from "effect"
import { spawnSync } from "node:child_process"
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { basename, join } from "node:path"
import { command, folder, program } from "./support/program.ts"

const root = process.getuid?.() === 0
const linux = process.platform === "linux"

const counts = () => ["exit", "SIGHUP", "SIGINT", "SIGTERM"].map((name) => process.listenerCount(name))

/** What the file system answers to one operation. */
const failing = (method: "remove", code: string) =>
  Effect.updateService(FileSystem.FileSystem, (fs) =>
    FileSystem.FileSystem.of({
      ...fs,
      [method]: (path: string) =>
        Effect.fail(PlatformError.systemError({
          _tag: "Unknown",
          module: "FileSystem",
          method,
          pathOrDescriptor: path,
          cause: new Error(code)
        }))
    }))

/** The names of ours in a directory, as a process that has gone would have left them. */
const leave = Effect.fnUntraced(function*(parent: string) {
  const { ended, kill, says } = yield* program("temp", parent, "wait")
  yield* says(/open/)
  yield* kill("SIGKILL")
  yield* ended
  const names = readdirSync(parent)
  assert.strictEqual(names.length, 2)
  return names
})

/** A name as this process would have given, with one part of its stamp changed. */
const forged = Effect.fnUntraced(function*(parent: string, change: (parts: Array<string>) => Array<string>) {
  const name = yield* AsyncDrop.scoped(Effect.map(TempDrop.directory({ parent, prefix: "test-" }), basename))
  const [prefix = "", ...parts] = name.split("-")
  const path = join(parent, [prefix, ...change(parts)].join("-"))
  mkdirSync(path)
  return path
})

const sweep = (parent: string, elsewhere?: "remove") => TempDrop.sweep({ parent, prefix: "test-", elsewhere })

describe("TempDrop.directory", () => {
  it.effect("is its owner's alone, and goes with all that is in it when its scope closes", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const path = yield* AsyncDrop.scoped(Effect.gen(function*() {
        const path = yield* TempDrop.directory({ parent, prefix: "test-" })
        assert.strictEqual(statSync(path).mode & 0o777, 0o700)
        assert.isTrue(basename(path).startsWith("test-"))
        mkdirSync(join(path, "below"))
        writeFileSync(join(path, "below", "it"), "text")
        return path
      }))
      assert.isFalse(existsSync(path))
      assert.deepStrictEqual(readdirSync(parent), [])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("is removed without following a link out of it", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const outside = yield* folder
      writeFileSync(join(outside, "kept"), "text")
      yield* AsyncDrop.scoped(Effect.map(TempDrop.directory({ parent }), (path) => {
        symlinkSync(outside, join(path, "link"))
      }))
      assert.deepStrictEqual([readdirSync(parent), readdirSync(outside)], [[], ["kept"]])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("that cannot be removed is a drop error that names it", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(TempDrop.directory({ parent })).pipe(
        failing("remove", "EBUSY")
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(dropErrors.map((error) => error.resource), ["temporary directory"])
      assert.match(String(dropErrors[0]!.cause), new RegExp(`${readdirSync(parent)[0]}\\): EBUSY`))
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("that cannot be made is a typed error that names it, and leaves nothing", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const before = counts()
      writeFileSync(join(parent, "file"), "text")
      const reasonIn = (parent: string) =>
        AsyncDrop.scoped(TempDrop.directory({ parent })).pipe(
          Effect.flip,
          Effect.map((error) => {
            assert.match(error.message, /^(NotFound|BadResource): TempDrop.directory \([^\n]*\)$/)
            assert.include(error.message, parent)
            return error._tag === "PlatformError" ? error.reason._tag : error._tag
          })
        )
      assert.strictEqual(yield* reasonIn(join(parent, "missing")), "NotFound")
      assert.strictEqual(yield* reasonIn(join(parent, "file")), "BadResource")
      assert.deepStrictEqual(readdirSync(parent), ["file"])
      assert.deepStrictEqual(counts(), before)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("refuses a prefix that leads elsewhere, before anything is made", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      for (const prefix of ["", "a/b", "../x"]) {
        const cause = yield* AsyncDrop.scoped(TempDrop.directory({ parent, prefix })).pipe(
          Effect.sandbox,
          Effect.flip
        )
        assert.match(String(cause), /TempDrop\.directory: prefix is .* Give a part of a file's name/)
      }
      const cause = yield* Effect.flip(Effect.sandbox(TempDrop.sweep({ parent, prefix: "" })))
      assert.match(String(cause), /TempDrop\.sweep: prefix is empty/)
      assert.deepStrictEqual(readdirSync(parent), [])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("listens to the process while one is open, and at no other time", () =>
    Effect.gen(function*() {
      const { ended } = yield* program("temp", yield* folder, "listens")
      const { stderr, stdout } = yield* ended
      assert.deepStrictEqual([stdout, stderr], ["[0,0,0,0]\n[1,1,1,1]\n[1,1,1,1]\n[0,0,0,0]\n", ""])
    }))
})

describe("TempDrop.file", () => {
  it.effect("is its owner's alone, and goes when its scope closes, there or not", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const path = yield* TempDrop.file({ parent, suffix: ".json" })
        const other = yield* TempDrop.file({ parent })
        assert.deepStrictEqual([statSync(path).mode & 0o777, statSync(path).size], [0o600, 0])
        assert.isTrue(path.endsWith(".json"))
        renameSync(other, path)
      }))
      assert.deepStrictEqual(readdirSync(parent), [])
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})

describe.concurrent("a program with temporary paths", { timeout: 30_000 }, () => {
  const leaves = Effect.fnUntraced(function*(way: string, signal?: NodeJS.Signals) {
    const parent = yield* folder
    const { ended, kill, says } = yield* program("temp", parent, way)
    if (signal !== undefined) {
      yield* says(/open/)
      assert.strictEqual(readdirSync(parent).length, 2)
      yield* kill(signal)
    }
    const { code, signal: by } = yield* ended
    return { code, by, left: readdirSync(parent).length }
  })

  it.effect("leaves nothing when its scope closes, nor on process.exit", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* leaves("close"), { code: 0, by: null, left: 0 })
      assert.deepStrictEqual(yield* leaves("exit"), { code: 3, by: null, left: 0 })
    }))

  it.effect("removes as it exits what could not be removed with its scope, and was told why", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const { ended } = yield* program("temp", parent, "written")
      const { code, stderr, stdout } = yield* ended
      assert.deepStrictEqual([code, readdirSync(parent)], [0, []], stderr)
      assert.match(
        stdout,
        new RegExp(`^"Unknown: FileSystem.remove \\(${parent}/test-[^)]*\\): directory not empty \\(ENOTEMPTY\\)"\n$`)
      )
    }))

  it.effect("leaves nothing on an uncaught error or a rejection that nobody handles", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* leaves("throw"), { code: 1, by: null, left: 0 })
      assert.deepStrictEqual(yield* leaves("reject"), { code: 1, by: null, left: 0 })
    }))

  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) {
    it.effect(`leaves nothing on ${signal}, and is ended by it as without them`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* leaves("wait", signal), { code: null, by: signal, left: 0 })
      }))
  }

  it.effect("leaves nothing when runMain closes its scope on SIGTERM", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* leaves("runMain", "SIGTERM"), { code: 130, by: null, left: 0 })
    }))

  it.effect("keeps them and goes on where it listens to the signal itself", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const { ended, kill, says } = yield* program("temp", parent, "listen")
      yield* says(/open/)
      yield* kill("SIGHUP")
      yield* says(/heard/)
      assert.strictEqual(readdirSync(parent).length, 2)
      yield* kill("SIGTERM")
      const { signal } = yield* ended
      assert.deepStrictEqual([signal, readdirSync(parent)], ["SIGTERM", []])
    }))

  it.effect("leaves nothing on a second signal where it listened to the first only", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const { ended, kill, says } = yield* program("temp", parent, "once")
      yield* says(/open/)
      yield* kill("SIGHUP")
      yield* says(/heard/)
      yield* kill("SIGHUP")
      const { signal } = yield* ended
      assert.deepStrictEqual([signal, readdirSync(parent)], ["SIGHUP", []])
    }))

  it.effect("still ends where a listener sends the signal again if nobody else listens", () =>
    Effect.gen(function*() {
      const { by, code } = yield* leaves("polite", "SIGHUP")
      assert.deepStrictEqual({ by, code }, { by: "SIGHUP", code: null })
    }))

  it.effect("installs nothing by importing the package", () =>
    Effect.gen(function*() {
      const { ended } = yield* program("temp", "", "listeners")
      assert.strictEqual((yield* ended).stdout, "[0,0,0,0]\n")
    }))

  it.effect.skipIf(!root || !linux)(
    "on a full disk fails with an error that names the path, and leaves nothing",
    (context) =>
      Effect.gen(function*() {
        // A mount of its own needs rights that even root may lack, as in a container.
        if (spawnSync("unshare", ["--mount", "true"]).status !== 0) return context.skip("no rights to mount")
        const parent = yield* folder
        const temp = new URL("programs/temp.ts", import.meta.url).pathname
        // One inode, which is the directory's own.
        const script = `mount -t tmpfs -o nr_inodes=1 none "$1" && "$2" "$3" "$1" fail && ls -A "$1"`
        const words = ["unshare", "--mount", "sh", "-c", script, "sh", parent, process.execPath, temp] as const
        const { ended } = yield* command([...words])
        const { code, stderr, stdout } = yield* ended
        assert.strictEqual(code, 0, stderr)
        assert.match(stdout, new RegExp(`^"PlatformError: .*${parent}/test-[^ ]*"\n$`))
      })
  )
})

describe.concurrent("TempDrop.sweep", { timeout: 30_000 }, () => {
  for (const signal of ["SIGKILL", "SIGQUIT"] as const) {
    it.effect(`removes what a program left on ${signal}, and nothing that lives`, () =>
      Effect.gen(function*() {
        const parent = yield* folder
        const dead = yield* program("temp", parent, "wait")
        yield* dead.says(/open/)
        const left = readdirSync(parent).map((name) => join(parent, name)).toSorted()
        const living = yield* program("temp", parent, "wait")
        yield* living.says(/open/)
        writeFileSync(join(parent, "test-notes"), "not ours")
        yield* dead.kill(signal)
        yield* dead.ended

        const { failed, kept, removed } = yield* sweep(parent)
        assert.deepStrictEqual([removed.toSorted(), failed], [left, []])
        assert.deepStrictEqual(kept.map((it) => it.why), ["alive", "alive"])
        assert.strictEqual(readdirSync(parent).length, 3)
        yield* living.kill("SIGTERM")
        yield* living.ended
        assert.deepStrictEqual(readdirSync(parent), ["test-notes"])
      }).pipe(Effect.provide(NodeFileSystem.layer)))
  }

  it.effect("is not deceived by a process that got the number of a dead one", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const mine = yield* forged(parent, (parts) => parts)
      const reused = yield* forged(
        parent,
        ([pid = "", start = "", ...rest]) => [pid, String(Number(start) - 9), ...rest]
      )
      const { kept, removed } = yield* sweep(parent)
      assert.deepStrictEqual([kept, removed], [[{ path: mine, why: "alive" }], [reused]])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("takes a process whose start is not known for alive while its number is in use", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const path = yield* forged(parent, ([pid = "", , ...rest]) => [pid, "0", ...rest])
      assert.deepStrictEqual((yield* sweep(parent)).kept, [{ path, why: "alive" }])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("leaves those of another host or container alone, unless it is told otherwise", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const path = yield* forged(parent, ([pid = "", start = "", , random = ""]) => [pid, start, "00000000", random])
      assert.deepStrictEqual((yield* sweep(parent)).kept, [{ path, why: "elsewhere" }])
      assert.deepStrictEqual((yield* sweep(parent, "remove")).removed, [path])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect.skipIf(!root)("leaves those of another user alone", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const names = yield* leave(parent)
      for (const name of names) chownSync(join(parent, name), 65_534, 65_534)
      assert.deepStrictEqual((yield* sweep(parent)).kept.map((it) => it.why), ["foreign", "foreign"])
      assert.sameMembers(readdirSync(parent), names)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("leaves a link with a name like ours alone, and what it leads to", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const outside = yield* folder
      writeFileSync(join(outside, "kept"), "text")
      const [name = ""] = yield* leave(parent)
      symlinkSync(outside, join(parent, name.replace(/[0-9a-f]{10}/, "0123456789")))
      const { kept, removed } = yield* sweep(parent)
      assert.deepStrictEqual([kept.map((it) => it.why), removed.length], [["foreign"], 2])
      assert.deepStrictEqual(readdirSync(outside), ["kept"])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("by several at once removes each path, and tells one of them so", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const [name = ""] = yield* leave(parent)
      for (let i = 0; i < 200; i++) {
        mkdirSync(join(parent, name.replace(/[0-9a-f]{10}(\.txt)?$/, String(i).padStart(10, "0")), "below"), {
          recursive: true
        })
      }
      const all = readdirSync(parent).map((name) => join(parent, name))
      const sweeper = Effect.gen(function*() {
        const { ended } = yield* program("temp", parent, "sweep")
        const { stderr, stdout } = yield* ended
        assert.strictEqual(stderr, "")
        return JSON.parse(stdout) as TempDrop.Swept // what the program prints
      })
      const results = yield* Effect.all([sweeper, sweeper, sweeper], { concurrency: "unbounded" })
      assert.deepStrictEqual(results.flatMap((it) => it.removed).toSorted(), all.toSorted())
      assert.deepStrictEqual([results.flatMap((it) => it.failed), readdirSync(parent)], [[], []])
    }))

  it.effect("goes on after a path that it cannot remove, and names it", () =>
    Effect.gen(function*() {
      const parent = yield* folder
      const names = yield* leave(parent)
      const { failed, removed } = yield* failing("remove", "EBUSY")(sweep(parent))
      assert.deepStrictEqual([failed.length, removed], [names.length, []])
      assert.deepStrictEqual(failed.map((it) => basename(it.path)).toSorted(), readdirSync(parent).toSorted())
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("of a directory that is not there is a typed error that names it", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(sweep("/no/such/directory"))
      assert.match(error.message, /NotFound.*\/no\/such\/directory/)
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})
