import {
  AsyncDrop,
  AsyncDropGuard,
  AsyncDropHashMap,
  DropCycle,
  type DropError,
  DropFailure,
  DropReporter,
  DropUsageError,
  InsertRefused
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Equal, Exit, Fiber, Hash, Latch, Option, Scope } from "effect"
import { inspect } from "node:util"
import { everyStep } from "./support/steps.ts"

/** A guard over `name` that logs its release, and fails it where told to. */
const open = <DE = never>(
  log: Array<string>,
  name: string,
  then: Effect.Effect<unknown, DE> = Effect.void as Effect.Effect<unknown, DE> // DE is never unless `then` is given
) =>
  AsyncDropGuard.make(
    Effect.succeed(name),
    () => Effect.andThen(Effect.sync(() => log.push(`drop ${name}`)), then),
    { name }
  )

/** A map of these, by their names. */
const filled = <DE = never>(
  log: Array<string>,
  names: Iterable<string>,
  options?: AsyncDropHashMap.Options,
  then?: (name: string) => Effect.Effect<unknown, DE>
) =>
  Effect.gen(function*() {
    const map = yield* AsyncDropHashMap.make<string, string, DE>(options)
    for (const name of names) yield* AsyncDropHashMap.insert(map, name, yield* open(log, name, then?.(name)))
    return map
  })

/** Runs up to where it waits, beside this fibre. */
const beside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Releases that end when `n` of them are under way; it counts how many are, and the most there were. */
const meeting = (n: number) => {
  let now = 0
  let gate = Latch.makeUnsafe()
  const counter = {
    most: 0,
    all: 0,
    release: Effect.suspend(() => {
      const mine = gate
      counter.most = Math.max(counter.most, ++now)
      if (++counter.all % n === 0) {
        gate = Latch.makeUnsafe() // before it opens: who waits there runs at once
        mine.openUnsafe()
      }
      // For a while after that as well: one too many would be seen.
      return Effect.andThen(
        Effect.andThen(mine.await, Effect.repeat(Effect.yieldNow, { times: 20 })),
        Effect.sync(() => {
          now--
        })
      )
    })
  }
  return counter
}

const keyed = (errors: ReadonlyArray<DropError.DropError<unknown>>) =>
  errors.map((error): readonly [unknown, Cause.Cause<unknown>] => [error.key, error.cause])

const failureOf = (exit: Exit.Exit<unknown, unknown>): DropFailure.DropFailure<unknown> => {
  assert.isTrue(Exit.isFailure(exit))
  return Option.getOrThrow(DropFailure.fromCause((exit as Exit.Failure<unknown, unknown>).cause)) // as just seen
}

const refusalOf = <K, A, E>(
  exit: Exit.Exit<void, InsertRefused.InsertRefused<K, A, E>>
): InsertRefused.InsertRefused<K, A, E> => {
  const refused = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(refused, InsertRefused.InsertRefused)
  return refused as InsertRefused.InsertRefused<K, A, E> // as just seen
}

const diesOfUsage = (exit: Exit.Exit<unknown, unknown>, state: string) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropUsageError.DropUsageError)
  assert.strictEqual(defect.state, state)
}

const diesOfCycle = (exit: Exit.Exit<unknown, unknown>) => {
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assert.instanceOf(defect, DropCycle.DropCycle)
  assert.isTrue(defect.chain.includes("map"), defect.chain.join())
}

const isInterrupted = (exit: Exit.Exit<unknown, unknown>) =>
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

const closedScope = Effect.tap(Scope.make(), (scope) => Scope.close(scope, Exit.void))

const inserted = "given away by AsyncDropHashMap.insert"

