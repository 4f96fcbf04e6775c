import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { nameOf, own, parse, parseLstart, parseStat, proc, ps, suffixOf } from "../src/internal/temp/stamp.ts"

const stamp = { pid: 12, start: "345", world: "0a1b2c3d" }

describe("the stamp in a name", () => {
  it("is read back, with what comes before and after it", () => {
    for (const prefix of ["a-", "a-1-", "a-12-345-0a1b2c3d-"]) {
      const name = nameOf(prefix, stamp, ".tar.gz")
      assert.deepStrictEqual([parse(prefix, name), suffixOf(prefix, name)], [stamp, ".tar.gz"])
    }
  })
  it("is not found in a name of another prefix, nor in one that is cut short", () => {
    assert.isUndefined(parse("a-", nameOf("a-1-", stamp, "")))
    const name = nameOf("a-", stamp, "")
    assert.isUndefined(parse("b-", name))
    for (let length = 0; length < name.length; length++) assert.isUndefined(parse("a-", name.slice(0, length)))
  })
})

describe("the start of a process", () => {
  const stat = (name: string) => `7 (${name}) S 1 7 7 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 11 0 8837463 1000 200 5`

  it("is read past a program's name with brackets and blanks", () => {
    for (const name of ["node", "a) S 9 (b", "with blanks 1 2 3", "))"]) {
      assert.strictEqual(parseStat(stat(name)), "8837463")
    }
  })
  it("is not known where the line is cut short or empty", () => {
    for (const text of ["", "7 (node) S 1", stat("node").slice(0, 40)]) assert.isUndefined(parseStat(text))
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
