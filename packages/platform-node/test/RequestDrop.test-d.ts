import { AsyncDrop, type DropScope } from "@async-drop/core"
import { HttpDrain, type HttpDrainTimeout, RequestDrop } from "@async-drop/platform-node"
import { Effect, Layer, type Scope } from "effect"
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { describe, expectTypeOf, it } from "vitest"

const handler = Effect.gen(function*() {
  yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("a" as const))
  yield* AsyncDrop.acquireRelease(Effect.void, () => Effect.fail("b" as const))
  return HttpServerResponse.empty()
})
const route = HttpRouter.add("GET", "/", handler)

describe("RequestDrop", () => {
  it("is asked for by routes whose releases can fail", () => {
    expectTypeOf<Layer.Services<typeof route>>().toEqualTypeOf<
      | HttpRouter.HttpRouter
      | HttpRouter.Request<"Requires", DropScope.DropScope<"a">>
      | HttpRouter.Request<"Requires", DropScope.DropScope<"b">>
    >()
  })
  it("takes that away, whatever the errors are", () => {
    const provided = Layer.provide(route, RequestDrop.layer())
    expectTypeOf(provided).toEqualTypeOf<Layer.Layer<never, never, HttpRouter.HttpRouter>>()
  })
  it("takes it away from an app without a router", () => {
    type App = Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      never,
      Scope.Scope | HttpServerRequest.HttpServerRequest
    >
    expectTypeOf(RequestDrop.provide(handler)).toEqualTypeOf<App>()
    expectTypeOf(handler.pipe(RequestDrop.provide({ releaseTimeout: 1 }))).toEqualTypeOf<App>()
  })
})

describe("HttpDrain.layer", () => {
  it("asks for a place for what it could not end", () => {
    const server = HttpDrain.layer(createServer, { port: 0 })
    expectTypeOf<Layer.Services<typeof server>>().toEqualTypeOf<
      DropScope.DropScope<HttpDrainTimeout.HttpDrainTimeout>
    >()
  })
})