describe("AsyncDropHashMap.make", () => {
  it.effect("makes an empty map that its scope owns", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<string, string>()
        assert.strictEqual(AsyncDropHashMap.size(map), 0)
        assert.deepStrictEqual(yield* AsyncDropHashMap.entries(map), [])
        assert.isFalse(AsyncDropHashMap.has(map, "a"))
        yield* AsyncDropHashMap.insert(map, "a", yield* open(log, "a"))
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("dies of a limit that is none before anything is made", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const bad: ReadonlyArray<AsyncDropHashMap.Options> = [
        { concurrency: 0 },
        { concurrency: -1 },
        { concurrency: NaN },
        { maxErrors: 0 },
        { maxErrors: -1 },
        { maxErrors: NaN }
      ]
      for (const options of bad) {
        const [[name, value]] = Object.entries(options) as [[string, number]] // one each
        const exit = yield* Effect.exit(Scope.provide(AsyncDropHashMap.make(options), scope))
        diesOfUsage(exit, `${name} is ${value}`)
        assert.strictEqual(scope.state._tag, "Empty")
      }
    }))

  it.effect("is named by the usage error of its bad option", () =>
    Effect.gen(function*() {
      for (const [name, resource] of [["files", "files"], [undefined, "AsyncDropHashMap"]] as const) {
        for (const bad of [{ concurrency: 0 }, { maxErrors: 0 }, { budget: -1 }]) {
          const exit = yield* Effect.exit(AsyncDropHashMap.make({ ...bad, name }))
          const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
          assert.instanceOf(defect, DropUsageError.DropUsageError)
          assert.strictEqual(defect.resource, resource)
        }
      }
    }))

  it.effect("in a closed scope makes no map and interrupts", () =>
    Effect.gen(function*() {
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropHashMap.make(), yield* closedScope)))
    }))
})

describe("AsyncDropHashMap.insert", () => {
  it.effect("takes the guard over, and its value is found under its key", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<number, string>()
        const guard = yield* open(log, "a")
        yield* map.pipe(AsyncDropHashMap.insert(1, guard))
        assert.strictEqual(AsyncDropHashMap.size(map), 1)
        assert.isTrue(map.pipe(AsyncDropHashMap.has(1)))
        assert.deepStrictEqual(yield* map.pipe(AsyncDropHashMap.get(1)), Option.some("a"))
        assert.deepStrictEqual(yield* AsyncDropHashMap.get(map, 2), Option.none())
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.get(guard)), inserted)
        diesOfUsage(yield* Effect.exit(AsyncDropGuard.drop(guard)), inserted)
        diesOfUsage(yield* Effect.exit(AsyncDropHashMap.insert(map, 2, guard)), inserted)
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop a"])
    }))

  it.effect("lends the value itself, which can be changed", () =>
    Effect.gen(function*() {
      const map = yield* AsyncDropHashMap.make<string, { n: number }>()
      yield* AsyncDropHashMap.insert(
        map,
        "a",
        yield* AsyncDropGuard.make(Effect.sync(() => ({ n: 1 })), () => Effect.void)
      )
      Option.getOrThrow(yield* AsyncDropHashMap.get(map, "a")).n = 100
      assert.deepStrictEqual(yield* AsyncDropHashMap.get(map, "a"), Option.some({ n: 100 }))
    }).pipe(AsyncDrop.scoped))

  it.effect("under a key that is present is refused, and gives the guard back undropped, owned as before", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const map = yield* filled(log, ["a"])
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const second = yield* open(log, "second")
        const refused = refusalOf(yield* Effect.exit(AsyncDropHashMap.insert(map, "a", second)))
        assert.deepStrictEqual([refused.key, refused.reason], ["a", "present"])
        assert.strictEqual(refused.guard, second)
        assert.strictEqual(yield* AsyncDropGuard.get(refused.guard), "second")
        assert.deepStrictEqual(yield* AsyncDropHashMap.get(map, "a"), Option.some("a"))
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop second"])
    }).pipe(AsyncDrop.scoped))

  it.effect("into a map that is being dropped, or was, is refused as closed", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const map = yield* filled([], ["a"], {}, () => go.await)
      const guard = yield* open([], "b")
      const dropper = yield* beside(AsyncDropHashMap.drop(map))
      for (const next of [go.open, Fiber.join(dropper)]) {
        const refused = refusalOf(yield* Effect.exit(AsyncDropHashMap.insert(map, "b", guard)))
        assert.deepStrictEqual([refused.key, refused.reason, refused.guard], ["b", "closed", guard])
        yield* next
      }
      assert.strictEqual(refusalOf(yield* Effect.exit(AsyncDropHashMap.insert(map, "b", guard))).reason, "closed")
      assert.strictEqual(yield* AsyncDropGuard.get(guard), "b")
    }).pipe(AsyncDrop.scoped))

  it.effect("of a guard in use waits, and is refused then where the key is taken or the map has closed", () =>
    Effect.gen(function*() {
      const used = yield* Latch.make()
      const map = yield* AsyncDropHashMap.make<string, string>()
      const [late, later] = [yield* open([], "late"), yield* open([], "later")]
      for (const guard of [late, later]) yield* beside(AsyncDropGuard.use(guard, () => used.await))
      const first = yield* beside(AsyncDropHashMap.insert(map, "a", late))
      yield* AsyncDropHashMap.insert(map, "a", yield* open([], "a"))
      yield* used.open
      assert.strictEqual(refusalOf(yield* Fiber.await(first)).reason, "present")
      yield* used.close
      yield* beside(AsyncDropGuard.use(later, () => used.await))
      const second = yield* beside(AsyncDropHashMap.insert(map, "b", later))
      yield* AsyncDropHashMap.drop(map)
      yield* used.open
      assert.strictEqual(refusalOf(yield* Fiber.await(second)).reason, "closed")
      assert.deepStrictEqual(yield* Effect.forEach([late, later], AsyncDropGuard.get), ["late", "later"])
    }).pipe(AsyncDrop.scoped))

  it.effect("interrupted while it waits leaves the guard and the map as they were", () =>
    Effect.gen(function*() {
      const map = yield* AsyncDropHashMap.make<string, string>()
      const guard = yield* open([], "a")
      const user = yield* beside(AsyncDropGuard.use(guard, () => Effect.never))
      yield* Effect.flatMap(beside(AsyncDropHashMap.insert(map, "a", guard)), Fiber.interrupt)
      assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
      yield* Fiber.interrupt(user)
      assert.strictEqual(AsyncDropHashMap.size(map), 0)
    }).pipe(AsyncDrop.scoped))

  it.live("and remove, interrupted at any step, lose nothing and release everything once", () =>
    everyStep(() => {
      const log: Array<string> = []
      const opened: Array<string> = []
      const program = AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<string, string>()
        for (const name of ["a", "b"]) {
          const guard = yield* AsyncDropGuard.make(
            Effect.sync(() => {
              opened.push(`drop ${name}`)
              return name
            }),
            () => Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push(`drop ${name}`)))
          )
          const user = yield* beside(AsyncDropGuard.use(guard, () => Effect.yieldNow))
          yield* AsyncDropHashMap.insert(map, name, guard)
          yield* Fiber.join(user)
        }
        yield* AsyncDropHashMap.remove(map, "a")
        yield* AsyncDropHashMap.drop(map)
      }))
      return { program, check: () => assert.sameMembers(log, opened) }
    }))
})

