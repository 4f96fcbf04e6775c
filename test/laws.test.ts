// Every constructor of an async-droppable thing obeys the same laws: a new one adds a line here.
import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { DropLaws, type Probe } from "@async-drop/testing"
import { Effect } from "effect"

type Guard = AsyncDropGuard.AsyncDropGuard<Probe.Held<unknown>, unknown>

const guard = {
  drop: (a: Guard) => AsyncDropGuard.drop(a),
  use: (a: Guard, body: (held: Probe.Held<unknown>) => Effect.Effect<void>) => AsyncDropGuard.use(a, body)
}

DropLaws.describe("AsyncDrop.acquireRelease", {
  make: (source) => AsyncDrop.acquireRelease(source.acquire, source.release)
})
DropLaws.describe("AsyncDrop.acquire", { make: (source) => AsyncDrop.acquire(source.acquire) })
DropLaws.describe("AsyncDrop.all", {
  make: (source) => AsyncDrop.all([AsyncDrop.acquireRelease(source.acquire, source.release), Effect.void])
})
DropLaws.describe("AsyncDrop.use", { around: (source, body) => AsyncDrop.use(source.acquire, () => body) })
DropLaws.describe("AsyncDrop.acquireUseRelease", {
  around: (source, body) => AsyncDrop.acquireUseRelease(source.acquire, () => body, source.release)
})
DropLaws.describe("AsyncDropGuard.make", {
  make: (source) => AsyncDropGuard.make(source.acquire, source.release),
  ...guard
})
DropLaws.describe("AsyncDropGuard.fromAsyncDrop", {
  make: (source) => AsyncDropGuard.fromAsyncDrop(source.acquire),
  ...guard
})
DropLaws.describe("AsyncDropGuard.makeUnscoped, transferred", {
  moved: true,
  make: (source) =>
    Effect.uninterruptible(Effect.gen(function*() {
      const made = yield* AsyncDropGuard.makeUnscoped(source.acquire, source.release)
      yield* AsyncDropGuard.transfer(made, yield* Effect.scope)
      return made
    })),
  ...guard
})
