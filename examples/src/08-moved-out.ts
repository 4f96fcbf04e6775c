// A function that opens several things may fail half-way: then what it opened is closed, else it is the caller's.
import { AsyncDrop, DropStack } from "@async-drop/core"
import { Effect, Scope } from "effect"
import assert from "node:assert/strict"

const log: Array<string> = []

const open = (name: string, broken = false) =>
  AsyncDrop.acquireRelease(
    broken ? Effect.fail(`no ${name}`) : Effect.succeed(name),
    () => Effect.sync(() => log.push(`closed ${name}`)),
    { name }
  )

/** Gives an open stack to the caller's scope, or closes it before it fails. */
const workspace = (broken: boolean) =>
  Effect.gen(function*() {
    const caller = yield* Effect.scope
    return yield* AsyncDrop.scoped(Effect.gen(function*() {
      const stack = yield* DropStack.make({ name: "workspace" })
      yield* DropStack.use(stack, open("folder"))
      yield* DropStack.use(stack, open("index", broken))
      yield* DropStack.defer(stack, () => Effect.sync(() => log.push("said goodbye")))
      return yield* Scope.provide(DropStack.move(stack), caller)
    }))
  })

const failing = Effect.gen(function*() {
  const exit = yield* Effect.exit(workspace(true))
  log.push("failed")
  return exit._tag
})
assert.equal(await Effect.runPromise(AsyncDrop.scoped(failing)), "Failure")
assert.deepEqual(log.splice(0), ["closed folder", "failed"])

const working = Effect.gen(function*() {
  const stack = yield* workspace(false)
  log.push("at work")
  yield* DropStack.close(stack)
  log.push("done")
})
await Effect.runPromise(AsyncDrop.scoped(working))
assert.deepEqual(log, ["at work", "said goodbye", "closed index", "closed folder", "done"])