class Id extends Data.Class<{ readonly n: number }> {}

/** All of these have the same hash. */
class Crowded implements Equal.Equal {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Crowded && that.name === this.name
  }
  [Hash.symbol]() {
    return 1
  }
}

describe("AsyncDropHashMap keys", () => {
  it.effect("are compared by Equal: classes of data, plain objects and lists by what is in them", () =>
    Effect.gen(function*() {
      const map = yield* AsyncDropHashMap.make<unknown, string>()
      const pairs = [
        [new Id({ n: 1 }), new Id({ n: 1 }), new Id({ n: 2 })],
        [{ host: "db", port: 1 }, { host: "db", port: 1 }, { host: "db", port: 2 }],
        [["a", 1], ["a", 1], ["a", 2]],
        [NaN, NaN, 0],
        ["1", "1", 1],
        [undefined, undefined, null]
      ] as const
      for (const [key, same, other] of pairs) {
        yield* AsyncDropHashMap.insert(map, key, yield* open([], inspect(key)))
        assert.deepStrictEqual(yield* AsyncDropHashMap.get(map, same), Option.some(inspect(key)))
        assert.isFalse(AsyncDropHashMap.has(map, other), inspect(other))
        const again = yield* Effect.exit(AsyncDropHashMap.insert(map, same, yield* open([], "again")))
        assert.strictEqual(refusalOf(again).reason, "present")
        assert.isTrue(Option.isSome(yield* AsyncDropHashMap.remove(map, same)), inspect(key))
        assert.isFalse(AsyncDropHashMap.has(map, key), inspect(key))
      }
      assert.strictEqual(AsyncDropHashMap.size(map), 0)
    }).pipe(AsyncDrop.scoped))

  it.effect("0 and -0 are one key", () =>
    Effect.gen(function*() {
      const map = yield* AsyncDropHashMap.make<number, string>()
      yield* AsyncDropHashMap.insert(map, -0, yield* open([], "zero"))
      assert.deepStrictEqual(yield* AsyncDropHashMap.get(map, 0), Option.some("zero"))
      assert.isTrue(Option.isSome(yield* AsyncDropHashMap.remove(map, 0)))
      assert.strictEqual(AsyncDropHashMap.size(map), 0)
    }).pipe(AsyncDrop.scoped))

  it.effect("of equal hashes that are unequal do not mix", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const names = ["a", "b", "c"]
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<Crowded, string, string>({ concurrency: 1 })
        for (const name of names) {
          yield* AsyncDropHashMap.insert(map, new Crowded(name), yield* open(log, name, Effect.fail(name)))
        }
        for (const name of names) {
          assert.deepStrictEqual(yield* AsyncDropHashMap.get(map, new Crowded(name)), Option.some(name))
        }
        const b = Option.getOrThrow(yield* AsyncDropHashMap.remove(map, new Crowded("b")))
        assert.deepStrictEqual(yield* Effect.exit(AsyncDropGuard.drop(b)), Exit.fail("b"))
        assert.deepStrictEqual(names.map((name) => AsyncDropHashMap.has(map, new Crowded(name))), [true, false, true])
      }))
      assert.deepStrictEqual(log, ["drop b", "drop c", "drop a"])
      assert.deepStrictEqual(keyed(dropErrors), [
        [new Crowded("c"), Cause.fail("c")],
        [new Crowded("a"), Cause.fail("a")]
      ])
    }))
})

