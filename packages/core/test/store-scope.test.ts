// What a scope holds of a store is ended where it stands, or the long way where somebody watches: both come to the same.
import {
  AsyncDrop,
  ConcurrentStore,
  type DropError,
  DropFailure,
  DropObserver,
  DropReporter,
  DropScope
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Effect, Exit, Fiber, Latch, Scope } from "effect"

type Release = (name: string, log: Array<string>) => Effect.Effect<void, string>

const releases: Record<string, Release> = {
  "is over at once": (name, log) => {
    log.push(name)
    return Effect.void
  },
  "takes a step": (name, log) => Effect.sync(() => void log.push(name)),
  "waits": (name, log) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void log.push(name))),
  "fails": (name, log) => Effect.suspend(() => (log.push(name), Effect.fail(`lost ${name}`))),
  "fails later": (name, log) =>
    Effect.andThen(Effect.yieldNow, Effect.suspend(() => (log.push(name), Effect.fail(`lost ${name}`)))),
  "has failed": (name, log) => {
    log.push(name)
    return Effect.fail(`lost ${name}`)
  },
  "dies": (name, log) => Effect.suspend(() => (log.push(name), Effect.die(`lost ${name}`))),
  "throws": (name, log) => {
    log.push(name)
    throw `lost ${name}`
  }
}

/** What a load acquires: the last two take the long way anyway. */
const loads: Record<string, (name: string, log: Array<string>, release: Release) => Effect.Effect<string, never, any>> =
  {
    "one thing": (name, log, release) =>
      AsyncDrop.acquireRelease(Effect.succeed(name), () => release(name, log), { name }),
    "a plain finalizer": (name, log, release) =>
      Effect.as(Effect.addFinalizer(() => Effect.orDie(release(name, log))), name),
    "nothing": Effect.succeed,
    "two things": (name, log, release) =>
      Effect.andThen(
        AsyncDrop.acquireRelease(Effect.void, () => release(`below ${name}`, log), { name: `below ${name}` }),
        AsyncDrop.acquireRelease(Effect.succeed(name), () => release(name, log), { name })
      )
  }

type Owner = (body: Effect.Effect<unknown, any, any>) => Effect.Effect<unknown, any, any> // any: of all there are

const owners: Record<string, Owner> = {
  "AsyncDrop.scoped": (body) => AsyncDrop.scoped(body),
  "AsyncDrop.scoped of several at once": (body) => AsyncDrop.scoped(body, { concurrency: 2 }),
  "Effect.scoped in AsyncDrop.scoped": (body) => AsyncDrop.scoped(Effect.scoped(body)),
  "Effect.scoped that dies of it": (body) => Effect.provide(Effect.scoped(body), DropScope.layerOrDie),
  "a scope that is closed by hand": (body) =>
    AsyncDrop.scoped(Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(body, scope)
      yield* Scope.close(scope, Exit.void)
    }))
}

const valueOf = (reason: Cause.Reason<unknown>): unknown =>
  reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : reason

const shown = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> =>
  Exit.isSuccess(exit) ?
    [] :
    exit.cause.reasons.map(valueOf).flatMap((value) =>
      value instanceof DropFailure.DropFailure
        ? value.errors.map(({ cause, key, phase, resource }) => `${resource} of ${String(key)}, ${phase}: ${cause}`)
        : [String(value)]
    )

const observer: DropObserver.Observer = () => {}

