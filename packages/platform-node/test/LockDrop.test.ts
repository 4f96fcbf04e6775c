import { AsyncDrop, DropCycle, DropUsageError } from "@async-drop/core"
import { LockDrop } from "@async-drop/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { start } from "./support/fixture.ts"
import { folders, rounds } from "./support/folders.ts"

const { folder, root } = folders("lock-drop-")
const lockPath = () => join(folder(), "the.lock")

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A fibre that logs its turn with the lock, and keeps it until the deferred is done. */
const holding = (path: string, log: Array<string>, name: string, until: Effect.Effect<void> = Effect.void) =>
  beside(AsyncDrop.scoped(Effect.gen(function*() {
    yield* LockDrop.acquire(path, { name })
    log.push(name)
    yield* until
  })))

const failureOf = <E>(exit: Exit.Exit<unknown, E>): E | undefined =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined

const defectOf = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

const isFree = (path: string) => Effect.map(AsyncDrop.scoped(LockDrop.tryAcquire(path)), Option.isSome)

describe("LockDrop.acquire", () => {
  it.effect("says who holds it in a file beside it, and leaves only the empty lock file", () =>
    Effect.gen(function*() {
      const path = lockPath()
      const seen = yield* AsyncDrop.scoped(Effect.gen(function*() {
        const lock = yield* LockDrop.acquire(path, { name: "me" })
        assert.strictEqual(lock.path, path)
        return [Option.some(lock.holder), yield* LockDrop.holder(path)]
      }))
      assert.deepStrictEqual(seen[0], seen[1])
      assert.strictEqual(Option.getOrThrow(seen[1]!).pid, process.pid)
      assert.strictEqual(Option.getOrThrow(seen[1]!).name, "me")
      assert.deepStrictEqual(readdirSync(join(path, "..")), ["the.lock"])
      assert.strictEqual(statSync(path).size, 0)
    }))

  it.effect("gives the lock to the fibres of one thread in the order in which they asked", () =>
    Effect.gen(function*() {
      const path = lockPath()
      const log: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const fibers = [yield* holding(path, log, "a", Deferred.await(gate))]
      for (const name of ["b", "c", "d"]) fibers.push(yield* holding(path, log, name))
      assert.deepStrictEqual(log, ["a"])
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(log, ["a", "b", "c", "d"])
    }))

  it.effect("interrupted while it waits leaves its place to the next, and the lock free", () =>
    Effect.gen(function*() {
      const path = lockPath()
      const log: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const a = yield* holding(path, log, "a", Deferred.await(gate))
      const b = yield* holding(path, log, "b")
      const c = yield* holding(path, log, "c")
      yield* Fiber.interrupt(b)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(a)
      yield* Fiber.join(c)
      assert.deepStrictEqual(log, ["a", "c"])
      assert.isTrue(yield* isFree(path))
    }))

  it.effect("fails at its limit with a LockTimeout that names the lock and its holder", () =>
    Effect.gen(function*() {
      const path = lockPath()
      const gate = yield* Deferred.make<void>()
      const holder = yield* holding(path, [], "indexer", Deferred.await(gate))
      const waiter = yield* beside(Effect.exit(AsyncDrop.scoped(LockDrop.acquire(path, { timeout: "3 seconds" }))))
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(waiter.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = failureOf(yield* Fiber.join(waiter))
      assert.instanceOf(error, LockDrop.LockTimeout)
      assert.strictEqual(error.path, path)
      assert.strictEqual(Option.getOrThrow(error.holder).name, "indexer")
      assert.include(error.message, `the lock ${path} was not free within 3s: process ${process.pid} on `)
      assert.include(error.message, `holds it as "indexer" since `)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(holder)
      assert.isTrue(yield* isFree(path))
    }))

  it.effect("with a limit of zero gets a free lock, and none that is held", () =>
    Effect.gen(function*() {
      const path = lockPath()
      yield* AsyncDrop.scoped(LockDrop.acquire(path, { timeout: 0 }))
      const gate = yield* Deferred.make<void>()
      const holder = yield* holding(path, [], "a", Deferred.await(gate))
      const waiter = yield* beside(Effect.exit(AsyncDrop.scoped(LockDrop.acquire(path, { timeout: 0 }))))
      yield* TestClock.adjust(0)
      assert.instanceOf(failureOf(yield* Fiber.join(waiter)), LockDrop.LockTimeout)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(holder)
    }))

  it.effect("on the fibre that holds it is a cycle and not a wait", () =>
    Effect.gen(function*() {
      const path = lockPath()
      const twice = Effect.andThen(LockDrop.acquire(path), LockDrop.acquire(path))
      const exit = yield* Effect.exit(AsyncDrop.scoped(twice))
      assert.instanceOf(defectOf(exit), DropCycle.DropCycle)
      assert.isTrue(yield* isFree(path))
    }))

  it.effect("by two names of one file is one lock", () =>
    Effect.gen(function*() {
      const path = lockPath()
      const dotted = join(path, "..", ".", "the.lock")
      const both = Effect.andThen(LockDrop.acquire(path), LockDrop.tryAcquire(dotted))
      assert.isTrue(Option.isNone(yield* AsyncDrop.scoped(both)))
      const link = join(folder(), "link.lock")
      symlinkSync(path, link)
      const linked = yield* Effect.exit(
        AsyncDrop.scoped(Effect.andThen(LockDrop.acquire(path), LockDrop.acquire(link)))
      )
      assert.instanceOf(defectOf(linked), DropCycle.DropCycle)
    }))

  it.effect("with a negative or impossible limit is a usage error before anything is made", () =>
    Effect.gen(function*() {
      const path = lockPath()
      for (const timeout of [-1, NaN, "soon" as "1 second"]) { // no duration at all: what JavaScript lets through
        const defect = defectOf(yield* Effect.exit(AsyncDrop.scoped(LockDrop.acquire(path, { timeout }))))
        assert.instanceOf(defect, DropUsageError.DropUsageError)
        assert.include(defect.message, `LockDrop.acquire of the.lock: timeout is ${timeout}`)
      }
      assert.deepStrictEqual(readdirSync(join(path, "..")), [])
    }))

  it.effect("of what can be no lock says so in one sentence, and touches nothing", () =>
    Effect.gen(function*() {
      const dir = folder()
      writeFileSync(join(dir, "notes.txt"), "mine\n")
      const reasonOf = Effect.fnUntraced(function*(path: string) {
        const error = failureOf(yield* Effect.exit(AsyncDrop.scoped(LockDrop.acquire(path))))
        assert.instanceOf(error, LockDrop.LockUnavailable)
        assert.notInclude(error.message, "\n")
        assert.isTrue(error.message.startsWith(`cannot lock ${path}: `), error.message)
        return error.reason
      })
      assert.strictEqual(yield* reasonOf(dir), "not-a-lock")
      assert.strictEqual(yield* reasonOf("/dev/null"), "not-a-lock")
      assert.strictEqual(yield* reasonOf(join(dir, "notes.txt")), "not-a-lock")
      assert.strictEqual(yield* reasonOf(join(dir, "no", "such.lock")), "folder")
      assert.strictEqual(yield* reasonOf(join(dir, "notes.txt", "x.lock")), "folder")
      // Where nobody can make a file, root neither.
      if (process.platform === "linux") assert.include(["permission", "system"], yield* reasonOf("/proc/x.lock"))
      assert.strictEqual(readFileSync(join(dir, "notes.txt"), "utf8"), "mine\n")
      assert.deepStrictEqual(readdirSync(dir), ["notes.txt"])
    }))

  it.effect("whose holder cannot be written down fails, and leaves the lock free", () =>
    Effect.gen(function*() {
      const path = lockPath()
      // A folder in the place of the record, as nothing can be written there.
      yield* Effect.promise(() => import("node:fs/promises").then((fs) => fs.mkdir(`${path}.holder`)))
      const error = failureOf(yield* Effect.exit(AsyncDrop.scoped(LockDrop.acquire(path))))
      assert.instanceOf(error, LockDrop.LockUnavailable)
      assert.strictEqual(error.reason, "record")
      rmSync(`${path}.holder`, { recursive: true })
      assert.isTrue(yield* isFree(path))
    }))
})

describe("a lock that is let go", () => {
  it.effect("fails as lost when its file was deleted meanwhile, and the record goes all the same", () =>
    Effect.gen(function*() {
      const path = lockPath()
      const lost = Effect.andThen(LockDrop.acquire(path), Effect.sync(() => rmSync(path)))
      const { dropErrors } = yield* AsyncDrop.scopedExit(lost)
      const [error] = dropErrors.map(({ cause }) => Option.getOrThrow(Cause.findErrorOption(cause)))
      assert.instanceOf(error, LockDrop.LockReleaseError)
      assert.strictEqual(error.reason, "lost")
      assert.strictEqual(dropErrors[0]!.resource, "the.lock")
      assert.deepStrictEqual(readdirSync(join(path, "..")), [])
      assert.isTrue(yield* isFree(path))
    }))
})

describe("LockDrop.tryAcquire", () => {
  it.effect("gives none while another fibre holds it, or waits for it", () =>
    Effect.gen(function*() {
      const path = lockPath()
      // Somebody else has it, and lets go while the waiter sleeps between two questions.
      const other = new DatabaseSync(path)
      other.exec("BEGIN EXCLUSIVE")
      const waiter = yield* holding(path, [], "w")
      other.close()
      assert.isFalse(yield* isFree(path))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiter)
      const gate = yield* Deferred.make<void>()
      const holder = yield* holding(path, [], "a", Deferred.await(gate))
      assert.isFalse(yield* isFree(path))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(holder)
      assert.isTrue(yield* isFree(path))
    }))
})