describe("AsyncDropHashMap.remove", () => {
  it.effect("gives the guard of a key to the current scope, and frees the key", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const map = yield* filled(log, ["a", "b"])
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guard = Option.getOrThrow(yield* map.pipe(AsyncDropHashMap.remove("a")))
        assert.strictEqual(yield* AsyncDropGuard.get(guard), "a")
        assert.deepStrictEqual(yield* AsyncDropHashMap.remove(map, "a"), Option.none())
        assert.strictEqual(AsyncDropHashMap.size(map), 1)
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log, ["drop a"])
      yield* AsyncDropHashMap.insert(map, "a", yield* open(log, "another a"))
      yield* AsyncDropHashMap.drop(map)
      assert.sameMembers(log, ["drop a", "drop b", "drop another a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("gives the error of the guard to the place where it was removed, without a key", () =>
    Effect.gen(function*() {
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const map = yield* filled([], ["a"], {}, () => Effect.fail("busy"))
        return keyed((yield* AsyncDrop.scopedExit(AsyncDropHashMap.remove(map, "a"))).dropErrors)
      }))
      assert.deepStrictEqual(outer.exit, Exit.succeed([[undefined, Cause.fail("busy")]]))
      assert.deepStrictEqual(outer.dropErrors, [])
    }))

  it.effect("into a closed scope removes nothing and interrupts, and so does drain", () =>
    Effect.gen(function*() {
      const closed = yield* closedScope
      const map = yield* filled([], ["a"])
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropHashMap.remove(map, "a"), closed)))
      isInterrupted(yield* Effect.exit(Scope.provide(AsyncDropHashMap.drain(map), closed)))
      assert.deepStrictEqual(yield* AsyncDropHashMap.entries(map), [["a", "a"]])
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropHashMap.drain", () => {
  it.effect("gives all guards to the current scope, oldest first, and leaves the map empty and alive", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const map = yield* filled(log, "cab")
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const guards = yield* AsyncDropHashMap.drain(map)
        assert.deepStrictEqual(guards.map(([key]) => key), ["c", "a", "b"])
        assert.deepStrictEqual(yield* Effect.forEach(guards, ([, guard]) => AsyncDropGuard.get(guard)), ["c", "a", "b"])
        assert.strictEqual(AsyncDropHashMap.size(map), 0)
        yield* AsyncDropHashMap.insert(map, "a", yield* open(log, "new"))
        assert.deepStrictEqual(log, [])
      }))
      assert.deepStrictEqual(log.splice(0), ["drop b", "drop a", "drop c"])
      yield* AsyncDropHashMap.drop(map)
      assert.deepStrictEqual(log, ["drop new"])
    }).pipe(AsyncDrop.scoped))

  it.effect("takes keys of the same hash out as well", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const map = yield* AsyncDropHashMap.make<Crowded, string>()
      for (const name of "abcd") yield* AsyncDropHashMap.insert(map, new Crowded(name), yield* open(log, name))
      const guards = yield* AsyncDrop.scoped(Effect.map(AsyncDropHashMap.drain(map), (guards) => guards.length))
      assert.deepStrictEqual([guards, AsyncDropHashMap.size(map)], [4, 0])
      assert.deepStrictEqual(log, ["drop d", "drop c", "drop b", "drop a"])
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropHashMap.entries", () => {
  it.effect("gives keys and values, oldest first", () =>
    Effect.gen(function*() {
      const map = yield* filled([], "cab")
      yield* Effect.scoped(AsyncDropHashMap.remove(map, "a"))
      assert.deepStrictEqual(yield* AsyncDropHashMap.entries(map), [["c", "c"], ["b", "b"]])
    }).pipe(AsyncDrop.scoped))
})

