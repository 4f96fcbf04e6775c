import { AsyncDrop, type DropFailure, type DropScope } from "@async-drop/core"
import { FileDrop } from "@async-drop/platform-node"
import { Context, Data, Effect, type FileSystem, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class Broken extends Data.TaggedError("Broken")<{}> {}
class Config extends Context.Service<Config, { readonly text: string }>()("test/Config") {}

type Failed = DropFailure.DropFailure<FileDrop.FileError>

describe("FileDrop", () => {
  it("opens a file into a scope that learns of a failing close", () => {
    expectTypeOf(FileDrop.open("a", { flag: "w", datasync: true })).toEqualTypeOf<
      Effect.Effect<
        FileSystem.File,
        FileDrop.FileError,
        FileSystem.FileSystem | Scope.Scope | DropScope.DropScope<FileDrop.FileError>
      >
    >()
    expectTypeOf(AsyncDrop.scoped(FileDrop.open("a"))).toEqualTypeOf<
      Effect.Effect<FileSystem.File, FileDrop.FileError | Failed, FileSystem.FileSystem>
    >()
    // @ts-expect-error there is no such flag
    FileDrop.open("a", { flag: "rw" })
  })
  it("replaces a file with what write gives, needs and fails with, and no scope", () => {
    const write = (_: FileSystem.File) => Effect.andThen(Config, Effect.as(new Broken(), 1))
    expectTypeOf(FileDrop.atomic("a", write, { mode: 0o600 })).toEqualTypeOf<
      Effect.Effect<number, Broken | FileDrop.FileError | Failed, Config | FileSystem.FileSystem>
    >()
  })
})
