import { DropReport } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Exit } from "effect"
import { widthOf } from "../src/internal/columns.ts"
import { duration } from "../src/internal/figures.ts"
import { Script } from "./support/closes.ts"
import { assertGolden } from "./support/golden.ts"

const drawn = (name: string, script: Script, options?: DropReport.TextOptions, maxResources?: number) => {
  const text = DropReport.toText(script.report(maxResources), options)
  for (const line of text.split("\n")) assert.isAtMost(widthOf(line), options?.width ?? 80, line)
  assertGolden(`report-${name}`, `${text}\n`)
}

const timedOut = Exit.fail(new Error("did not end within its timeout"))

describe("a drawn report", () => {
  it("has a bar for one resource", () =>
    drawn("one", new Script().closing(1, { resource: "app" }).release(1, 1, 12, { resource: "log" }).closed(1)))

  it("has the resources of a map below the map, with their keys, waits and marks", () =>
    drawn(
      "three-levels",
      new Script().closing(1, { resource: "app", concurrency: 2, budget: 5_000 })
        .dropping(1, 1, { resource: "http server" }).waiting(2, 1, ["http server"])
        .at(230).dropped(1).dropping(2, 1, { resource: "tenants" })
        .closing(2, { parent: 1, of: 2, concurrency: Infinity, budget: 2_000 })
        .dropping(3, 2, { resource: "tenant", key: "north" }).dropping(4, 2, { resource: "tenant", key: "south" })
        .closing(3, { parent: 2, of: 3 }).at(240).release(
          5,
          3,
          40,
          { resource: "socket" },
          Exit.fail(new Error("reset"))
        )
        .closed(3).dropped(3).at(1_230).forcing(4).at(1_300).late(4, { exit: Exit.die("too late") })
        .at(1_400).dropped(4, timedOut).closed(2).dropped(2)
        .closing(4, { parent: 1, resource: "a scope of its own" })
        .abandoned(6, { close: 4, resource: "cache", limit: "budget" }).dropped(6, timedOut)
        .dropping(7, 4, { resource: "lock" }).at(1_900).abandoned(7).dropped(7, timedOut).at(1_910).late(7).closed(4)
        .at(2_000).closed(1)
    ))

  it("leaves out the middle of 100 resources, but for what is slow and what failed", () => {
    const script = new Script().closing(1, { resource: "app" })
    for (let id = 1; id <= 100; id++) {
      script.release(id, 1, id === 50 ? 900 : 7, {}, id === 70 ? Exit.fail("disk full") : Exit.void)
    }
    drawn("hundred", script.closed(1), { maxRows: 12 })
  })

  it("counts the marked ones that it leaves out, and those that are not listed", () => {
    const script = new Script().closing(1, { resource: "app" })
    for (let id = 1; id <= 300; id++) script.release(id, 1, 1, {}, id % 3 === 0 ? Exit.fail(`error ${id}`) : Exit.void)
    drawn("too-many", script.closed(1), { maxRows: 10 }, 150)
  })

  it("fits with names in wide characters, and prints nothing that moves the cursor", () =>
    drawn(
      "wide-names",
      new Script().closing(1, { resource: "会計" })
        .release(1, 1, 30, { resource: "データベース接続プール", key: "東京都渋谷区一丁目二番三号" })
        .release(2, 1, 20, { resource: "👩‍👩‍👧‍👦 família 🇵🇹 café" }, Exit.fail("接続が拒否されました。".repeat(12)))
        .release(3, 1, 10, { resource: "red\u001b[31m\r\nnot\u202e" }).closed(1),
      { width: 60 }
    ))

  it("has what releases said of themselves in their rows, or below where that is too long for a row", () => {
    const script = new Script().closing(1, { resource: "app" })
      .dropping(1, 1, { resource: "child web" }).noted(1, "ended with code 0").at(40).dropped(1)
      .dropping(2, 1, { resource: "child sort" }).noted(2, "cat ended with code 0; sort ended by SIGTERM").at(90)
      .dropped(2)
      .dropping(3, 1, { resource: "queue" }).at(400).forcing(3).noted(3, "3 jobs lost").dropped(3, timedOut)
      .dropping(4, 1, { resource: "pool", key: "a" }).noted(4, "接続は\u001b[2Jすべて閉じられました").at(410).dropped(4)
    drawn("notes", script.closed(1))
  })

  it("has a mark for what took no time", () =>
    drawn("no-time", new Script().closing(1, { resource: "app" }).release(1, 1, 0).release(2, 1, 0).closed(1)))

  it("lists twenty errors of many, each within the width", () => {
    const script = new Script().closing(1, { resource: "app" })
    for (let id = 1; id <= 25; id++) {
      script.release(id, 1, 1, { key: id }, Exit.die(new Error("not a function ".repeat(8))))
    }
    drawn("only-failures", script.closed(1))
  })

  it("says that a close has not ended", () =>
    drawn(
      "unfinished",
      new Script().closing(1, { resource: "app" }).dropping(1, 1).closing(2, { parent: 1, of: 1 }).dropping(2, 2)
        .closing(3, { parent: 2 }).at(90_000).dropping(3, 3)
    ))

  it("shows how deep it is where there is no room for steps", () => {
    const script = new Script()
    for (let id = 1; id <= 12; id++) script.closing(id, { of: id - 1 }).dropping(id, id)
    for (let id = 12; id >= 1; id--) script.at(200 - id).dropped(id).closed(id)
    drawn("deep", script)
  })

  it("is coloured only when asked, and the same text without the codes", () => {
    const report = new Script().closing(1).release(1, 1, 5, {}, Exit.fail("no")).dropping(2, 1).at(9).forcing(2)
      .dropped(2).closed(1).report()
    const plain = DropReport.toText(report)
    const colored = DropReport.toText(report, { colors: true })
    const codes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g")
    assert.notMatch(plain, codes)
    assert.match(colored, codes)
    const trimmed = colored.replace(codes, "").split("\n").map((line) => line.trimEnd()).join("\n")
    assert.strictEqual(trimmed, plain)
  })

  it("takes a width or a number of rows that makes no sense for the nearest that does", () => {
    const report = new Script().closing(1).release(1, 1, 5).closed(1).report()
    const text = (options: DropReport.TextOptions) => DropReport.toText(report, options)
    for (const width of [NaN, -1, 0, 39.9]) assert.strictEqual(text({ width }), text({ width: 40 }))
    assert.strictEqual(text({ width: Infinity }), text({ width: 1_000 }))
    for (const maxRows of [-1, 0, 7]) assert.strictEqual(text({ maxRows }), text({ maxRows: 8 }))
    assert.strictEqual(text({ maxRows: Infinity }), text({}))
  })
})

describe("a duration", () => {
  it("has the unit that needs the fewest digits, also where it is rounded up to the next", () => {
    const figures = [0, 0.00001, 0.012, 0.0996, 0.5, 0.996, 9.96, 12.4, 999.6, 9_996, 59_960, 3_599_600, 360_000_000]
    assert.deepStrictEqual(figures.map(duration), [
      "0 ms",
      "<1 µs",
      "12 µs",
      "0.1 ms",
      "0.5 ms",
      "1 ms",
      "10 ms",
      "12 ms",
      "1 s",
      "10 s",
      "1 m 00 s",
      "1 h 00 m",
      "100 h 00 m"
    ])
  })
})
