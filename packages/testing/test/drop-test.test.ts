import { it as dropIt } from "@async-drop/testing"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { type Report, run } from "./drop-test.run.ts"

const fixture = new URL("./drop-test.fixture.ts", import.meta.url)

/** The line of the fixture with this text. */
const lineOf = (text: string): string =>
  `${fixture.pathname}:${readFileSync(fixture, "utf8").split("\n").findIndex((line) => line.includes(text)) + 1}`

describe("it.drop", () => {
  let report: Report
  beforeAll(async () => {
    report = await run(fixture)
  }, 60_000)

  const messageOf = (name: string): string => report.tests.find((test) => test.name === name)!.messages // it exists

  it("fails the tests that leave something behind, and no other", () => {
    const failed = report.tests.filter((test) => test.state === "failed").map((test) => test.name)
    const expected = report.tests.map((test) => test.name).filter((name) => name.startsWith("leaks"))
    assert.deepStrictEqual(failed, expected)
    assert.lengthOf(expected, 14)
  })

  it("skips what is to be skipped", () => {
    const skipped = report.tests.filter((test) => test.state === "skipped").map((test) => test.name)
    assert.deepStrictEqual(skipped, ["skip leaks", "skipIf leaks"])
  })

  it("names the resource and the line that acquired it", () => {
    const message = messageOf("leaks a guard")
    assert.include(message, "1 thing was left behind:\n  1. db was never dropped\n     acquired at ")
    assert.include(message, lineOf("the line that acquires"))
    assert.include(messageOf("leaks a guard alive"), lineOf("the line that acquires"))
  })

  it("names the line that forked a fibre", () => {
    assert.match(messageOf("leaks a fibre"), /1\. fibre #\d+ still runs\n {5}forked at /)
    assert.include(messageOf("leaks a fibre"), lineOf("the line that forks"))
  })

  it("names an error that no one saw", () => {
    assert.include(messageOf("leaks an error"), "the release of log died of \"disk full\", and no one saw it")
  })

  it("tells what a shared layer was left with when the layer closes", () => {
    const failed = report.suites.filter((suite) => suite.messages !== "")
    assert.deepStrictEqual(failed.map((suite) => suite.name), ["suite that fails"])
    assert.match(failed[0]!.messages, /^1 thing was left behind:\n {2}1\. fibre #\d+ still runs/)
    const own = messageOf("leaks an error, and a fibre to its layer")
    assert.match(own, /^1 thing was left behind:\n {2}1\. the release of log/)
  })

  it("has the modifiers of it.effect", () => {
    assert.sameMembers(Object.keys(dropIt.drop), Object.keys(dropIt.effect))
    assert.sameMembers(Object.keys(dropIt.dropLive), Object.keys(dropIt.live))
  })
})
