import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"

/** A small seeded generator: the seed of a failing case is in its message. */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

interface Entry {
  readonly name: string
  readonly end: Effect.Effect<void> | undefined
}

/** Puts entries into a scope and takes some out again, and gives those left, oldest first. */
const play = Effect.fnUntraced(function*(scope: Scope.Scope, log: Array<string>, seed: number) {
  const next = random(seed)
  const below = (n: number) => Math.floor(next() * n)
  const entries: Array<Entry> = []
  const said = (name: string) => Effect.sync(() => void log.push(name))
  const steps = 1 + below(24)
  for (let i = 0; i < steps; i++) {
    const name = String(i)
    const start: Array<Effect.Effect<Effect.Effect<void> | undefined>> = [
      Effect.as(Scope.addFinalizer(scope, said(name)), undefined),
      Effect.as(Scope.provide(AsyncDrop.acquireRelease(Effect.succeed(name), said), scope), undefined),
      Effect.as(
        Scope.provide(AsyncDrop.acquireRelease(Effect.andThen(Effect.yieldNow, Effect.succeed(name)), said), scope),
        undefined
      ),
      Effect.map(Scope.provide(AsyncDropGuard.make(Effect.succeed(name), said), scope), AsyncDropGuard.drop),
      Effect.map(
        Effect.forkIn(Effect.ensuring(Effect.never, said(name)), scope, { startImmediately: true }),
        Fiber.interrupt
      )
    ]
    const ending = next() < 0.4 ? entries.filter((entry) => entry.end !== undefined) : []
    const ended = ending[below(ending.length)]
    // One ends and another starts in the same step: the number of entries stays as it was.
    if (ended !== undefined) {
      yield* ended.end!
      entries.splice(entries.indexOf(ended), 1)
      assert.strictEqual(log.pop(), ended.name)
    }
    entries.push({ name, end: yield* start[below(start.length)]! })
  }
  return entries.map(({ name }) => name)
})

describe("the order of releases", () => {
  it.live("is last in, first out among plain finalizers and scoped fibres, in 3,000 random interleavings", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 3000; seed++) {
        const scope = yield* Scope.make()
        const log: Array<string> = []
        const names = yield* play(scope, log, seed)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(log, names.reverse(), `seed ${seed}`)
      }
    }))

  it.live("is the same in AsyncDrop.scoped", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 300; seed++) {
        const log: Array<string> = []
        const names = yield* AsyncDrop.scoped(Effect.flatMap(Effect.scope, (scope) => play(scope, log, seed)))
        assert.deepStrictEqual(log, names.reverse(), `seed ${seed}`)
      }
    }))

  it.live("releases each once in a parallel scope", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 300; seed++) {
        const scope = yield* Scope.make("parallel")
        const log: Array<string> = []
        const names = yield* play(scope, log, seed)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(log.sort(), names.sort(), `seed ${seed}`)
      }
    }))
})
