// A guard is one resource in one hand: used, dropped early, or moved to a scope that lives longer.
import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { Effect, Exit, Scope } from "effect"
import assert from "node:assert/strict"

const log: Array<string> = []

const connect = (host: string) =>
  AsyncDropGuard.make(
    Effect.succeed({ host, ask: (question: string) => Effect.succeed(`${host} on ${question}: 42`) }),
    (connection) => Effect.sync(() => log.push(`closed ${connection.host}`)),
    { name: host }
  )

const program = Effect.gen(function*() {
  const primary = yield* connect("primary")
  const spare = yield* connect("spare")
  const answer = yield* AsyncDropGuard.use(primary, (connection) => connection.ask("life"))
  yield* AsyncDropGuard.drop(spare)
  log.push("asked")
  return { answer, primary }
})

// The scope would close `primary` at its end; moved to another one, it stays open.
const longer = await Effect.runPromise(Scope.make())
const kept = AsyncDrop.scoped(Effect.gen(function*() {
  const { answer, primary } = yield* program
  yield* AsyncDropGuard.transfer(primary, longer)
  return answer
}))

assert.equal(await Effect.runPromise(kept), "primary on life: 42")
assert.deepEqual(log, ["closed spare", "asked"])
await Effect.runPromise(Scope.close(longer, Exit.void))
assert.deepEqual(log, ["closed spare", "asked", "closed primary"])
