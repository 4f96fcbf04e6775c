import { AsyncDrop, DropReport } from "@async-drop/core"
import { Effect, type Schema, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

const deliver = (_: DropReport.DropReport) => Effect.void
const effect = Effect.succeed(1) as Effect.Effect<number, "no", Scope.Scope>

describe("withReport", () => {
  it("has the type of the effect, before and in a pipe", () => {
    expectTypeOf(AsyncDrop.withReport(effect, deliver)).toEqualTypeOf<typeof effect>()
    expectTypeOf(AsyncDrop.withReport(effect, deliver, { timeout: "1 second" })).toEqualTypeOf<typeof effect>()
    expectTypeOf(effect.pipe(AsyncDrop.withReport(deliver))).toEqualTypeOf<typeof effect>()
    expectTypeOf(effect.pipe(AsyncDrop.withReport(deliver, { maxResources: 5 }))).toEqualTypeOf<typeof effect>()
  })
  it("takes no f that can fail or asks for a service, and no unknown option", () => {
    // @ts-expect-error it cannot fail
    AsyncDrop.withReport(effect, () => Effect.fail("no"))
    // @ts-expect-error it asks for nothing
    AsyncDrop.withReport(effect, () => Effect.asVoid(Effect.scope))
    // @ts-expect-error there is no such option
    AsyncDrop.withReport(effect, deliver, { limit: 1 })
  })
})

describe("DropReport", () => {
  it("is what its schema reads and writes, without services", () => {
    expectTypeOf(DropReport.Schema).toEqualTypeOf<Schema.Codec<DropReport.DropReport>>()
    expectTypeOf<typeof DropReport.Schema.Encoded>().toEqualTypeOf<DropReport.DropReport>()
  })

  it("has a note that asks for nothing and cannot fail", () => {
    expectTypeOf(DropReport.note("3 jobs lost")).toEqualTypeOf<Effect.Effect<void>>()
  })
})
