import { AsyncDrop, type DropFailure, type DropScope } from "@async-drop/core"
import { LockDrop } from "@async-drop/platform-node"
import { Effect, type Option, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

type InScope = Scope.Scope | DropScope.DropScope<LockDrop.LockReleaseError>

describe("LockDrop", () => {
  it("acquires with the errors of a wait, into a scope that learns of a lost lock", () => {
    expectTypeOf(LockDrop.acquire("a.lock")).toEqualTypeOf<
      Effect.Effect<LockDrop.Lock, LockDrop.LockTimeout | LockDrop.LockUnavailable, InScope>
    >()
    expectTypeOf(AsyncDrop.scoped(LockDrop.acquire("a.lock", { timeout: "1 second" }))).toEqualTypeOf<
      Effect.Effect<
        LockDrop.Lock,
        LockDrop.LockTimeout | LockDrop.LockUnavailable | DropFailure.DropFailure<LockDrop.LockReleaseError>
      >
    >()
    // @ts-expect-error nothing says where LockReleaseError goes
    Effect.runFork(Effect.scoped(LockDrop.acquire("a.lock")))
  })
  it("tries without a timeout, in the options and in the errors", () => {
    expectTypeOf(LockDrop.tryAcquire("a.lock", { name: "me" })).toEqualTypeOf<
      Effect.Effect<Option.Option<LockDrop.Lock>, LockDrop.LockUnavailable, InScope>
    >()
    // @ts-expect-error it does not wait
    LockDrop.tryAcquire("a.lock", { timeout: "1 second" })
  })
  it("names the holder without a failure and without a scope", () => {
    expectTypeOf(LockDrop.holder("a.lock")).toEqualTypeOf<Effect.Effect<Option.Option<LockDrop.Holder>>>()
  })
})
