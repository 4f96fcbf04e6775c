// Laws of everything that is dropped, whoever owns it.
import { DropReporter } from "@async-drop/core"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import { releasedInOrder } from "../../DropAssert.ts"
import * as Probe from "../../Probe.ts"
import { everyStep } from "./interrupter.ts"
import { failedIn, type Hold, type Law, same } from "./law.ts"

const ends = [
  ["succeeds", Exit.succeed("value")],
  ["fails", Exit.fail("body")],
  ["dies", Exit.die("body")],
  ["is interrupted", undefined]
] as const

const misbehaviours = [
  ["fails", Probe.fail("release")],
  ["dies", Probe.die("release")],
  ["throws", Probe.throws("release")]
] as const

const law = (rule: number, fact: string, holds: () => Generator<Effect.Effect<any, unknown>, void>): Law => ({
  rule,
  fact,
  holds: Effect.gen(holds) as Effect.Effect<void, unknown> // any above: whatever its steps give
})

export const everyLaws = (hold: Hold): ReadonlyArray<Law> => [
  ...ends.map(([word, end]) =>
    law(1, `releases once after a body that ${word}, and tells it the exit`, function*() {
      const probe = Probe.make({ order: "lifo" })
      const exit = yield* Effect.exit(hold([probe.source("a")], end ?? Effect.interrupt))
      probe.checkEnd()
      same("releases", probe.steps.filter((step) => step._tag === "Dropping").length, 1)
      if (end !== undefined) same("the exit of the whole", exit, end)
      const given = probe.steps.find((step) => step._tag === "Dropping")?.given
      if (end !== undefined) same("the exit that the release got", given, end)
      else same("that the release got an interrupt", given !== undefined && Exit.hasInterrupts(given), true)
    })
  ),
  ...misbehaviours.map(([word, act]) =>
    law(1, `releases nothing when the acquire ${word}`, function*() {
      const probe = Probe.make()
      const exit = yield* Effect.exit(hold([probe.source("a", { acquire: act })], Effect.void))
      probe.checkEnd()
      same("releases", probe.steps.filter((step) => step._tag === "Dropping").length, 0)
      same("the reason", Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, "release")
    })
  ),
  law(1, "releases once, at whatever step it is interrupted", function*() {
    yield* everyStep(() => {
      const probe = Probe.make({ order: "lifo" })
      const slow = { acquire: Probe.wait(Effect.yieldNow), release: Probe.wait(Effect.yieldNow) }
      return {
        run: hold([probe.source("a", slow), probe.source("b", slow)], Effect.yieldNow),
        check: probe.checkEnd
      }
    })
  }),
  law(4, "returns only after the release has ended, also when interrupted meanwhile", function*() {
    const probe = Probe.make()
    const latch = Latch.makeUnsafe()
    const source = probe.source("a", { release: Probe.wait(latch.await) })
    const fiber = yield* Effect.forkChild(hold([source], Effect.void), { startImmediately: true })
    fiber.interruptUnsafe()
    yield* Effect.yieldNow
    same("whether it has returned", fiber.pollUnsafe() !== undefined, false)
    yield* latch.open
    yield* Fiber.await(fiber)
    probe.checkEnd()
  }),
  law(5, "releases last in, first out", function*() {
    const probe = Probe.make({ order: "lifo" })
    const slow = { release: Probe.wait(Effect.yieldNow) }
    yield* hold(["a", "b", "c"].map((name) => probe.source(name, slow)), Effect.void)
    probe.checkEnd()
    releasedInOrder(probe, "c", "b", "a")
  }),
  law(8, "keeps the body's failure first, and every drop error beside it", function*() {
    const probe = Probe.make()
    const sources = ["a", "b", "c"].map((name) => probe.source(name, { release: Probe.fail(name) }))
    const reported: Array<unknown> = []
    const exit = yield* hold(sources, Effect.fail("body")).pipe(
      Effect.exit,
      Effect.provideService(
        DropReporter.DropReporter,
        (error) => Effect.sync(() => void reported.push(Cause.squash(error.cause)))
      )
    )
    const first = Exit.isFailure(exit) ? exit.cause.reasons[0] : undefined
    same("the first failure", first?._tag === "Fail" ? first.error : first, "body")
    same("what failed", failedIn(exit).toSorted(), ["a", "b", "c"])
    same("what the reporter got", reported.toSorted(), ["a", "b", "c"])
  }),
  ...misbehaviours.map(([word, act]) =>
    law(9, `releases the others when one release ${word}, and says so`, function*() {
      const probe = Probe.make({ order: "lifo" })
      const sources = [probe.source("a"), probe.source("b", { release: act }), probe.source("c")]
      const exit = yield* Effect.exit(hold(sources, Effect.void))
      probe.checkEnd()
      releasedInOrder(probe, "c", "b", "a")
      same("what failed", failedIn(exit), ["release"])
    })
  ),
  law(15, "holds a thousand at once", function*() {
    const probe = Probe.make()
    yield* hold(Array.from({ length: 1000 }, () => probe.source("a")), Effect.void)
    probe.checkEnd()
    same("releases", probe.steps.filter((step) => step._tag === "Dropped").length, 1000)
  })
]