describe("LockDrop.holder", () => {
  it.effect("is none where the record is that of a process that is gone, or of an older one with its pid", () =>
    Effect.gen(function*() {
      const path = lockPath()
      const record = yield* AsyncDrop.scoped(Effect.map(LockDrop.acquire(path), ({ holder }) => holder))
      const write = (change: Partial<LockDrop.Holder>) =>
        writeFileSync(`${path}.holder`, JSON.stringify({ ...record, ...change }))
      write({})
      assert.isTrue(Option.isSome(yield* LockDrop.holder(path)))
      write({ startTime: "1" })
      assert.isTrue(Option.isNone(yield* LockDrop.holder(path)))
      write({ pid: 2 ** 22 + 1 })
      assert.isTrue(Option.isNone(yield* LockDrop.holder(path)))
      write({ pid: 2 ** 22 + 1, host: "elsewhere" })
      assert.isTrue(Option.isSome(yield* LockDrop.holder(path)))
      writeFileSync(`${path}.holder`, "{ half")
      assert.isTrue(Option.isNone(yield* LockDrop.holder(path)))
    }))
})

const acquireExit = (path: string, timeout: Duration.Input) =>
  Effect.runPromiseExit(AsyncDrop.scoped(Effect.map(LockDrop.acquire(path, { timeout }), () => performance.now())))