/** Three keys in one scope, one of them held by another one too, with a finalizer of plain Effect among them. */
const program = (owner: Owner, load: (typeof loads)[string], release: Release, watched: boolean) =>
  Effect.gen(function*() {
    const log: Array<string> = []
    const inner: Array<string> = []
    const reported: Array<string> = []
    const report = (error: DropError.DropError<unknown>) => Effect.sync(() => void reported.push(error.resource))
    const exit = yield* Effect.exit(
      AsyncDrop.scoped(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({
          lookup: (name: string) => load(name, log, release),
          name: "store"
        })
        const held = yield* Scope.make()
        yield* Scope.provide(ConcurrentStore.get(store, "b"), held)
        const body = Effect.gen(function*() {
          yield* ConcurrentStore.get(store, "a")
          yield* ConcurrentStore.get(store, "b")
          yield* Effect.addFinalizer(() => Effect.sync(() => void log.push("plain")))
          yield* ConcurrentStore.get(store, "c")
          yield* ConcurrentStore.get(store, "d")
          log.push("body")
        })
        inner.push(...shown(yield* Effect.exit(owner(body))))
        log.push(`left: ${ConcurrentStore.keys(store).join(" ")}`)
        yield* Effect.exit(ConcurrentStore.use(store, "d", () => Effect.sync(() => void log.push("again"))))
        const last = yield* Effect.exit(Scope.close(held, Exit.void))
        log.push(`left: ${ConcurrentStore.keys(store).join(" ")}`, ...shown(last))
      })).pipe(Effect.provideService(DropReporter.DropReporter, report)) as Effect.Effect<unknown>
    ) // its errors are in the result, whatever they are
    return { log, reported, inner, outer: shown(exit) }
  }).pipe(
    Effect.provideService(DropObserver.DropObserver, watched ? observer : undefined)
  )

describe("A scope that holds several values of a store", () => {
  for (const [whose, owner] of Object.entries(owners)) {
    for (const [what, load] of Object.entries(loads)) {
      it.effect(`ends them as it does where somebody watches: ${whose}, ${what}`, () =>
        Effect.gen(function*() {
          for (const [how, release] of Object.entries(releases)) {
            const unseen = yield* program(owner, load, release, false)
            const seen = yield* program(owner, load, release, true)
            assert.deepStrictEqual(unseen, seen, how)
            const order = whose.includes("several")
              ? []
              : unseen.log.filter((each) => ["a", "c", "d", "plain"].includes(each))
            if (what !== "nothing" && order.length > 0) {
              assert.deepStrictEqual(order.slice(0, 4), ["d", "c", "plain", "a"])
            }
            assert.include(unseen.log, "left: b")
            if (how.includes("fail") && what === "one thing") {
              assert.deepStrictEqual([...unseen.inner, ...unseen.outer].map((each) => each[0]).sort(), [
                "a",
                "b",
                "c",
                "d"
              ], how)
            }
          }
        }))
    }
  }

  it.effect("of which one is alone in its scope dies of its error where it is to", () =>
    Effect.gen(function*() {
      for (const how of ["fails", "fails later", "has failed", "dies", "throws"]) {
        const exits = yield* Effect.forEach([undefined, observer], (observer) =>
          Effect.gen(function*() {
            const store = yield* ConcurrentStore.make({
              lookup: (name: string) => loads["one thing"]!(name, [], releases[how]!), // there is that
              name: "store"
            })
            return yield* Effect.exit(
              Effect.provide(Effect.scoped(ConcurrentStore.get(store, "a")), DropScope.layerOrDie)
            )
          }).pipe(
            AsyncDrop.scoped,
            Effect.provideService(DropObserver.DropObserver, observer)
          ))
        for (const exit of exits) {
          assert.isTrue(Exit.hasDies(exit), how)
          assert.deepStrictEqual(shown(exit).map((each) => each.slice(0, 16)), ["a of a, graceful"], how)
        }
      }
    }) as Effect.Effect<void>)

  it.effect("ends what it has begun to, though its close is interrupted", () =>
    Effect.gen(function*() {
      const until = yield* Latch.make()
      const released: Array<string> = []
      const store = yield* ConcurrentStore.make({
        lookup: (name: string) =>
          AsyncDrop.acquireRelease(
            Effect.succeed(name),
            () => Effect.andThen(until.await, Effect.sync(() => void released.push(name)))
          ),
        name: "store"
      })
      const scope = yield* Scope.make()
      yield* Scope.provide(AsyncDrop.acquireRelease(Effect.void, () => Effect.void), scope)
      yield* Scope.provide(ConcurrentStore.get(store, "b"), scope)
      // What others make of it can be interrupted: `Scope.close` cannot.
      const closing = yield* Effect.forkChild(Scope.closeUnsafe(scope, Exit.void)!, { startImmediately: true })
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(closing), { startImmediately: true })
      assert.isUndefined(interrupting.pollUnsafe())
      yield* until.open
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(released, ["b"])
      assert.strictEqual(ConcurrentStore.state(store, "b"), "absent")
    }).pipe(AsyncDrop.scoped))
})
