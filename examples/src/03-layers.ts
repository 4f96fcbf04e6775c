// An app of layers: each asks for a place for its drop errors, and the app names one policy for all.
import { AsyncDrop, DropScope } from "@async-drop/core"
import { Context, Data, Effect, Layer } from "effect"
import assert from "node:assert/strict"

class DisconnectError extends Data.TaggedError("DisconnectError")<{ readonly host: string }> {}

class Db extends Context.Service<Db, { readonly find: (id: number) => Effect.Effect<string> }>()("example/Db") {
  static readonly layer = Layer.effect(
    Db,
    Effect.map(
      AsyncDrop.acquireRelease(
        Effect.succeed("db.local"),
        (host) => Effect.fail(new DisconnectError({ host })),
        { name: "db" }
      ),
      (host) => Db.of({ find: (id) => Effect.succeed(`${host}/${id}`) })
    )
  )
}

class Users
  extends Context.Service<Users, { readonly name: (id: number) => Effect.Effect<string> }>()("example/Users")
{
  static readonly layer = Layer.effect(
    Users,
    Effect.gen(function*() {
      const db = yield* Db
      yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.sync(() => log.push("users closed")), { name: "users" })
      return Users.of({ name: (id) => db.find(id) })
    })
  ).pipe(Layer.provide(Db.layer))
}

const log: Array<string> = []

// Without this line the compiler says: DropScope<DisconnectError> is not assignable to never.
const reported = DropScope.layerReport((error) => Effect.sync(() => log.push(`${error.resource} did not close`)))

const program = Effect.flatMap(Users, (users) => users.name(1)).pipe(
  Effect.provide(Users.layer),
  Effect.provide(reported)
)
assert.equal(await Effect.runPromise(program), "db.local/1")
assert.deepEqual(log, ["users closed", "db did not close"])
