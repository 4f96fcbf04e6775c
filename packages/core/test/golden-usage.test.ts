import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  AsyncDropHashMap,
  AsyncDropMutex,
  ConcurrentStore,
  DropStack
} from "@async-drop/core"
import { describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { looksOfError } from "./support/golden.ts"

type Program = Effect.Effect<unknown, unknown, Scope.Scope>

const golden = (kind: string, rows: ReadonlyArray<readonly [fact: string, file: string, program: Program]>) =>
  describe(kind, () => {
    for (const [fact, name, program] of rows) it.effect(fact, () => looksOfError(name, program))
  })

const foreign = (value: unknown): Program => AsyncDrop.fromDisposable(value as Disposable) // without types this passes

golden("a printed refusal of fromDisposable", [
  [
    "names the class of a value that cannot be disposed of",
    "usage-disposable-without-a-method",
    foreign(new (class Connection {})())
  ],
  [
    "says that a disposal method is no function",
    "usage-disposable-with-a-non-function",
    foreign(
      new (class Connection {
        readonly [Symbol.asyncDispose] = "close"
      })()
    )
  ]
])

const acquireRelease = (options: unknown): Program =>
  AsyncDrop.acquireRelease(
    Effect.die("acquired"),
    () => Effect.void,
    { name: "file", ...options as AsyncDrop.DropOptions } // as above
  ) as Program // whatever the options add: it dies before

golden("a printed bad option", [
  ["of a scope: concurrency", "usage-bad-concurrency", AsyncDrop.scoped(Effect.void, { concurrency: 0 })],
  ["of a scope: budget", "usage-bad-budget", AsyncDrop.scoped(Effect.void, { budget: -1 })],
  ["of a resource: timeout", "usage-bad-timeout", acquireRelease({ timeout: Number.NaN })],
  ["of a resource: force", "usage-bad-force", acquireRelease({ force: "kill -9" })],
  ["of a resource: dependsOn", "usage-bad-depends-on", acquireRelease({ dependsOn: ["database"] })],
  [
    "of a resource without a name",
    "usage-bad-option-without-a-name",
    acquireRelease({ name: undefined, timeout: "soon" })
  ],
  ["of a store: capacity", "usage-bad-capacity", ConcurrentStore.make({ lookup: Effect.succeed, capacity: 0.5 })],
  [
    "of a map, which it names",
    "usage-bad-option-of-a-map",
    AsyncDropHashMap.make<string, string>({ name: "files", concurrency: Number.NaN })
  ],
  [
    "of a map without a name",
    "usage-bad-option-of-a-map-without-a-name",
    AsyncDropHashMap.make<string, string>({ maxErrors: 0 })
  ],
  ["of a stack, which it names", "usage-bad-option-of-a-stack", DropStack.make({ name: "files", concurrency: -1 })]
])

const file = AsyncDropGuard.make(Effect.succeed("secret"), () => Effect.void, { name: "file" })

golden("a printed use of what was given away", [
  [
    "says that a handle was dropped, and what to do",
    "usage-handle-after-drop",
    Effect.gen(function*() {
      const first = yield* Effect.flatMap(file, AsyncDropArc.make)
      yield* AsyncDropArc.clone(first)
      yield* AsyncDropArc.drop(first)
      yield* AsyncDropArc.get(first)
    })
  ],
  [
    "names AsyncDropArc.make",
    "usage-given-away-to-an-arc",
    Effect.flatMap(file, (guard) => Effect.andThen(AsyncDropArc.make(guard), AsyncDropGuard.get(guard)))
  ],
  [
    "names AsyncDropMutex.unwrap",
    "usage-given-away-by-a-mutex",
    Effect.flatMap(
      Effect.flatMap(file, AsyncDropMutex.make),
      (mutex) => Effect.andThen(AsyncDropMutex.unwrap(mutex), AsyncDropMutex.drop(mutex))
    )
  ],
  [
    "says that a guard belongs to the map it was inserted into",
    "usage-given-away-to-a-map",
    Effect.gen(function*() {
      const guard = yield* file
      yield* AsyncDropHashMap.insert(yield* AsyncDropHashMap.make<string, string>(), "a", guard)
      yield* AsyncDropGuard.get(guard)
    })
  ],
  [
    "names DropStack.move",
    "usage-given-away-by-a-stack",
    Effect.flatMap(
      DropStack.make({ name: "files" }),
      (stack) => Effect.andThen(DropStack.move(stack), DropStack.use(stack, file))
    )
  ]
])

/** A second guard for a key of one map. */
const refused = (before: (map: AsyncDropHashMap.AsyncDropHashMap<string, string>) => Effect.Effect<unknown>) =>
  Effect.gen(function*() {
    const map = yield* AsyncDropHashMap.make<string, string>({ name: "files" })
    yield* Effect.orDie(AsyncDropHashMap.insert(map, "a", yield* file))
    yield* before(map)
    yield* AsyncDropHashMap.insert(map, "a", yield* file)
  })

golden("a printed InsertRefused", [
  [
    "says that the key is present, and where the guard is",
    "insert-refused-present",
    refused(() => Effect.void)
  ],
  ["says that the map was dropped, and where the guard is", "insert-refused-closed", refused(AsyncDropHashMap.drop)],
  [
    "says that the store has no room, and where the guard is",
    "insert-refused-full",
    Effect.gen(function*() {
      const store = yield* ConcurrentStore.make({ name: "files", lookup: () => Effect.succeed("a"), capacity: 1 })
      yield* ConcurrentStore.get(store, "a")
      yield* ConcurrentStore.insert(store, "b", yield* file)
    })
  ]
])
