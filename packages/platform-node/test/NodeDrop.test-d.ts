import { AsyncDrop, type DropScope } from "@async-drop/core"
import { NodeDrop } from "@async-drop/platform-node"
import { Context, Effect, type Layer, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"

class Port extends Context.Service<Port, number>()("test/Port") {}

const program: Effect.Effect<number, "no"> = Effect.succeed(1)
const door = AsyncDrop.acquireRelease(Effect.succeed(1), () => Effect.fail("stuck" as const))

describe("NodeDrop.runMain", () => {
  it("takes a program alone, with options, and in a pipe", () => {
    expectTypeOf(() => NodeDrop.runMain(program)).returns.toEqualTypeOf<void>()
    expectTypeOf(() => NodeDrop.runMain(program, { budget: "5 seconds" })).returns.toEqualTypeOf<void>()
    expectTypeOf(() => program.pipe(NodeDrop.runMain)).returns.toEqualTypeOf<void>()
    expectTypeOf(() => program.pipe(NodeDrop.runMain({ exitCode: (report) => report.code }))).returns.toEqualTypeOf<
      void
    >()
  })

  it("provides a scope and a place for drop errors, and nothing else", () => {
    expectTypeOf(door).toEqualTypeOf<Effect.Effect<number, never, Scope.Scope | DropScope.DropScope<"stuck">>>()
    expectTypeOf(() => door.pipe(NodeDrop.runMain)).returns.toEqualTypeOf<void>()
    // @ts-expect-error: nobody provides Port
    expectTypeOf(() => NodeDrop.runMain(Port)).returns.toEqualTypeOf<void>()
  })

  it("knows the names of its options", () => {
    // @ts-expect-error: no such policy
    expectTypeOf(() => NodeDrop.runMain({ exitCode: "one" })).returns.toBeFunction()
    // @ts-expect-error: no such signal
    expectTypeOf(() => NodeDrop.runMain({ signals: ["SIGFOO"] })).returns.toBeFunction()
  })
})

describe("NodeDrop.layerErrorReporter", () => {
  it("asks for nothing", () => {
    expectTypeOf(NodeDrop.layerErrorReporter).toEqualTypeOf<Layer.Layer<never>>()
  })
})