describe("AsyncDropHashMap.drop", () => {
  it.effect("drops every entry, once", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* filled(log, "abcde")
        assert.deepStrictEqual([AsyncDropHashMap.size(map), log], [5, []])
        yield* AsyncDropHashMap.drop(map)
        assert.sameMembers(log, ["drop a", "drop b", "drop c", "drop d", "drop e"])
        yield* AsyncDropHashMap.drop(map)
      }))
      assert.strictEqual(log.length, 5)
    }))

  it.effect("releases all entries together unless told otherwise", () =>
    Effect.gen(function*() {
      const all = meeting(50)
      const names = Array.from({ length: 50 }, (_, i) => String(i))
      const map = yield* filled([], names, {}, () => all.release)
      yield* AsyncDropHashMap.drop(map)
      assert.deepStrictEqual([all.all, all.most], [50, 50])
    }).pipe(AsyncDrop.scoped))

  it.live("has as many releases under way as concurrency says, never more", () =>
    Effect.gen(function*() {
      const names = Array.from({ length: 21 }, (_, i) => String(i))
      for (const [concurrency, most] of [[1, 1], [3, 3], [7, 7], [100, 21], ["unbounded", 21]] as const) {
        const met = meeting(most)
        const map = yield* filled([], names, { concurrency }, () => met.release)
        yield* AsyncDropHashMap.drop(map)
        assert.deepStrictEqual([met.all, met.most], [21, most])
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("with concurrency 1 releases last in, first out, also where releases wait", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const map = yield* filled(
        log,
        "abcd",
        { concurrency: 1 },
        (name) =>
          name < "c" ? Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push(`dropped ${name}`))) : Effect.void
      )
      yield* AsyncDropHashMap.drop(map)
      assert.deepStrictEqual(log, ["drop d", "drop c", "drop b", "dropped b", "drop a", "dropped a"])
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps the failure of every entry with its key, and the other releases run", () =>
    Effect.gen(function*() {
      for (const concurrency of [1, 2, "unbounded"] as const) {
        const log: Array<string> = []
        const map = yield* filled(log, "abcd", { concurrency }, (name) =>
          name === "a"
            ? Effect.fail("a")
            : name === "b"
            ? Effect.andThen(Effect.yieldNow, Effect.die("b"))
            : name === "c"
            ? Effect.andThen(Effect.yieldNow, Effect.fail("c"))
            : Effect.void)
        const exit: Exit.Exit<void, unknown> = yield* Effect.exit(AsyncDropHashMap.drop(map))
        const failure = failureOf(exit)
        assert.deepStrictEqual(exit, Exit.fail(failure))
        assert.sameDeepMembers([...keyed(failure.errors)], [
          ["a", Cause.fail("a")],
          ["b", Cause.die("b")],
          ["c", Cause.fail("c")]
        ])
        assert.deepStrictEqual(failure.errors.map((error) => error.resource).sort(), ["a", "b", "c"])
        assert.deepStrictEqual([failure.dropped, failure.exit], [0, Exit.void])
        assert.sameMembers(log, ["drop a", "drop b", "drop c", "drop d"])
      }
    }).pipe(AsyncDrop.scoped))

  it.effect("of defects alone is a defect", () =>
    Effect.gen(function*() {
      const map = yield* filled([], ["a"], {}, () => Effect.die("boom"))
      const exit = yield* Effect.exit(AsyncDropHashMap.drop(map))
      assert.deepStrictEqual(exit, Exit.die(failureOf(exit)))
      assert.deepStrictEqual(keyed(failureOf(exit).errors), [["a", Cause.die("boom")]])
    }).pipe(AsyncDrop.scoped))

  it.effect("keeps as many errors as maxErrors says, counts the rest and gives them to the reporter", () =>
    Effect.gen(function*() {
      const reported: Array<unknown> = []
      yield* AsyncDrop.scoped(Effect.gen(function*() {
        const map = yield* filled([], "abcde", { maxErrors: 2, concurrency: 1 }, (name) => Effect.fail(name))
        const failure = failureOf(yield* Effect.exit(AsyncDropHashMap.drop(map)))
        assert.deepStrictEqual(keyed(failure.errors), [["e", Cause.fail("e")], ["d", Cause.fail("d")]])
        assert.strictEqual(failure.dropped, 3)
      })).pipe(
        Effect.provideService(DropReporter.DropReporter, (error) => Effect.sync(() => reported.push(error.key)))
      )
      assert.deepStrictEqual(reported, ["c", "b", "a"])
    }))

  it.effect("makes everything but insert a usage error, from when it begins", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      const map = yield* filled([], ["a"], {}, () => go.await)
      const refuses = (state: string) =>
        Effect.gen(function*() {
          for (
            const operation of [
              AsyncDropHashMap.get(map, "a"),
              AsyncDropHashMap.remove(map, "a"),
              AsyncDropHashMap.drain(map),
              AsyncDropHashMap.entries(map),
              Effect.sync(() => AsyncDropHashMap.has(map, "a")),
              Effect.sync(() => AsyncDropHashMap.size(map))
            ]
          ) {
            diesOfUsage(yield* Effect.exit(operation as Effect.Effect<unknown, never, Scope.Scope>), state) // one of these
          }
        })
      const dropper = yield* beside(AsyncDropHashMap.drop(map))
      yield* refuses("being dropped")
      yield* go.open
      yield* Fiber.join(dropper)
      yield* refuses("dropped")
    }).pipe(AsyncDrop.scoped))

  it.effect("is joined by whoever drops it meanwhile or later, with the same outcome", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const map = yield* filled(log, "ab", {}, (name) => Effect.andThen(go.await, Effect.fail(name)))
        const droppers = yield* Effect.forEach([1, 2], () => beside(AsyncDropHashMap.drop(map)))
        assert.deepStrictEqual(droppers.map((fiber) => fiber.pollUnsafe()), [undefined, undefined])
        yield* go.open
        const [first, second] = yield* Fiber.awaitAll(droppers)
        assert.sameMembers(failureOf(first!).errors.map((error) => error.key), ["a", "b"])
        assert.deepStrictEqual(second, first)
        assert.deepStrictEqual(yield* Effect.exit(AsyncDropHashMap.drop(map)), first)
      }))
      assert.deepStrictEqual(dropErrors, [])
      assert.sameMembers(log, ["drop a", "drop b"])
    }))

  it.effect("is joined by the scope, which waits and does not repeat its errors", () =>
    Effect.gen(function*() {
      const go = yield* Latch.make()
      let dropper: Fiber.Fiber<void, unknown> | undefined
      const closing = yield* beside(AsyncDrop.scopedExit(Effect.gen(function*() {
        const map = yield* filled([], ["a"], {}, (name) => Effect.andThen(go.await, Effect.fail(name)))
        dropper = yield* Effect.forkDetach(AsyncDropHashMap.drop(map), { startImmediately: true })
      })))
      assert.strictEqual(closing.pollUnsafe(), undefined)
      yield* go.open
      assert.deepStrictEqual(keyed(failureOf(yield* Fiber.await(dropper!)).errors), [["a", Cause.fail("a")]])
      assert.deepStrictEqual((yield* Fiber.join(closing)).dropErrors, [])
    }))

  it.effect("by its scope gives each error, with its key, to the DropScope of the map's maker", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const outer = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        yield* open(log, "first")
        const map = yield* AsyncDropHashMap.make<string, string, string>({ concurrency: 1 })
        const inner = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
          for (const name of "ab") {
            yield* AsyncDropHashMap.insert(map, name, yield* open(log, name, Effect.fail(name)))
          }
        }))
        yield* open(log, "last")
        return [inner.dropErrors, log.length]
      }))
      assert.deepStrictEqual(outer.exit, Exit.succeed([[], 0]))
      assert.deepStrictEqual(keyed(outer.dropErrors), [["b", Cause.fail("b")], ["a", Cause.fail("a")]])
      assert.deepStrictEqual(log, ["drop last", "drop b", "drop a", "drop first"])
    }))

  it.effect("interrupted ends after every release, and each error goes to the owner with its key", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const go = yield* Latch.make()
      const { dropErrors } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const map = yield* filled(log, "ab", { concurrency: 1 }, (name) => Effect.andThen(go.await, Effect.fail(name)))
        const dropper = yield* beside(AsyncDropHashMap.drop(map))
        const interrupter = yield* beside(Fiber.interrupt(dropper))
        assert.strictEqual(interrupter.pollUnsafe(), undefined)
        yield* go.open
        yield* Fiber.join(interrupter)
        isInterrupted(yield* Fiber.await(dropper))
        assert.deepStrictEqual(log, ["drop b", "drop a"])
      }))
      assert.deepStrictEqual(keyed(dropErrors), [["b", Cause.fail("b")], ["a", Cause.fail("a")]])
    }))

  it.live("from inside the release of an entry is a cycle, on whichever fibre that runs", () =>
    Effect.gen(function*() {
      for (const concurrency of [1, 2, 3, "unbounded"] as const) {
        for (const steps of [0, 1, 3]) {
          const exits: Array<Exit.Exit<unknown, unknown>> = []
          let map: AsyncDropHashMap.AsyncDropHashMap<string, string> | undefined
          const inside = Effect.andThen(
            steps === 0 ? Effect.void : Effect.repeat(Effect.yieldNow, { times: steps }),
            Effect.map(Effect.exit(Effect.suspend(() => AsyncDropHashMap.drop(map!))), (exit) => exits.push(exit))
          )
          map = yield* filled([], "abcde", { concurrency, name: "map" }, () => inside)
          yield* AsyncDropHashMap.drop(map)
          assert.strictEqual(exits.length, 5)
          exits.forEach(diesOfCycle)
        }
      }
    }).pipe(AsyncDrop.scoped))

  it.live("by its scope meets a drop from inside the release of an entry with a cycle as well", () =>
    Effect.gen(function*() {
      for (const concurrency of [1, 2, "unbounded"] as const) {
        const exits: Array<Exit.Exit<unknown, unknown>> = []
        yield* AsyncDrop.scoped(Effect.gen(function*() {
          const map: AsyncDropHashMap.AsyncDropHashMap<string, string> = yield* filled(
            [],
            "abc",
            { concurrency, name: "map" },
            () =>
              Effect.andThen(
                Effect.yieldNow,
                Effect.map(Effect.exit(Effect.suspend(() => AsyncDropHashMap.drop(map))), (exit) => exits.push(exit))
              )
          )
        }))
        assert.strictEqual(exits.length, 3)
        exits.forEach(diesOfCycle)
      }
    }))

  it.live("of 1,000 entries with releases that wait releases each once", () =>
    Effect.gen(function*() {
      for (const concurrency of [1, 10, "unbounded"] as const) {
        const log: Array<string> = []
        const names = Array.from({ length: 1000 }, (_, i) => String(i))
        yield* AsyncDrop.scoped(filled(log, names, { concurrency }, () => Effect.yieldNow))
        assert.strictEqual(log.length, 1000)
        assert.strictEqual(new Set(log).size, 1000)
      }
    }))

  it.effect("tells the releases the exit of the scope, and a void success by hand", () =>
    Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const make = Effect.gen(function*() {
        const map = yield* AsyncDropHashMap.make<string, number>()
        const guard = yield* AsyncDropGuard.make(Effect.succeed(1), (_, exit) => Effect.sync(() => exits.push(exit)))
        yield* AsyncDropHashMap.insert(map, "a", guard)
        return map
      })
      yield* Effect.exit(AsyncDrop.scoped(Effect.andThen(make, Effect.fail("body"))))
      yield* AsyncDrop.scoped(Effect.flatMap(make, AsyncDropHashMap.drop))
      assert.deepStrictEqual(exits, [Exit.fail("body"), Exit.void])
    }))

  it.live("is awaited by `await using`, which throws a chain of the errors", () =>
    Effect.promise(async () => {
      const scope = Scope.makeUnsafe()
      const map = await Effect.runPromise(
        filled([], "ab", { concurrency: 1 }, (name) => Effect.fail(name)).pipe(Scope.provide(scope), AsyncDrop.scoped)
      )
      const thrown = await map[Symbol.asyncDispose]().then(() => undefined, (error) => error)
      assert.deepStrictEqual([thrown.name, thrown.error, thrown.suppressed], ["SuppressedError", "a", "b"])
    }))
})

