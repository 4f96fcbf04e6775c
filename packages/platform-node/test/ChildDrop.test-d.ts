import type { DropScope } from "@async-drop/core"
import { AsyncDrop, type DropFailure } from "@async-drop/core"
import { ChildDrop } from "@async-drop/platform-node"
import type { Effect, PlatformError, Scope } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { describe, expectTypeOf, it } from "vitest"

const command = ChildProcess.make("node", ["server.js"])
type Handle = ChildProcessSpawner.ChildProcessHandle
type Spawner = ChildProcessSpawner.ChildProcessSpawner
type Failure = PlatformError.PlatformError
type Child = Effect.Effect<Handle, Failure, Spawner | Scope.Scope | DropScope.DropScope<ChildDrop.ChildDropError>>

describe("ChildDrop.spawn", () => {
  it("gives Effect's handle, and asks for a place for what the end fails with", () => {
    expectTypeOf(ChildDrop.spawn(command)).toEqualTypeOf<Child>()
    expectTypeOf(ChildDrop.spawn(command, { forceKillAfter: "1 second", guardian: true, name: "a" }))
      .toEqualTypeOf<Child>()
    expectTypeOf(command.pipe(ChildDrop.spawn({ guardian: true }))).toEqualTypeOf<Child>()
    expectTypeOf(command.pipe(ChildProcess.pipeTo(command), ChildDrop.spawn())).toEqualTypeOf<Child>()
  })
  it("in AsyncDrop.scoped has both failures in its error type", () => {
    expectTypeOf(AsyncDrop.scoped(ChildDrop.spawn(command))).toEqualTypeOf<
      Effect.Effect<Handle, Failure | DropFailure.DropFailure<ChildDrop.ChildDropError>, Spawner>
    >()
  })
  it("takes no option that it does not know", () => {
    // @ts-expect-error misspelt
    ChildDrop.spawn(command, { guard: true })
  })
})
