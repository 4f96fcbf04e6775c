import type { DropScope } from "@async-drop/core"
import { AsyncDrop, type DropFailure } from "@async-drop/core"
import { TempDrop } from "@async-drop/platform-node"
import type { Effect, FileSystem, PlatformError, Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

type Failure = PlatformError.PlatformError
type Temporary = Effect.Effect<string, Failure, FileSystem.FileSystem | Scope.Scope | DropScope.DropScope<Failure>>

describe("TempDrop", () => {
  it("asks for a file system, a scope, and a place for what a removal fails with", () => {
    expectTypeOf(TempDrop.directory()).toEqualTypeOf<Temporary>()
    expectTypeOf(TempDrop.file({ prefix: "a", parent: "b", suffix: "c", name: "d" })).toEqualTypeOf<Temporary>()
  })
  it("in AsyncDrop.scoped has both failures in its error type", () => {
    expectTypeOf(AsyncDrop.scoped(TempDrop.directory())).toEqualTypeOf<
      Effect.Effect<string, Failure | DropFailure.DropFailure<Failure>, FileSystem.FileSystem>
    >()
  })
  it("sweeps without a scope", () => {
    expectTypeOf(TempDrop.sweep({ elsewhere: "remove" })).toEqualTypeOf<
      Effect.Effect<TempDrop.Swept, Failure, FileSystem.FileSystem>
    >()
  })
  it("takes no option that it does not know", () => {
    // @ts-expect-error a directory has no suffix
    TempDrop.directory({ suffix: ".txt" })
    // @ts-expect-error misspelt
    TempDrop.sweep({ prefx: "a" })
  })
})
