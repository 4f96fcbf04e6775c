// All that this package uses of Effect's HTTP modules. They are marked unstable: what moves there is mended
// here, and test/effect-http.test.ts says that it moved.
//
// 1. `NodeHttpServer.make` listens with the server that it is given, and adds its listeners in `serve`.
// 2. `serve` runs requests in a scope that it forks off its own; with `disablePreemptiveShutdown` closing
//    that interrupts them at once.
// 3. An app runs in the fibre of its request, with the request and a scope in the context; that scope is
//    closed after the body was sent, and what closing it fails with reaches no client.
// 4. WebSockets are made with the class that the `websocket` options name.
export { layerHttpServices, make as makeNodeServer } from "@effect/platform-node/NodeHttpServer"
export type { Options as NodeServerOptions } from "@effect/platform-node/NodeHttpServer"
export type { NodeServices } from "@effect/platform-node/NodeServices"
export { WebSocket } from "@effect/platform-node/NodeWS"
export { Service as ApiMiddleware } from "effect/http-api/HttpApiMiddleware"
export type { Generator } from "effect/http/Etag"
export type { HttpPlatform } from "effect/http/HttpPlatform"
export {
  addAll,
  disableLogger,
  HttpRouter,
  middleware,
  type PathInput,
  type Request,
  route,
  RouteContext
} from "effect/http/HttpRouter"
export { HttpServer, make as makeServer } from "effect/http/HttpServer"
export type { ServeError } from "effect/http/HttpServerError"
export { HttpServerRequest } from "effect/http/HttpServerRequest"
export { type HttpServerResponse, text as textResponse } from "effect/http/HttpServerResponse"
