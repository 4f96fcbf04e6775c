import { DropReport } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema } from "effect"
import * as fc from "fast-check"
import { Recorder, type Timed } from "../src/internal/recorder.ts"
import { Script } from "./support/closes.ts"

const zero: DropReport.Totals = {
  scopes: 1,
  resources: 0,
  released: 0,
  failed: 0,
  died: 0,
  interrupted: 0,
  abandoned: 0,
  unfinished: 0,
  forced: 0,
  late: 0,
  leftOut: 0
}

const names = (report: DropReport.DropReport, scope = 0) =>
  report.scopes[scope]!.resources.map((resource) => resource.name)

describe("a report", () => {
  it("has each release with its times, from the start of the close", () => {
    const report = new Script().at(100).closing(1, { resource: "app", concurrency: Infinity, budget: 400 })
      .at(101).dropping(1, 1, { key: { tenant: 7 } })
      .at(102.5).release(2, 1, 3).at(110).dropped(1, Exit.fail("disk full"))
      .at(200).closed(1).report()
    assert.deepStrictEqual(report, {
      schemaVersion: 1,
      totals: { ...zero, resources: 2, released: 1, failed: 1 },
      scopes: [{
        name: "app",
        concurrency: "unbounded",
        budget: { limit: 400, spent: 100 },
        startedAt: 0,
        duration: 100,
        finished: true,
        resources: [
          {
            name: "resource 1",
            key: "{ tenant: 7 }",
            phase: "graceful",
            result: "failed",
            error: "failed with disk full",
            startedAt: 1,
            duration: 9
          },
          { name: "resource 2", phase: "graceful", result: "released", startedAt: 2.5, duration: 3 }
        ],
        leftOut: 0
      }]
    })
  })

  it("says in which way each release ended, a typed failure before a defect", () => {
    const both = Exit.failCause(Cause.fromReasons([Cause.makeDieReason("d"), Cause.makeFailReason("f")]))
    const report = new Script().closing(1)
      .release(1, 1, 0, {}, Exit.die("d")).release(2, 1, 0, {}, Exit.interrupt()).release(3, 1, 0, {}, both)
      .closed(1).report()
    assert.deepStrictEqual(report.scopes[0].resources.map(({ error, result }) => [result, error]), [
      ["died", "died of d"],
      ["interrupted", "was interrupted"],
      ["failed", "died of d; failed with f"]
    ])
    assert.deepStrictEqual(report.totals, { ...zero, resources: 3, died: 1, interrupted: 1, failed: 1 })
  })

  it("says what a release waited for, and how long", () => {
    const report = new Script().closing(1).at(5).waiting(1, 1, ["pool", "cache"]).at(25).release(1, 1, 1).closed(1)
      .report()
    assert.deepStrictEqual(report.scopes[0].resources[0]?.waited, { for: ["pool", "cache"], duration: 20 })
    assert.strictEqual(report.scopes[0].resources[0]?.startedAt, 25)
  })

  it("says how far a release got, which limit passed, and what ended late", () => {
    const report = new Script().closing(1)
      .dropping(1, 1).at(10).forcing(1).at(12).dropped(1, Exit.fail("slow"))
      .dropping(2, 1).at(20).forcing(2).at(25).abandoned(2).dropped(2, Exit.fail("gone"))
      .at(31).late(2, { exit: Exit.die("too late") }).at(32).late(2, { phase: "force" })
      .closed(1).report()
    assert.deepStrictEqual(report.scopes[0].resources, [
      {
        name: "resource 1",
        phase: "force",
        result: "failed",
        error: "failed with slow",
        limit: "timeout",
        startedAt: 0,
        duration: 12
      },
      {
        name: "resource 2",
        phase: "abandoned",
        result: "abandoned",
        error: "failed with gone",
        limit: "forceTimeout",
        startedAt: 12,
        duration: 13,
        late: [
          { phase: "graceful", duration: 19, result: "died", error: "died of too late" },
          { phase: "force", duration: 20, result: "released" }
        ]
      }
    ])
    assert.deepStrictEqual(report.totals, { ...zero, resources: 2, failed: 1, abandoned: 1, forced: 1, late: 1 })
  })

  it("has no start of a release that was abandoned before it began", () => {
    const report = new Script().closing(1)
      .waiting(1, 1, ["a use"]).at(10).abandoned(1).dropped(1, Exit.fail("gone"))
      .abandoned(2, { close: 1, limit: "budget" }).dropped(2, Exit.fail("gone"))
      .closed(1).report()
    const gone = { phase: "abandoned", result: "abandoned", error: "failed with gone", duration: 0 } as const
    assert.deepStrictEqual(report.scopes[0].resources, [
      { name: "resource 1", ...gone, limit: "forceTimeout", waited: { for: ["a use"], duration: 10 } },
      { name: "resource 2", ...gone, limit: "budget" }
    ])
  })

  it("hangs a close below the resource whose release it is, else below the close it runs inside of", () => {
    const report = new Script().closing(1)
      .release(1, 1, 1).dropping(2, 1).closing(2, { parent: 1, of: 2 }).dropping(3, 2).closing(3, { parent: 2, of: 3 })
      .release(4, 3, 1).closed(3).dropped(3).closed(2).dropped(2)
      .closing(4, { parent: 1 }).release(5, 4, 1).closed(4)
      .closed(1).report()
    assert.deepStrictEqual(report.scopes.map(({ name, of, parent }) => [name, parent, of]), [
      ["scope 1", undefined, undefined],
      ["scope 2", 0, 1],
      ["scope 3", 1, 0],
      ["scope 4", 0, undefined]
    ])
    assert.deepStrictEqual(report.scopes.map((_, index) => names(report, index)), [
      ["resource 1", "resource 2"],
      ["resource 3"],
      ["resource 4"],
      ["resource 5"]
    ])
    assert.deepStrictEqual(report.totals, { ...zero, scopes: 4, resources: 5, released: 5 })
  })

  it("is made for each close that is a part of no other, when that ends, however they interleave", () => {
    const reports = new Script().closing(1).dropping(1, 1).closing(2).dropping(2, 2).dropped(1).dropping(3, 1).closed(2)
      .dropped(3).dropped(2).closed(1).reports()
    assert.deepStrictEqual(reports.map(({ scopes: [scope] }) => scope.name), ["scope 2", "scope 1"])
    assert.deepStrictEqual(reports.map((report) => names(report)), [["resource 2"], ["resource 1", "resource 3"]])
    assert.deepStrictEqual(reports.map(({ totals }) => totals), [
      { ...zero, resources: 1, unfinished: 1 },
      { ...zero, resources: 2, released: 2 }
    ])
  })

  it("leaves out what is dropped by hand, and what belongs to a close it does not know", () => {
    const report = new Script().byHand(1).closing(1).byHand(2).dropping(3, 9).release(4, 1, 1).dropped(3).dropped(2)
      .late(2).forcing(7).abandoned(8).closed(9).closed(1).report()
    assert.deepStrictEqual(names(report), ["resource 4"])
    assert.deepStrictEqual(report.totals, { ...zero, resources: 1, released: 1 })
  })

  it("of a close that does not end says so, and counts what is under way as unfinished", () => {
    const report = new Script().closing(1).release(1, 1, 2).dropping(2, 1).closing(2, { parent: 1, of: 2 })
      .dropping(3, 2).forcing(3).at(30).waiting(4, 1, []).report()
    assert.deepStrictEqual(report.scopes.map(({ duration, finished }) => [finished, duration]), [[false, 30], [
      false,
      28
    ]])
    assert.deepStrictEqual(report.totals, {
      ...zero,
      scopes: 2,
      resources: 4,
      released: 1,
      unfinished: 3,
      forced: 1
    })
  })

  it("lists as many resources as it may, and counts the others", () => {
    const script = new Script().closing(1)
    for (let id = 1; id <= 9; id++) script.release(id, 1, 1)
    const report = script.closed(1).report(4)
    assert.deepStrictEqual(names(report), ["resource 1", "resource 2", "resource 3", "resource 4"])
    assert.strictEqual(report.scopes[0].leftOut, 5)
    assert.deepStrictEqual(report.totals, { ...zero, resources: 9, released: 9, leftOut: 5 })
    assert.deepStrictEqual(names(script.report(0)), [])
  })

  it("lists what went wrong in place of what did not, in the order in which they began", () => {
    const script = new Script().closing(1).dropping(1, 1)
    for (let id = 2; id <= 9; id++) script.release(id, 1, 1, {}, id % 3 === 0 ? Exit.fail("no") : Exit.void)
    const report = script.dropped(1, Exit.fail("no")).closed(1).report(4)
    assert.deepStrictEqual(names(report), ["resource 1", "resource 3", "resource 6", "resource 9"])
    assert.deepStrictEqual(report.totals, { ...zero, resources: 9, released: 5, failed: 4, leftOut: 5 })
  })

  it("is in the order in which they began also where the later one went wrong first", () => {
    const script = new Script().closing(1).release(1, 1, 1).release(2, 1, 1).dropping(3, 1).dropping(4, 1)
    const report = script.dropped(4, Exit.fail("no")).dropped(3, Exit.fail("no")).closed(1).report(2)
    assert.deepStrictEqual(names(report), ["resource 3", "resource 4"])
  })

  it("lists the resource around a close in which something went wrong", () => {
    const script = new Script().closing(1).release(1, 1, 1).release(2, 1, 1).dropping(3, 1)
      .closing(2, { parent: 1, of: 3 }).release(4, 2, 1, {}, Exit.fail("no")).closed(2).dropped(3).closed(1)
    const report = script.report(2)
    assert.deepStrictEqual(names(report), ["resource 3"])
    assert.deepStrictEqual(names(report, 1), ["resource 4"])
    assert.deepStrictEqual([report.scopes[1]?.parent, report.scopes[1]?.of], [0, 0])
  })

  it("lists no more empty closes than it may resources", () => {
    const script = new Script().closing(1)
    for (let close = 2; close <= 9; close++) script.closing(close, { parent: 1 }).closed(close)
    const report = script.closed(1).report(3)
    assert.strictEqual(report.scopes.length, 4)
    assert.strictEqual(report.totals.scopes, 9)
  })
})

