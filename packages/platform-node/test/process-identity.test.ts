import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { isAlive, own, parseLstart, parseStat, proc, ps } from "../src/internal/process-identity.ts"

describe("the start of a process", () => {
  const stat = (name: string) => `7 (${name}) S 1 7 7 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 11 0 8837463 1000 200 5`

  it("is read past a program's name with brackets and blanks", () => {
    for (const name of ["node", "a) S 9 (b", "with blanks 1 2 3", "))"]) {
      assert.strictEqual(parseStat(stat(name)), "8837463")
    }
  })
  it("is not known where the line is cut short or empty, and there is none of a zombie", () => {
    for (const text of ["", "7 (node) S 1", stat("node").slice(0, 40)]) assert.strictEqual(parseStat(text), "")
    assert.isUndefined(parseStat(stat("node").replace(" S ", " Z ")))
  })
  it("is read from what ps prints", () => {
    assert.strictEqual(parseLstart("Thu Jan  1 00:01:40 1970\n"), "100")
    assert.isUndefined(parseLstart(""))
  })

  it.effect.skipIf(process.platform !== "linux")(
    "is the same each time, and none of a process that is not there",
    () =>
      Effect.gen(function*() {
        assert.match((yield* proc.startOf(process.pid)) ?? "", /^\d+$/)
        assert.strictEqual(yield* proc.startOf(process.pid), (yield* own).start)
        assert.isUndefined(yield* proc.startOf(2 ** 30))
      })
  )

  it.effect.skipIf(spawnSync("ps", ["-p", "1"]).status !== 0)(
    "from ps is the same within two seconds",
    () =>
      Effect.gen(function*() {
        const start = yield* ps.startOf(process.pid)
        assert.isTrue(ps.same(start!, String(Number(start) + 2)))
        assert.isFalse(ps.same(start!, String(Number(start) - 3)))
        // Within this run, allowing for a clock that was set.
        assert.isBelow(Math.abs(Number(start) * 1_000 - performance.timeOrigin), 60_000)
        assert.isUndefined(yield* ps.startOf(2 ** 30))
      })
  )
})

describe.skipIf(process.platform !== "linux")("a process", () => {
  const self = Effect.runSync(own)

  it.effect("is alive, unless its start says that it is another one", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* isAlive(self))
      assert.isTrue(yield* isAlive({ ...self, start: "" }))
      assert.isFalse(yield* isAlive({ ...self, start: `${Number(self.start) - 1}` }))
      assert.isFalse(yield* isAlive({ pid: 2 ** 30, start: "" }))
      assert.isFalse(yield* isAlive({ pid: 2 ** 30, start: "1" }))
    }))

  it.live("that nobody has reaped is gone", () =>
    Effect.gen(function*() {
      // The shell becomes a program that asks for the status of no child.
      const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 5"], { stdio: ["ignore", "pipe", "ignore"] })
      const pid = Number(yield* Effect.promise(() => once(parent.stdout, "data")))
      const line = () => readFileSync(`/proc/${pid}/stat`, "latin1")
      while (!line().includes(") Z ")) yield* Effect.sleep(5)
      const start = parseStat(line().replace(") Z ", ") S "))!
      assert.isFalse(yield* isAlive({ pid, start }))
      parent.kill("SIGKILL")
    }))
})
