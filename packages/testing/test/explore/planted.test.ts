// Faults planted on purpose: each is found, made small, and replayed from its token.
import { Explore } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch } from "effect"

interface Expected {
  readonly kind: Explore.FailureKind
  readonly message: RegExp
  /** How many choices the smallest schedule takes that are not the default. */
  readonly choices: number
}

/** Explores, then replays the token: the same failure with the same timeline. */
const finds = <A, E>(
  name: string,
  expected: Expected,
  program: Explore.Program<A, E, never>,
  options?: Explore.Options
) =>
  it.effect(name, () =>
    Effect.gen(function*() {
      const found = yield* Explore.check(program, { ...options, name })
      assert.strictEqual(found.failure?.kind, expected.kind)
      assert.match(found.failure!.message, expected.message)
      assert.strictEqual(found.failure!.shrunk.to, expected.choices, Explore.render(found))
      const again = yield* Explore.check(program, { name, replay: found.failure!.token })
      assert.strictEqual(again.schedules, 1)
      assert.strictEqual(again.failure?.kind, expected.kind)
      assert.strictEqual(again.failure?.timeline, found.failure!.timeline)
      assert.strictEqual(again.failure?.token, found.failure!.token)
    }))

/** And with the fault mended, every schedule passes. */
const passes = <A, E>(name: string, program: Explore.Program<A, E, never>, options?: Explore.Options) =>
  it.effect(name, () => Effect.asVoid(Explore.assert(program, { ...options, name })))

describe("a lost wake-up", () => {
  const handOver = (check: (ready: () => boolean, wake: (f: () => void) => void) => Effect.Effect<void>) =>
    Effect.gen(function*() {
      let ready = false
      let wake: (() => void) | undefined
      const waiter = yield* Effect.forkChild(check(() => ready, (f) => void (wake = f)))
      const waker = yield* Effect.forkChild(Effect.suspend(() => {
        ready = true
        return Effect.sync(() => wake?.())
      }))
      yield* Fiber.joinAll([waiter, waker])
    })
  finds(
    "between the look and the wait is a deadlock",
    { kind: "deadlock", message: /#1 main, #2 wait/, choices: 1 },
    handOver((ready, wake) =>
      Effect.suspend(() =>
        ready()
          ? Effect.void
          : Effect.andThen(Effect.void, Effect.callback<void>((resume) => wake(() => resume(Effect.void))))
      )
    )
  )
  passes(
    "does not happen where the look and the wait are one step",
    handOver((ready, wake) =>
      Effect.callback<void>((resume) => {
        if (ready()) resume(Effect.void)
        else wake(() => resume(Effect.void))
      })
    )
  )
})

describe("check, then act", () => {
  const create = (make: (files: Set<string>) => Effect.Effect<void, string>) =>
    Effect.gen(function*() {
      const files = new Set<string>()
      yield* Effect.all([make(files), make(files)], { concurrency: 2 })
    })
  finds(
    "two fibres that see nothing both make it",
    { kind: "failed", message: /made twice/, choices: 1 },
    create((files) =>
      Effect.gen(function*() {
        const missing = yield* Effect.sync(() => !files.has("a"))
        if (!missing) return
        yield* Effect.suspend(() => files.has("a") ? Effect.fail("made twice") : Effect.sync(() => void files.add("a")))
      })
    )
  )
  passes(
    "in one step, one of them makes it",
    create((files) => Effect.sync(() => void files.add("a")))
  )
})

describe("a missing mask", () => {
  const hold = (acquire: (open: () => void, close: () => void) => Effect.Effect<void>) => (ctl: Explore.Control) =>
    Effect.gen(function*() {
      let open = 0
      ctl.atEnd("everything is closed", () => open === 0)
      const fiber = yield* Effect.forkChild(ctl.victim(acquire(() => open++, () => open--)))
      yield* Fiber.await(fiber)
    })
  finds(
    "leaks what was acquired when the interrupt comes before its handler",
    { kind: "invariant", message: /everything is closed/, choices: 1 },
    hold((open, close) => Effect.flatMap(Effect.sync(open), () => Effect.ensuring(Effect.void, Effect.sync(close))))
  )
  passes(
    "with a mask, nothing leaks wherever the interrupt comes",
    hold((open, close) => Effect.acquireUseRelease(Effect.sync(open), () => Effect.void, () => Effect.sync(close)))
  )
})

describe("a double release", () => {
  const shared =
    (leave: (state: { holders: number }, release: Effect.Effect<void>) => Effect.Effect<void>) =>
    (ctl: Explore.Control) =>
      Effect.gen(function*() {
        let releases = 0
        ctl.always("released once", () => releases < 2)
        const state = { holders: 2 }
        const release = Effect.sync(() => void releases++)
        yield* Effect.all([leave(state, release), leave(state, release)], { concurrency: 2 })
        ctl.invariant(releases === 1, "released at all")
      })
  finds(
    "two holders that leave together both see none left",
    { kind: "invariant", message: /released once/, choices: 1 },
    shared((state, release) =>
      Effect.gen(function*() {
        yield* Effect.sync(() => state.holders--)
        const left = yield* Effect.sync(() => state.holders)
        if (left === 0) yield* release
      })
    )
  )
  passes(
    "counting and looking in one step release once",
    shared((state, release) => Effect.suspend(() => --state.holders === 0 ? release : Effect.void))
  )
})

describe("a handover in two steps", () => {
  const queue =
    (take: (permit: Deferred.Deferred<void>, own: () => void, pass: Effect.Effect<void>) => Effect.Effect<void>) =>
    (ctl: Explore.Control) =>
      Effect.gen(function*() {
        let owners = 0
        let passed = 0
        const permit = yield* Deferred.make<void>()
        const use = take(permit, () => owners++, Effect.sync(() => void passed++))
        const waiter = yield* Effect.forkChild(ctl.victim(use))
        yield* Deferred.succeed(permit, undefined)
        const exit = yield* Fiber.await(waiter)
        ctl.invariant(Exit.isFailure(exit) || owners === 1, "who got the permit owns it")
        ctl.invariant(owners === passed, "the permit is passed on")
      })
  finds(
    "loses the permit of a waiter that is interrupted on the way",
    { kind: "invariant", message: /passed on/, choices: 1 },
    queue((permit, own, pass) =>
      Effect.gen(function*() {
        yield* Deferred.await(permit)
        yield* Effect.sync(own)
        yield* Effect.ensuring(Effect.void, pass)
      })
    )
  )
  passes(
    "in one step, it is owned or it is not",
    queue((permit, own, pass) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(Deferred.await(permit)), () => Effect.ensuring(Effect.sync(own), pass))
      )
    )
  )
})

describe("a latch that opens before anyone waits", () => {
  passes(
    "keeps nobody waiting",
    Effect.gen(function*() {
      const latch = yield* Latch.make()
      yield* Effect.all([latch.await, latch.open, latch.await], { concurrency: 3 })
    })
  )
})