describe("a note of a report", () => {
  it("is the last word of a release, also of one that was given up on", () => {
    const report = new Script().closing(1).noted(1, "too early")
      .dropping(1, 1).noted(1, "half done").noted(1, "done").dropped(1).noted(1, "too late")
      .dropping(2, 1).forcing(2).noted(2, "killed").dropped(2, Exit.fail("slow"))
      .dropping(3, 1).abandoned(3).dropped(3, Exit.fail("gone")).noted(3, "gone after all")
      .dropping(4, 1).dropped(4).closed(1).report()
    assert.deepStrictEqual(report.scopes[0].resources.map(({ note, result }) => [result, note]), [
      ["released", "done"],
      ["failed", "killed"],
      ["abandoned", "gone after all"],
      ["released", undefined]
    ])
    assert.notProperty(report.scopes[0].resources[3], "note")
  })
})

describe("a recorder", () => {
  const Json = Schema.fromJsonString(DropReport.Schema)

  it("makes consistent reports of events in any order, and keeps nothing of what has ended", () => {
    const small = fc.integer({ min: 1, max: 6 })
    const exit = fc.constantFrom(
      Exit.void,
      Exit.fail("f"),
      Exit.die("d"),
      Exit.interrupt(),
      Exit.failCause(Cause.empty)
    )
    const maybe = fc.option(small, { nil: undefined })
    const steps: fc.Arbitrary<(script: Script) => Script> = fc.oneof(
      fc.tuple(small, maybe, maybe).map(([close, parent, of]) => (script: Script) =>
        script.closing(close, { ...(parent === undefined ? {} : { parent }), ...(of === undefined ? {} : { of }) })
      ),
      small.map((close) => (script: Script) => script.closed(close)),
      fc.tuple(small, small).map(([id, close]) => (script: Script) => script.waiting(id, close, ["x"])),
      fc.tuple(small, small).map(([id, close]) => (script: Script) => script.dropping(id, close)),
      fc.tuple(small, small).map(([id, close]) => (script: Script) => script.abandoned(id, { close })),
      small.map((id) => (script: Script) => script.forcing(id)),
      fc.tuple(small, fc.string()).map(([id, text]) => (script: Script) => script.noted(id, text)),
      fc.tuple(small, exit).map(([id, exit]) => (script: Script) => script.dropped(id, exit)),
      fc.tuple(small, exit).map(([id, exit]) => (script: Script) => script.late(id, { exit }))
    )
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60 }), fc.integer({ min: 0, max: 6 }), (steps, max) => {
        const script = new Script()
        steps.forEach((step, i) => step(script.at(i)))
        for (const report of script.reports(max)) {
          const { totals } = report
          const listed = report.scopes.flatMap((scope) => scope.resources)
          const { abandoned, died, failed, interrupted, released, unfinished } = totals
          assert.strictEqual(totals.resources, abandoned + died + failed + interrupted + released + unfinished)
          assert.strictEqual(totals.resources, totals.leftOut + listed.length)
          assert.isAtMost(listed.length, max)
          if (totals.leftOut === 0) {
            const ofResult = (result: DropReport.Result) =>
              listed.filter((resource) => resource.result === result).length
            assert.deepStrictEqual(
              [abandoned, died, failed, interrupted, released, unfinished],
              (["abandoned", "died", "failed", "interrupted", "released", "unfinished"] as const).map(ofResult)
            )
            assert.strictEqual(totals.forced, listed.filter((resource) => resource.phase === "force").length)
            assert.strictEqual(totals.late, listed.filter((resource) => resource.late !== undefined).length)
          }
          for (const { duration, startedAt } of listed) assert.isTrue(duration >= 0 && (startedAt ?? 0) >= 0)
          const text = Effect.runSync(Schema.encodeEffect(Json)(report))
          assert.deepStrictEqual(Effect.runSync(Schema.decodeEffect(Json)(text)), report)
          DropReport.toText(report, { maxRows: 8 })
        }
        const recorder = new Recorder(max)
        for (const { at, event } of script.timed) recorder.see(event, at)
        recorder.rest(100n)
        assert.strictEqual(recorder.size, 0)
      }),
      { numRuns: 1_000, seed: 6 }
    )
  })

  it(
    "takes 1,000,000 releases of one close, and as many nested closes as there may be, in time that grows with them",
    () => {
      const wide = (count: number) => {
        const script = new Script().closing(1)
        for (let id = 1; id <= count; id++) script.dropping(id, 1).dropped(id)
        return script.closed(1).timed
      }
      const deep = (count: number) => {
        const script = new Script()
        for (let id = 1; id <= count; id++) script.closing(id, { of: id - 1 }).dropping(id, id)
        for (let id = count; id >= 1; id--) script.dropped(id).closed(id)
        return script.timed
      }
      const took = (timed: ReadonlyArray<Timed>, check: (report: DropReport.DropReport) => void) => {
        const recorder = new Recorder(1_000_000)
        const begun = performance.now()
        const reports = timed.flatMap(({ at, event }) => recorder.see(event, at) ?? [])
        const ms = performance.now() - begun
        assert.strictEqual(reports.length, 1)
        check(reports[0]!)
        return ms
      }
      const small = took(wide(50_000), ({ totals }) => assert.strictEqual(totals.released, 50_000))
      const large = took(wide(1_000_000), ({ totals }) => assert.strictEqual(totals.released, 1_000_000))
      // Twenty times as many: were each looked for among the others, it would be four hundred times the time.
      assert.isBelow(large, 100 * small + 1_000)
      took(deep(100_000), (report) => {
        assert.strictEqual(report.scopes.length, 100_000)
        assert.strictEqual(report.totals.released, 100_000)
        assert.deepStrictEqual([report.scopes[99_999]?.parent, report.scopes[99_999]?.of], [99_998, 0])
        assert.include(DropReport.toText(report), "100,000 resources in 100,000 scopes: 100,000 released")
      })
    },
    60_000
  )
})

