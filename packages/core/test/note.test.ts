import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropHashMap,
  AsyncDropShared,
  ConcurrentStore,
  DropObserver,
  DropReport,
  DropScope,
  DropStack
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Latch, type Scope } from "effect"
import { reportsOf } from "./support/reports.ts"

const note = DropReport.note("3 jobs lost")

const resource = AsyncDrop.acquireRelease(Effect.succeed(1), () => note, { name: "noted" })
const guard = AsyncDropGuard.make(Effect.succeed(1), () => note, { name: "noted" })

/** Each word that was said, with the name of its resource. */
const words = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const said: Array<readonly [resource: string, text: string]> = []
    const exit = yield* Effect.exit(program).pipe(
      Effect.provideService(DropObserver.DropObserver, (event) => {
        if (event._tag === "Noted") said.push([event.resource, event.text])
      })
    )
    return { said, exit }
  })

/** What the reports of a program have of each resource, as time passes. */
const noted = <A, E>(program: Effect.Effect<A, E>) =>
  Effect.map(reportsOf(program), (reports) => {
    const resources = reports.flatMap(({ scopes }) => scopes.flatMap((scope) => scope.resources))
    return resources.map(({ name, note, phase, result }) => [name, phase, result, note])
  })

const released = ["noted", "graceful", "released", "3 jobs lost"]

describe("DropReport.note", () => {
  const owners: ReadonlyArray<readonly [name: string, program: Effect.Effect<unknown, unknown>]> = [
    ["a scope", AsyncDrop.scoped(resource)],
    ["a scope in order", AsyncDrop.scoped(Effect.andThen(resource, Effect.addFinalizer(() => Effect.void)))],
    ["a scope with concurrency", AsyncDrop.scoped(Effect.all([resource, guard]), { concurrency: 2 })],
    ["a scope with a budget", AsyncDrop.scoped(resource, { budget: "1 second" })],
    ["a plain scope", Effect.scoped(resource)],
    ["a bracket", AsyncDrop.acquireUseRelease(Effect.succeed(1), Effect.succeed, () => note, { name: "noted" })],
    ["a guard that its scope drops", AsyncDrop.scoped(guard)],
    ["a guard that is dropped by hand", AsyncDrop.scoped(Effect.flatMap(guard, AsyncDropGuard.drop))],
    ["an arc", AsyncDrop.scoped(Effect.flatMap(guard, AsyncDropArc.make))],
    ["a stack", AsyncDrop.scoped(Effect.flatMap(DropStack.make(), (stack) => DropStack.use(stack, resource)))],
    [
      "a map",
      AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<string, number>()
        yield* AsyncDropHashMap.insert(map, "key", yield* guard)
      }))
    ],
    [
      "a shared load",
      AsyncDrop.scoped(Effect.flatMap(AsyncDropShared.make(resource), (shared) => AsyncDropShared.await(shared)))
    ],
    [
      "a store",
      AsyncDrop.scoped(Effect.gen(function*() {
        const store = yield* ConcurrentStore.make({ lookup: (_: string) => resource })
        yield* ConcurrentStore.use(store, "key", Effect.succeed)
      }))
    ]
  ]
  for (const [name, program] of owners) {
    it.effect(`is told to the observer of a resource in ${name}`, () =>
      Effect.gen(function*() {
        const { exit, said } = yield* words(program)
        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(new Set(said.map(String)), new Set(["noted,3 jobs lost"]))
      }))
  }

  it.effect("stands in the report of the close", () =>
    Effect.gen(function*() {
      const silent = AsyncDrop.acquireRelease(Effect.succeed(2), () => Effect.succeed("a value"), { name: "silent" })
      const both = Effect.all([silent, resource])
      const quiet = ["silent", "graceful", "released", undefined]
      assert.deepStrictEqual(yield* noted(AsyncDrop.scoped(both)), [released, quiet])
      assert.deepStrictEqual(yield* noted(AsyncDrop.scoped(both, { concurrency: 2 })), [released, quiet])
    }))

  it.effect("is kept of a release that fails after it, and of one within its limit", () =>
    Effect.gen(function*() {
      const failing = AsyncDrop.acquireRelease(Effect.void, () => Effect.andThen(note, Effect.fail("disk full")), {
        name: "failing"
      })
      const slow = AsyncDrop.acquireRelease(Effect.void, () => Effect.delay(note, 500), {
        name: "slow",
        timeout: 1_000
      })
      assert.deepStrictEqual(yield* noted(AsyncDrop.scoped(Effect.all([failing, slow]))), [
        ["slow", "graceful", "released", "3 jobs lost"],
        ["failing", "graceful", "failed", "3 jobs lost"]
      ])
    }))

  it.effect("is kept of what was forced, and of what ends after it was given up on", () =>
    Effect.gen(function*() {
      const forced = AsyncDrop.acquireRelease(Effect.void, () => Effect.never, {
        name: "forced",
        timeout: 1_000,
        force: () => DropReport.note("killed")
      })
      const late = AsyncDrop.acquireRelease(
        Effect.void,
        () => Effect.uninterruptible(Effect.delay(DropReport.note("done after all"), 1_500)),
        { name: "late", timeout: 1_000 }
      )
      assert.deepStrictEqual(yield* noted(DropScope.toReporter(AsyncDrop.scoped(Effect.all([forced, late])))), [
        ["late", "abandoned", "abandoned", "done after all"],
        ["forced", "force", "failed", "killed"]
      ])
    }))

  it.effect("belongs to the innermost release, also of what was acquired outside of that", () =>
    Effect.gen(function*() {
      const outer = Effect.gen(function*() {
        const inner = yield* AsyncDropGuard.makeUnscoped(Effect.void, () => DropReport.note("inner"), { name: "inner" })
        yield* AsyncDrop.acquireRelease(
          Effect.void,
          () => Effect.andThen(AsyncDropGuard.drop(inner), DropReport.note("outer")),
          { name: "outer" }
        )
      })
      const { said } = yield* words(AsyncDrop.scoped(outer))
      assert.deepStrictEqual(said, [["inner", "inner"], ["outer", "outer"]])
    }))

  it.effect("is said to nobody outside of a release, after its end, and where nobody watches", () =>
    Effect.gen(function*() {
      const gate = yield* Latch.make()
      const later = AsyncDrop.acquireRelease(
        Effect.void,
        () => Effect.forkDetach(Effect.andThen(gate.await, DropReport.note("too late"))),
        { name: "early" }
      )
      const program: Effect.Effect<void, never, Scope.Scope> = Effect.andThen(note, Effect.asVoid(later))
      assert.deepStrictEqual(yield* noted(Effect.andThen(AsyncDrop.scoped(program), gate.open)), [
        ["early", "graceful", "released", undefined]
      ])
      assert.strictEqual(yield* AsyncDrop.scoped(resource), 1)
    }))

  it.effect("leaves the result as it is, watched or not", () =>
    Effect.gen(function*() {
      const program = Effect.flatMap(AsyncDropGuard.makeUnscoped(Effect.succeed(1), () => note), (it) =>
        AsyncDropGuard.drop(it))
      const { exit } = yield* words(program)
      assert.deepStrictEqual([exit, yield* Effect.exit(program)], [Exit.void, Exit.void])
    }))
})
