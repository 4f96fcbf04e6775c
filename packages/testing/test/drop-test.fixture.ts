// Tests of which many must fail: drop-test.test.ts runs this file and looks at what is reported. A name
// that begins with `leaks` is of a test that has to fail.
import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { DropTest, it } from "@async-drop/testing"
import { assert, describe, makeMethods, test } from "@effect/vitest"
import { Context, Effect, Layer, RcMap, RcRef, Schema } from "effect"

const guard = (name: string) => AsyncDropGuard.makeUnscoped(Effect.succeed(name), () => Effect.void, { name })

const forgotten = (name: string) =>
  Effect.gen(function*() {
    yield* guard(name) // the line that acquires
    yield* Effect.void
  })

const dropped = (name: string) => Effect.flatMap(guard(name), AsyncDropGuard.drop)

describe("drop", () => {
  it.drop("leaks a guard", () => forgotten("db"))
  it.drop("holds", () => dropped("db"))
  it.drop("leaks a fibre", () =>
    Effect.gen(function*() {
      yield* Effect.forkDetach(Effect.never) // the line that forks
    }))
  it.drop("leaks an error", () =>
    Effect.gen(function*() {
      yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk full"), { name: "log" })
    }))
  it.drop("has a test clock and a scope", () => Effect.andThen(Effect.scope, Effect.forkScoped(Effect.sleep("1 day"))))
  it.drop.skip("skip leaks", () => forgotten("db"))
  it.drop.skipIf(true)("skipIf leaks", () => forgotten("db"))
  it.drop.skipIf(false)("leaks by skipIf", () => forgotten("db"))
  it.drop.runIf(true)("leaks by runIf", () => forgotten("db"))
  it.drop.fails("fails as expected", () => forgotten("db"))
  it.drop.each(["a", "b"])("leaks each %s", (name) => forgotten(name))
  it.drop.each(["a", "b"])("holds each %s", (name) => dropped(name))
  it.drop.prop("leaks by property", [Schema.Boolean], () => forgotten("db"))
  it.drop.prop("holds by property", [Schema.Boolean], ([flag]) => Effect.as(dropped("db"), typeof flag === "boolean"))
  it.drop.prop("leaks no false property", [Schema.Boolean], () => Effect.succeed(false))
  it.drop("leaks in a time limit", () => forgotten("db"), 1000)
})

describe("dropLive", () => {
  it.dropLive("leaks a guard alive", () => forgotten("db"))
  it.dropLive("holds alive", () => Effect.andThen(Effect.sleep(1), dropped("db")))
})

class Db extends Context.Service<Db, string>()("test/Db") {}
class App extends Context.Service<App, string>()("test/App") {}
class Map extends Context.Service<Map, RcMap.RcMap<string, string>>()("test/Map") {}
class Ref extends Context.Service<Ref, RcRef.RcRef<string>>()("test/Ref") {}

const DbLive = Layer.effect(Db, AsyncDrop.acquireRelease(Effect.succeed("db"), () => Effect.void))
const AppLive = Layer.effect(App, Effect.map(Db, (db) => `app of ${db}`))
const MapLive = Layer.effect(
  Map,
  RcMap.make({
    lookup: (key: string) => AsyncDrop.acquireRelease(Effect.succeed(key), () => Effect.void),
    idleTimeToLive: "1 minute"
  })
)
const RefLive = Layer.effect(
  Ref,
  RcRef.make({
    acquire: AsyncDrop.acquireRelease(Effect.succeed("ref"), () => Effect.void),
    idleTimeToLive: "1 minute"
  })
)

it.layer(DbLive)("layer", (it) => {
  it.drop("leaks beside a layer", () => Effect.flatMap(Db, forgotten))
  it.drop("holds in a layer", () => Effect.flatMap(Db, dropped))
  it.effect("is plain", () => forgotten("db"))
  it.layer(AppLive)("nested", (it) => {
    it.drop("holds in a nested layer", () => Effect.map(App, (app) => assert.strictEqual(app, "app of db")))
    it.drop("leaks beside a nested layer", () => forgotten("db"))
  })
})

it.layer(Layer.merge(MapLive, RefLive))("layer that keeps things", (it) => {
  it.drop("holds what an idle entry keeps", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.scoped(RcMap.get(yield* Map, "a")), "a")
      assert.strictEqual(yield* Effect.scoped(RcRef.get(yield* Ref)), "ref")
    }))
  it.layer(DbLive)("a layer inside", (it) => {
    it.drop("holds what the outer layer keeps", () => Effect.flatMap(Map, (map) => Effect.scoped(RcMap.get(map, "b"))))
  })
})

it.layer(DbLive)((it) => {
  it.drop("holds in an anonymous layer", () => Db)
})

describe("fixtures", () => {
  const it = DropTest.makeMethods(makeMethods(test.extend<{ readonly port: number }>({ port: 3000 })))
  it.drop("holds a fixture", ({ port }) => Effect.sync(() => assert.strictEqual(port, 3000)))
})

it.layer(Layer.empty)("suite that fails", (it) => {
  it.drop("leaks an error, and a fibre to its layer", () =>
    Effect.gen(function*() {
      yield* Effect.forkDetach(Effect.never)
      yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.die("disk full"), { name: "log" })
    }))
  it.drop("holds until its layer closes", () => Effect.void)
})

it("is an it of vitest", () => {})