describe("DropReport.Schema", () => {
  const decode = Schema.decodeUnknownEffect(DropReport.Schema)
  const report = new Script().closing(1).dropping(1, 1).closing(2, { parent: 1, of: 1 }).closed(2).dropped(1).closed(1)
    .report()
  const scopes = (second: object) => ({ ...report, scopes: [report.scopes[0], { ...report.scopes[1], ...second }] })

  it.effect("reads a report of this version only", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* decode(report), report)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(decode({ ...report, schemaVersion: 2 }))))
    }))

  it.effect("keeps the note of a resource both ways", () =>
    Effect.gen(function*() {
      const noted = new Script().closing(1).dropping(1, 1).noted(1, "ended with code 0").dropped(1).closed(1).report()
      const Json = Schema.fromJsonString(DropReport.Schema)
      const text = yield* Schema.encodeEffect(Json)(noted)
      assert.include(text, `"note":"ended with code 0"`)
      assert.deepStrictEqual(yield* Schema.decodeEffect(Json)(text), noted)
      const odd = { ...noted.scopes[0], resources: [{ ...noted.scopes[0].resources[0], note: 0 }] }
      assert.isTrue(Exit.isFailure(yield* Effect.exit(decode({ ...noted, scopes: [odd] }))))
    }))

  it.effect("reads no scope that is not inside of an earlier one", () =>
    Effect.gen(function*() {
      for (const second of [{ parent: 1 }, { parent: 2 }, { of: 1 }]) {
        const failure = yield* Effect.flip(decode(scopes(second)))
        assert.include(String(failure), "scope 1 is not inside of an earlier one")
      }
      assert.isTrue(Exit.isFailure(yield* Effect.exit(decode({ ...report, scopes: [] }))))
    }))

  it.effect("takes 10,000 nested scopes both ways", () =>
    Effect.gen(function*() {
      const script = new Script()
      for (let id = 1; id <= 10_000; id++) script.closing(id, { of: id - 1 }).dropping(id, id)
      for (let id = 10_000; id >= 1; id--) script.dropped(id).closed(id)
      const deep = script.report()
      const Json = Schema.fromJsonString(DropReport.Schema)
      const text = yield* Schema.encodeEffect(Json)(deep)
      assert.deepStrictEqual(yield* Schema.decodeEffect(Json)(text), deep)
    }))
})
