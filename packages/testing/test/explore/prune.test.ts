// What pruning leaves out is equal to what is left: random programs come to the same ends with it and without.
import { Explore } from "@async-drop/testing"
import { assert, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber } from "effect"

/** Numbers from a seed: the same programs in every run. */
const random = (seed: number) => (n: number) => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((seed / 2 ** 32) * n)
}

type Program = (act: (name: string) => void, signal: Deferred.Deferred<void>) => Effect.Effect<unknown, string>

class Tag extends Context.Service<Tag, number>()("test/Tag") {}

/** A program of about so many parts; each sync part has a name of its own. */
const programOf = (below: (n: number) => number, size: number, name: () => string): Program => {
  if (size <= 1) {
    const leaf = name()
    const leaves: ReadonlyArray<Program> = [
      (act) => Effect.sync(() => act(leaf)),
      (act) => Effect.sync(() => act(leaf)),
      (act) => Effect.suspend(() => (act(leaf), Effect.fail(leaf))),
      () => Effect.yieldNow,
      (act) => Effect.andThen(Effect.sync(() => act(leaf)), Effect.yieldNow),
      (_, signal) => Deferred.await(signal),
      (_, signal) => Deferred.succeed(signal, undefined),
      () => Effect.interrupt
    ]
    return leaves[below(leaves.length)]!
  }
  const left = 1 + below(size - 1)
  const [a, b] = [programOf(below, left, name), programOf(below, size - left, name)]
  const note = name()
  const nodes: ReadonlyArray<Program> = [
    (act, signal) => Effect.andThen(a(act, signal), b(act, signal)),
    (act, signal) => Effect.flatMap(a(act, signal), () => b(act, signal)),
    (act, signal) => Effect.onExit(a(act, signal), () => Effect.ignore(b(act, signal))),
    (act, signal) => Effect.catch(a(act, signal), () => b(act, signal)),
    (act, signal) => Effect.catchCause(a(act, signal), () => b(act, signal)),
    (act, signal) =>
      Effect.matchCauseEffect(a(act, signal), {
        onFailure: () => Effect.sync(() => act(note)),
        onSuccess: () => b(act, signal)
      }),
    (act, signal) =>
      Effect.andThen(Effect.matchCause(a(act, signal), { onFailure: () => 1, onSuccess: () => 2 }), b(act, signal)),
    (act, signal) => Effect.andThen(Effect.exit(a(act, signal)), b(act, signal)),
    (act, signal) => Effect.andThen(Effect.uninterruptible(a(act, signal)), b(act, signal)),
    (act, signal) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.onExit(restore(a(act, signal)), () => Effect.ignore(b(act, signal)))
      ),
    (act, signal) => Effect.uninterruptible(Effect.onExit(a(act, signal), () => Effect.ignore(b(act, signal)))),
    (act, signal) => Effect.acquireUseRelease(a(act, signal), () => b(act, signal), () => Effect.sync(() => act(note))),
    (act, signal) =>
      Effect.andThen(
        Effect.updateContext(a(act, signal), (context: Context.Context<never>) => {
          act(note)
          return Context.add(context, Tag, 1)
        }),
        b(act, signal)
      ),
    (act, signal) =>
      Effect.flatMap(
        Effect.forkChild(a(act, signal)),
        (fiber) => Effect.andThen(b(act, signal), Fiber.interrupt(fiber))
      )
  ]
  return nodes[below(nodes.length)]!
}

/** All that two of them can come to, side by side. */
const ends = Effect.fnUntraced(function*(sides: ReadonlyArray<Program>, options: Explore.Options) {
  const seen = new Set<string>()
  const report = yield* Explore.check(
    (ctl) =>
      Effect.gen(function*() {
        const order: Array<string> = []
        const signal = yield* Deferred.make<void>()
        const act = (name: string) => void order.push(name)
        const fibers = yield* Effect.forEach(sides, (side) => Effect.forkChild(ctl.victim(side(act, signal))))
        // Who waits for a signal that nobody gives is woken in the end.
        yield* Effect.sleep(1)
        yield* Deferred.succeed(signal, undefined)
        const exits = yield* Fiber.awaitAll(fibers)
        seen.add([...order, ...exits.map(shown)].join(" "))
      }),
    { ...options, schedules: 20_000 }
  )
  assert.isUndefined(report.failure)
  return { ended: report.ended, schedules: report.schedules, seen: [...seen].sort() }
})

/** Without the numbers of fibres, which are never the same. */
const shown = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "ok" : exit.cause.reasons.map((reason) => reason._tag).sort().join("+")

/** So many in the test run, which takes some seconds; `PRUNE_PROGRAMS=1000` for more of them. */
const programs = Number(process.env["PRUNE_PROGRAMS"] ?? 60)

const stops = { preemptions: 2, interrupts: 0 }
const interrupts = { preemptions: 0, interrupts: 1 }
const both = { preemptions: 1, interrupts: 1 }

it.effect("what is pruned is equal to what is left, in random programs", () =>
  Effect.gen(function*() {
    let [all, fewer, compared] = [0, 0, 0]
    for (let seed = 1; seed <= programs; seed++) {
      const below = random(seed * 7919)
      let names = 0
      const side = (side: string) => programOf(below, 2 + below(3), () => `${side}${++names}`)
      const sides = [side("a"), side("b")]
      const bounds = [stops, interrupts, both][below(3)]!
      const pruned = yield* ends(sides, { ...bounds, prune: true })
      if (!pruned.ended) continue
      const whole = yield* ends(sides, { ...bounds, prune: false })
      if (!whole.ended) continue
      compared++
      all += whole.schedules
      fewer += pruned.schedules
      assert.deepStrictEqual(pruned.seen, whole.seen, `seed ${seed}`)
    }
    assert.isAbove(compared, programs / 3)
    assert.isBelow(fewer, all * 0.7)
  }), 600_000)
