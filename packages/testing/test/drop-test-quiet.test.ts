import { assert, it } from "@effect/vitest"
import { run } from "./drop-test.run.ts"

const fixture = new URL("./drop-test-quiet.fixture.ts", import.meta.url)

// By hand: `QUIET_COPIES=8 QUIET_ROUNDS=2 QUIET_RUNS=20` are 1,000 tests in 8 files at once, 20 times.
const runs = Number(process.env["QUIET_RUNS"] ?? 1)
const copies = Number(process.env["QUIET_COPIES"] ?? 2)

it("it.drop gives no false alarm", async () => {
  for (let i = 0; i < runs; i++) {
    const { suites, tests } = await run(fixture, { copies })
    const alarms = [...suites, ...tests].filter((result) => result.state !== "passed")
    assert.deepStrictEqual(alarms, [], `in run ${i} of ${tests.length} tests`)
    assert.isAbove(tests.length, copies * 50)
  }
}, 60_000 * runs)
