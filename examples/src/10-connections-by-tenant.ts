// A pool of connections by tenant, on a real PostgreSQL: at most three tenants are connected at a time, those that
// nobody asks for are disconnected, and a tenant is deleted while requests to it are running.
import { AsyncDrop, AsyncDropGuard, ConcurrentStore } from "@async-drop/core"
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Fiber, Option, Schedule } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import assert from "node:assert/strict"
import { barred, server } from "./postgres/server.ts"

const tenants = ["ada", "bob", "cyd", "dee", "eve", "fay"]
const capacity = 3

const program = Effect.gen(function*() {
  const address = yield* server
  const admin = yield* PgClient.makeClient(address)
  for (const tenant of tenants) yield* admin`CREATE DATABASE ${admin(tenant)}`

  // One connection per tenant, shared by all who ask for it.
  let connected = 0
  const pool = yield* ConcurrentStore.make({
    lookup: (tenant: string) =>
      Effect.tap(
        PgClient.makeClient({ ...address, database: tenant }),
        () => Effect.sync(() => connected++)
      ),
    capacity,
    idleTimeToLive: "300 millis",
    name: "tenants"
  })

  /** The tenants that the server says are connected. */
  const present = Effect.map(
    admin<{ name: string }>`SELECT DISTINCT datname AS name FROM pg_stat_activity
      WHERE ${admin.in("datname", tenants)} ORDER BY 1`,
    (rows) => rows.map((row) => row.name)
  )

  // 1. Capacity: 120 requests of six tenants, and the server never sees more than three of them.
  const request = (tenant: string, millis: number) =>
    ConcurrentStore.use(pool, tenant, (sql) =>
      Effect.map(
        sql<{ name: string }>`SELECT current_database() AS name, pg_sleep(${millis / 1000})`,
        (rows) => rows[0]?.name
      ))
  let most = 0
  const watch = yield* Effect.forkChild(
    Effect.forever(Effect.tap(present, (names) => Effect.sync(() => most = Math.max(most, names.length))))
  )
  const wanted = Array.from({ length: 120 }, (_, i) => tenants[i * 7 % tenants.length] ?? "ada")
  const answers = yield* Effect.forEach(wanted, (tenant) => request(tenant, 2), { concurrency: 40 })
  yield* Fiber.interrupt(watch)
  assert.deepEqual(answers, wanted)
  assert.ok(most > 0 && most <= capacity, `${most} tenants were connected at once`)
  console.log(`120 requests of 6 tenants: ${connected} connections, at most ${most} tenants at once`)

  // 2. Idle time: a moment later nobody is connected any more.
  const untilEmpty = Effect.gen(function*() {
    if ((yield* present).length > 0 || !ConcurrentStore.isEmpty(pool)) return yield* Effect.fail("still connected")
  }).pipe(Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 100 }))
  yield* untilEmpty
  console.log("idle: nobody is connected")

  // 3. A tenant is deleted while ten requests run. PostgreSQL refuses to drop a database that is in use.
  const running = yield* Effect.forkChild(
    Effect.forEach(Array.from({ length: 10 }), () => request("bob", 30), { concurrency: "unbounded" }),
    { startImmediately: true }
  )
  yield* Effect.sleep("100 millis") // they are under way
  const deleted = yield* Effect.forkChild(
    ConcurrentStore.requestImmediateDrop(pool, "bob", (connection) =>
      Effect.gen(function*() {
        if (Option.isSome(connection)) yield* AsyncDropGuard.drop(connection.value)
        yield* admin`DROP DATABASE bob`
        return Option.isSome(connection)
      })),
    { startImmediately: true }
  )
  const late = yield* Effect.forkChild(Effect.exit(request("bob", 0)), { startImmediately: true })

  assert.deepEqual(yield* Fiber.join(running), Array.from({ length: 10 }, () => "bob")) // none was cut off
  assert.equal(yield* Fiber.join(deleted), true) // it was the only one to have it
  const refused = yield* Fiber.join(late) // it waited, then connected anew: to nothing
  assert.ok(Exit.isFailure(refused))
  console.log("deleted: 10 requests ended before it, the one behind it found nothing")

  // 4. What failed is not remembered: the tenant can come back.
  yield* admin`CREATE DATABASE bob`
  assert.equal(yield* request("bob", 0), "bob")
  return connected
})

const closed = barred()
if (closed !== undefined) console.log(`skipped: PostgreSQL runs as a user of its own, who cannot enter ${closed}`)
else {
  const begun = performance.now()
  await program.pipe(
    AsyncDrop.scoped,
    Effect.provide(Reactivity.layer),
    Effect.timeout("40 seconds"),
    Effect.runPromise
  )
  console.log(`done in ${Math.round(performance.now() - begun)} ms`)
}
