// Three scoped services composed by layers, and one of them swapped for a test.
import { AsyncDrop, AsyncDropArc, AsyncDropGuard, AsyncDropHashMap, DropScope } from "@async-drop/core"
import { Context, Effect, Layer, Option } from "effect"
import assert from "node:assert/strict"

const log: Array<string> = []

/** What the database says when it is closed with work left. */
class Unsaved {
  readonly _tag = "Unsaved"
}

interface Database {
  readonly lookUp: (user: string) => Effect.Effect<string>
}

class Db extends AsyncDropArc.Service<Db>()("app/Db", {
  acquire: Effect.succeed<Database>({ lookUp: (user) => Effect.succeed(`${user} from the database`) }),
  release: () => Effect.andThen(Effect.sync(() => log.push("database closed")), Effect.fail(new Unsaved())),
  name: "database"
}) {}

interface Connection {
  readonly user: string
}

class Connections extends AsyncDropHashMap.Service<Connections, string, Connection>()("app/Connections", {
  name: "connections"
}) {}

/** Uses both: greets a user, and keeps the connection open. */
class Greeter extends Context.Service<Greeter, {
  readonly greet: (user: string) => Effect.Effect<string>
}>()("app/Greeter") {
  static readonly layer = Layer.effect(
    Greeter,
    Effect.gen(function*() {
      const connections = yield* Connections
      const db = yield* AsyncDropArc.clone(yield* Db)
      return Greeter.of({
        greet: (user) =>
          Effect.gen(function*() {
            const guard = yield* AsyncDropGuard.makeUnscoped(
              Effect.succeed<Connection>({ user }),
              () => Effect.sync(() => log.push(`${user} disconnected`))
            )
            yield* Effect.ignore(AsyncDropHashMap.insert(connections, user, guard))
            return yield* AsyncDropArc.use(db, (database) => database.lookUp(user))
          })
      })
    })
  )
}

const program = Effect.gen(function*() {
  const greeter = yield* Greeter
  const greeting = yield* greeter.greet("ada")
  assert.ok(Option.isSome(yield* Connections.get("ada")))
  return greeting
})

const services = Layer.mergeAll(Connections.layer, Db.layer)
const app = Layer.provideMerge(Greeter.layer, services)

// The database cannot be closed cleanly: the compiler asked for a place, and `scoped` is it.
const failure = await Effect.runPromise(Effect.flip(AsyncDrop.scoped(Effect.provide(program, app))))
assert.equal(failure.errors[0].resource, "database")
assert.deepEqual(log.splice(0).toSorted(), ["ada disconnected", "database closed"])

// In a test another database takes its place, which closes without a word: nothing else changes.
const testDb = Layer.effect(
  Db,
  Effect.flatMap(
    AsyncDropGuard.make(
      Effect.succeed<Database>({ lookUp: (user) => Effect.succeed(`${user} from the test`) }),
      () => Effect.void
    ),
    AsyncDropArc.make
  )
)
const test = Layer.provideMerge(Greeter.layer, Layer.mergeAll(Connections.layer, testDb)).pipe(
  Layer.provide(DropScope.layerOrDie)
)
assert.equal(await Effect.runPromise(Effect.scoped(Effect.provide(program, test))), "ada from the test")
assert.deepEqual(log, ["ada disconnected"])