class Conns extends AsyncDropHashMap.Service<Conns, string, string, string>()("test/Conns", {
  name: "conns",
  concurrency: 1
}) {}

describe("AsyncDropHashMap.Service", () => {
  it.effect("is a map that its layer owns, with its operations as effects", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(Effect.provide(
        Effect.gen(function*() {
          const map = yield* Conns
          assert.isTrue(AsyncDropHashMap.isAsyncDropHashMap(map))
          assert.strictEqual(map.name, "conns")
          for (const name of "abc") yield* Conns.insert(name, yield* open(log, name, Effect.fail(name)))
          const refused = yield* Effect.exit(Conns.insert("a", yield* open(log, "again")))
          assert.strictEqual(refusalOf(refused).reason, "present")
          const removed = Option.getOrThrow(yield* Conns.remove("b"))
          yield* Effect.ignore(AsyncDropGuard.drop(removed))
          return [
            yield* Conns.get("a"),
            yield* Conns.get("b"),
            yield* Conns.has("a"),
            yield* Conns.has("b"),
            yield* Conns.size,
            yield* Conns.entries
          ]
        }),
        Conns.layer
      ))
      assert.deepStrictEqual(
        exit,
        Exit.succeed([Option.some("a"), Option.none(), true, false, 2, [["a", "a"], ["c", "c"]]])
      )
      assert.deepStrictEqual(keyed(dropErrors), [["c", Cause.fail("c")], ["a", Cause.fail("a")]])
      assert.deepStrictEqual(log, ["drop b", "drop c", "drop a", "drop again"])
    }))

  it.effect("is drained into the scope of the caller, which may outlive the layer", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const { dropErrors, exit } = yield* AsyncDrop.scopedExit(Effect.gen(function*() {
        const outside = yield* Effect.scope
        const drained = yield* Effect.provide(
          Effect.gen(function*() {
            for (const name of "ab") yield* Conns.insert(name, yield* Scope.provide(open(log, name), outside))
            return [yield* Scope.provide(Conns.drain, outside), yield* Conns.size] as const
          }),
          Conns.layer
        )
        assert.deepStrictEqual(log, [])
        return [drained[0].map(([key]) => key), drained[1]]
      }))
      assert.deepStrictEqual(exit, Exit.succeed([["a", "b"], 0]))
      assert.deepStrictEqual(dropErrors, [])
      assert.deepStrictEqual(log, ["drop b", "drop a"])
    }))
})

describe("AsyncDropHashMap", () => {
  it.effect("prints its name, state and size, never what is inside; so does what refuses an insert", () =>
    Effect.gen(function*() {
      const secret = () =>
        AsyncDropGuard.make(Effect.succeed({ password: "secret" }), () => Effect.void, { name: "db" })
      const map = yield* AsyncDropHashMap.make<string, { readonly password: string }>({ name: "conns" })
      yield* AsyncDropHashMap.insert(map, "a", yield* secret())
      const refused = refusalOf(yield* Effect.exit(AsyncDropHashMap.insert(map, "a", yield* secret())))
      for (const text of [inspect(map, { depth: 9 }), String(map), JSON.stringify(map)]) {
        assert.include(text, "conns")
        assert.include(text, "live")
        assert.include(text, "1")
        assert.notInclude(text, "secret")
      }
      assert.strictEqual(
        refused.message,
        "db was not inserted into conns: its key is present. Its guard is in `guard`, undropped"
      )
      for (const text of [inspect(refused, { depth: 9 }), String(refused), JSON.stringify(refused)]) {
        assert.notInclude(text, "secret")
      }
    }).pipe(AsyncDrop.scoped))
})
