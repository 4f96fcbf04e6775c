import { assert, describe, it } from "@effect/vitest"
import { nameOf, parse, suffixOf } from "../src/internal/temp/stamp.ts"

const stamp = { pid: 12, start: "345", world: "0a1b2c3d" }

describe("the stamp in a name", () => {
  it("is read back, with what comes before and after it", () => {
    for (const prefix of ["a-", "a-1-", "a-12-345-0a1b2c3d-"]) {
      const name = nameOf(prefix, stamp, ".tar.gz")
      assert.deepStrictEqual([parse(prefix, name), suffixOf(prefix, name)], [stamp, ".tar.gz"])
    }
  })
  it("says by a zero that a start is not known", () => {
    const name = nameOf("a-", { ...stamp, start: "" }, "")
    assert.match(name, /^a-12-0-/)
    assert.deepStrictEqual(parse("a-", name), { ...stamp, start: "" })
  })
  it("is not found in a name of another prefix, nor in one that is cut short", () => {
    assert.isUndefined(parse("a-", nameOf("a-1-", stamp, "")))
    const name = nameOf("a-", stamp, "")
    assert.isUndefined(parse("b-", name))
    for (let length = 0; length < name.length; length++) assert.isUndefined(parse("a-", name.slice(0, length)))
  })
})