describe("locks among processes", { timeout: 60_000 }, () => {
  it(
    "a holder that ends in any way, or is killed, leaves the lock to the next at once",
    { timeout: 60_000 },
    async () => {
      const acts = [["end", 0], ["die", 3], ["exit", 7], ["throw", 1]] as const
      const signals = ["SIGTERM", "SIGHUP", "SIGKILL"] as const
      const isLeftFree = async (path: string, how: string) => {
        assert.isTrue(Option.isNone(await Effect.runPromise(LockDrop.holder(path))), how)
        assert.isTrue(await Effect.runPromise(isFree(path)), how)
        assert.deepStrictEqual(readdirSync(join(path, "..")), ["the.lock"], how)
      }
      await Promise.all(acts.map(async ([act, code]) => {
        const path = lockPath()
        const holder = start("lock-holder.ts", [path, act])
        assert.strictEqual(await holder.exit, code, holder.output())
        assert.include(holder.output(), "held")
        await isLeftFree(path, act)
      }))
      await Promise.all(signals.map(async (signal) => {
        const path = lockPath()
        const holder = start("lock-holder.ts", [path])
        await holder.line("held")
        assert.strictEqual(Option.getOrThrow(await Effect.runPromise(LockDrop.holder(path))).pid, holder.pid)
        holder.kill(signal)
        assert.strictEqual(await holder.exit, signal)
        await isLeftFree(path, signal)
      }))
    }
  )

  it(
    "a waiter gets the lock within milliseconds of the holder's SIGKILL",
    { timeout: 60_000 + rounds * 2000 },
    async () => {
      const path = lockPath()
      const waits: Array<number> = []
      const behind: Array<number> = []
      for (let round = 0; round < rounds / 2; round++) {
        const holder = start("lock-holder.ts", [path])
        await holder.line("held")
        const waiting = acquireExit(path, "10 seconds")
        await new Promise((resume) => setTimeout(resume, 20 + Math.random() * 30)) // a random moment of the polling
        const killed = performance.now()
        holder.kill("SIGKILL")
        const gone = holder.exit.then(() => performance.now())
        const exit = await waiting
        assert.isTrue(Exit.isSuccess(exit))
        if (!Exit.isSuccess(exit)) continue
        waits.push(exit.value - killed)
        behind.push(exit.value - (await gone))
      }
      const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1]!
      console.log(
        `after SIGKILL ${median(waits).toFixed(1)} ms, after the end ${median(behind).toFixed(1)} ms, medians`
      )
      // How long the kernel takes to end a process is the machine's affair.
      assert.isBelow(median(behind), 12)
    }
  )

  it("a holder whose event loop is blocked keeps the lock, and a waiter is told who has it", async () => {
    const path = lockPath()
    const holder = start("lock-holder.ts", [path, "block"])
    await holder.line("held")
    const error = failureOf(await acquireExit(path, "300 millis"))
    assert.instanceOf(error, LockDrop.LockTimeout)
    assert.strictEqual(Option.getOrThrow(error.holder).pid, holder.pid)
    assert.isTrue(Exit.isSuccess(await acquireExit(path, "10 seconds")))
    assert.strictEqual(await holder.exit, 0)
  })

  it("stays held when nothing but the lock itself remembers who holds it", async () => {
    const path = lockPath()
    const holder = start("lock-collected.ts", [path])
    await holder.line("collected")
    assert.isFalse(await Effect.runPromise(isFree(path)))
    holder.kill("SIGKILL")
    await holder.exit
  })

  it("threads of one process exclude each other", async () => {
    const fixture = start("lock-threads.ts", [lockPath()])
    assert.strictEqual(await fixture.exit, 0, fixture.output())
    assert.deepStrictEqual(fixture.output().trim().split("\n"), ["while held: none", "after: some"])
  })

  it("contenders killed at random moments never leave two holders, and never a lock that stays held", {
    timeout: 60_000 + rounds * 2000
  }, async () => {
    const dir = folder()
    const log = () => existsSync(join(dir, "log")) ? readFileSync(join(dir, "log"), "utf8").split("\n") : []
    const contenders = Array.from({ length: 4 }, () => start("lock-contender.ts", [dir]))
    const entries = async (more: number) => {
      const goal = log().length + more
      const end = performance.now() + 30_000
      while (log().length < goal) {
        if (performance.now() > end) throw new Error(`nobody gets the lock:\n${contenders.map((it) => it.output())}`)
        await new Promise((resume) => setTimeout(resume, 5))
      }
    }
    await entries(20)
    for (let round = 0; round < rounds; round++) {
      await new Promise((resume) => setTimeout(resume, Math.random() * 50))
      // Half of the time whoever has the lock now, else any of them.
      const holder = Option.getOrUndefined(await Effect.runPromise(LockDrop.holder(join(dir, "lock"))))
      const at = contenders.findIndex(({ pid }) => pid === holder?.pid)
      const index = at >= 0 && Math.random() < 0.5 ? at : round % contenders.length
      contenders[index]!.kill("SIGKILL")
      await contenders[index]!.exit
      contenders[index] = start("lock-contender.ts", [dir])
      await entries(10)
    }
    for (const contender of contenders) contender.kill("SIGKILL")
    await Promise.all(contenders.map(({ exit }) => exit))
    const lines = log()
    assert.deepStrictEqual(lines.filter((line) => line.startsWith("TWO")), [])
    assert.isTrue(await Effect.runPromise(isFree(join(dir, "lock"))))
    assert.deepStrictEqual(readdirSync(dir).filter((name) => name.startsWith("lock")), ["lock"])
  })

  it("where no file may grow a lock and a file are typed errors in one sentence, and nothing is left", async () => {
    const dir = folder()
    // No byte: a write fails, where its signal is ignored.
    const by = ["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]
    const fixture = start("no-room.ts", [dir], { by })
    assert.strictEqual(await fixture.exit, 0, fixture.output())
    assert.deepStrictEqual(fixture.output().trim().split("\n"), [
      `lock: cannot lock ${dir}/lock: cannot write who holds it to ${dir}/lock.holder: file too large (EFBIG)`,
      "free: None",
      `atomic: PlatformError Unknown: FileSystem.writeAll (${dir}/state): file too large (EFBIG)`,
      "left: lock"
    ])
  })

  it("a folder or a file that is not writable is a typed error in one sentence", async () => {
    const dir = folder()
    writeFileSync(join(dir, "there.lock"), "")
    chmodSync(root, 0o755)
    chmodSync(dir, 0o555)
    // Root may write everywhere, so it asks as nobody.
    const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
    for (const name of ["new.lock", "there.lock"]) {
      const fixture = start("lock-holder.ts", [join(dir, name)], nobody)
      assert.strictEqual(await fixture.exit, 3, fixture.output())
      const expected = `failed LockUnavailable: cannot lock ${join(dir, name)}: the folder ${dir} is not writable: ` +
        `permission denied (EACCES)`
      assert.include(fixture.output(), expected)
    }
    chmodSync(dir, 0o755)
    assert.deepStrictEqual(readdirSync(dir), ["there.lock"])
  })
})
