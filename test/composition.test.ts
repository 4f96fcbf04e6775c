// Resources whose releases may fail, in the hands of Effect's own owners: what each of them is asked
// is the same, whichever constructor made them.
import { AsyncDrop, AsyncDropGuard, type DropError, DropFailure, DropReporter, DropScope } from "@async-drop/core"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberMap,
  Layer,
  LayerMap,
  Logger,
  ManagedRuntime,
  Option,
  Pool,
  Scope,
  Stream
} from "effect"
import { HttpClient, HttpRouter, HttpServerResponse } from "effect/http"

type Errors = Array<DropError.DropError<unknown>>

/** What happened, in order: `+a` an acquire, `-a` a release. */
type Log = Array<string>

interface Constructor {
  readonly name: string
  /** A resource whose release fails with its name. */
  readonly own: (log: Log, name: string) => Effect.Effect<string, never, Scope.Scope | DropScope.DropScope<string>>
  /** A resource whose release runs `release` and cannot fail. */
  readonly calm: (log: Log, name: string, release?: Effect.Effect<unknown>) => Effect.Effect<string, never, Scope.Scope>
}

const acquire = (log: Log, name: string) => Effect.sync(() => void log.push(`+${name}`))
const release = (log: Log, name: string) => Effect.sync(() => void log.push(`-${name}`))

const constructors: ReadonlyArray<Constructor> = [
  {
    name: "AsyncDrop.acquireRelease",
    own: (log, name) =>
      AsyncDrop.acquireRelease(
        Effect.as(acquire(log, name), name),
        () => Effect.andThen(release(log, name), Effect.fail(name)),
        { name }
      ),
    calm: (log, name, then = Effect.void) =>
      AsyncDrop.acquireRelease(
        Effect.as(acquire(log, name), name),
        () => Effect.andThen(release(log, name), then),
        { name }
      )
  },
  {
    name: "AsyncDropGuard.make",
    own: (log, name) =>
      Effect.as(
        AsyncDropGuard.make(
          acquire(log, name),
          () => Effect.andThen(release(log, name), Effect.fail(name)),
          { name }
        ),
        name
      ),
    calm: (log, name, then = Effect.void) =>
      Effect.as(
        AsyncDropGuard.make(acquire(log, name), () => Effect.andThen(release(log, name), then), { name }),
        name
      )
  }
]

class Db extends Context.Service<Db, string>()("test/Db") {}
class App extends Context.Service<App, string>()("test/App") {}

const collectInto = (errors: Errors) => (error: DropError.DropError<unknown>) =>
  Effect.sync(() => void errors.push(error))
const reportingTo = (errors: Errors) => Effect.provideService(DropReporter.DropReporter, collectInto(errors))
const names = (errors: ReadonlyArray<DropError.DropError<unknown>>) => errors.map((error) => error.resource)

/** The resources whose errors a failed exit carries. */
const failedIn = <A, E>(exit: Exit.Exit<A, E>): ReadonlyArray<string> | undefined =>
  Exit.isSuccess(exit)
    ? undefined
    : Option.getOrUndefined(Option.map(DropFailure.fromCause(exit.cause), (failure) => names(failure.errors)))

const tagsOf = <A, E>(exit: Exit.Exit<A, E>): ReadonlyArray<string> =>
  Exit.isSuccess(exit) ? [] : exit.cause.reasons.map((reason) => reason._tag)

for (const { calm, name, own } of constructors) {
  const db = (log: Log) => Layer.effect(Db, own(log, "db"))
  const app = (log: Log) => Layer.effect(App, Effect.andThen(Db, own(log, "app")))

  describe(`${name} in a Layer`, () => {
    it.effect("is released in reverse, and the scope that builds the layer has its errors", () =>
      Effect.gen(function*() {
        const log: Log = []
        const exit = yield* Layer.build(Layer.provideMerge(app(log), db(log))).pipe(
          Effect.tap(() => Effect.sync(() => log.push("body"))),
          AsyncDrop.scoped,
          Effect.exit
        )
        assert.deepStrictEqual(log, ["+db", "+app", "body", "-app", "-db"])
        assert.deepStrictEqual([tagsOf(exit), failedIn(exit)], [["Fail"], ["app", "db"]])
      }))

    it.effect("is acquired and released once where two layers share it", () =>
      Effect.gen(function*() {
        const log: Log = []
        const shared = db(log)
        const both = Layer.merge(Layer.provide(app(log), shared), shared)
        const exit = yield* Effect.exit(AsyncDrop.scoped(Layer.build(both)))
        assert.deepStrictEqual(log, ["+db", "+app", "-app", "-db"])
        assert.deepStrictEqual(failedIn(exit), ["app", "db"])
      }))

    it.effect("is released when a later layer cannot be built", () =>
      Effect.gen(function*() {
        const log: Log = []
        const broken = Layer.effect(App, Effect.andThen(Db, Effect.fail("no app")))
        const exit = yield* Effect.exit(AsyncDrop.scoped(Layer.build(Layer.provide(broken, db(log)))))
        assert.deepStrictEqual(log, ["+db", "-db"])
        assert.deepStrictEqual([tagsOf(exit), failedIn(exit)], [["Fail", "Fail"], ["db"]])
      }))

    it.effect("reports to the policy that its layer was given", () =>
      Effect.gen(function*() {
        const log: Log = []
        const errors: Errors = []
        const layer = Layer.provide(db(log), DropScope.layerReport(collectInto(errors)))
        assert.strictEqual(yield* Effect.provide(Db, layer), "db")
        assert.deepStrictEqual([log, names(errors)], [["+db", "-db"], ["db"]])
      }))

    it.effect("is released when Layer.launch is interrupted", () =>
      Effect.gen(function*() {
        const log: Log = []
        const errors: Errors = []
        const ready = yield* Deferred.make<void>()
        const layer = Layer.provideMerge(app(log), db(log)).pipe(
          Layer.tap(() => Deferred.succeed(ready, undefined)),
          Layer.provide(DropScope.layerReport(collectInto(errors)))
        )
        const fiber = yield* Effect.forkChild(Layer.launch(layer))
        yield* Deferred.await(ready)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(log, ["+db", "+app", "-app", "-db"])
        assert.deepStrictEqual(names(errors), ["app", "db"])
      }))

    it.effect("is released when AsyncDrop.launch is interrupted, and the interrupt carries its errors", () =>
      Effect.gen(function*() {
        const log: Log = []
        const reported: Errors = []
        const ready = yield* Deferred.make<void>()
        const layer = Layer.tap(Layer.provideMerge(app(log), db(log)), () => Deferred.succeed(ready, undefined))
        const fiber = yield* layer.pipe(AsyncDrop.launch, reportingTo(reported), Effect.forkChild)
        yield* Deferred.await(ready)
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        assert.deepStrictEqual(log, ["+db", "+app", "-app", "-db"])
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        assert.deepStrictEqual([failedIn(exit), names(reported)], [["app", "db"], ["app", "db"]])
      }))

    it.effect("is released when AsyncDrop.launch cannot build, which fails with both errors", () =>
      Effect.gen(function*() {
        const log: Log = []
        const broken = Layer.effect(App, Effect.andThen(Db, Effect.fail("no app")))
        const exit = yield* Effect.exit(AsyncDrop.launch(Layer.provide(broken, db(log))))
        assert.deepStrictEqual(log, ["+db", "-db"])
        assert.deepStrictEqual([tagsOf(exit), failedIn(exit)], [["Fail", "Fail"], ["db"]])
      }))
  })

  describe(`${name} in a ManagedRuntime`, () => {
    const runtimeOf = (log: Log, policy: Layer.Layer<DropScope.DropScope<any>>) =>
      ManagedRuntime.make(Layer.provideMerge(app(log), db(log)).pipe(Layer.provideMerge(policy)))

    it.effect("is released in reverse by dispose, and layerReport gets its errors", () =>
      Effect.gen(function*() {
        const log: Log = []
        const errors: Errors = []
        const runtime = runtimeOf(log, DropScope.layerReport(collectInto(errors)))
        assert.strictEqual(yield* Effect.promise(() => runtime.runPromise(App)), "app")
        yield* Effect.promise(() => runtime.dispose())
        assert.deepStrictEqual(log, ["+db", "+app", "-app", "-db"])
        assert.deepStrictEqual(names(errors), ["app", "db"])
      }))

    it.effect("is released once by two disposes", () =>
      Effect.gen(function*() {
        const log: Log = []
        const runtime = runtimeOf(log, DropScope.layerReport(() => Effect.void))
        yield* Effect.promise(() => runtime.runPromise(App))
        yield* Effect.promise(() => Promise.all([runtime.dispose(), runtime.dispose()]))
        assert.deepStrictEqual(log, ["+db", "+app", "-app", "-db"])
      }))

    it.effect("is logged by layerIgnoreLogged, and dispose succeeds", () =>
      Effect.gen(function*() {
        const log: Log = []
        const levels: Array<string> = []
        const logger = Logger.layer([Logger.make(({ logLevel }) => void levels.push(logLevel))])
        const runtime = runtimeOf(log, Layer.provideMerge(DropScope.layerIgnoreLogged, logger))
        yield* Effect.promise(() => runtime.runPromise(App))
        yield* Effect.promise(() => runtime.dispose())
        assert.deepStrictEqual(log, ["+db", "+app", "-app", "-db"])
        assert.deepStrictEqual(levels, ["Warn", "Warn"])
      }))

    it.effect("makes dispose reject by layerOrDie, after every release", () =>
      Effect.gen(function*() {
        const log: Log = []
        const runtime = runtimeOf(log, DropScope.layerOrDie)
        yield* Effect.promise(() => runtime.runPromise(App))
        const thrown = yield* Effect.promise(() => runtime.dispose().then(() => undefined, (error: unknown) => error))
        assert.deepStrictEqual(log, ["+db", "+app", "-app", "-db"])
        assert.instanceOf(thrown, DropFailure.DropFailure)
      }))
  })

  describe(`${name} in a Stream`, () => {
    it.effect("lives as long as the stream that Stream.unwrap makes", () =>
      Effect.gen(function*() {
        const log: Log = []
        const stream = Stream.unwrap(Effect.map(own(log, "file"), () => Stream.make(1, 2)))
        const exit = yield* Stream.runForEach(stream, (n) => Effect.sync(() => log.push(String(n)))).pipe(
          Effect.andThen(Effect.sync(() => log.push("after"))),
          AsyncDrop.scoped,
          Effect.exit
        )
        assert.deepStrictEqual(log, ["+file", "1", "2", "-file", "after"])
        assert.deepStrictEqual([tagsOf(exit), failedIn(exit)], [["Fail"], ["file"]])
      }))

    it.effect("is released where the stream fails or is left early", () =>
      Effect.gen(function*() {
        const log: Log = []
        const open = (name: string, rest: Stream.Stream<number, string>) =>
          Stream.unwrap(Effect.map(own(log, name), () => rest))
        const failed = yield* open("a", Stream.fail("no more")).pipe(Stream.runDrain, AsyncDrop.scoped, Effect.exit)
        const left = yield* open("b", Stream.forever(Stream.make(1))).pipe(
          Stream.take(1),
          Stream.runDrain,
          AsyncDrop.scoped,
          Effect.exit
        )
        assert.deepStrictEqual(log, ["+a", "-a", "+b", "-b"])
        assert.deepStrictEqual([tagsOf(failed), failedIn(failed)], [["Fail", "Fail"], ["a"]])
        assert.deepStrictEqual([tagsOf(left), failedIn(left)], [["Fail"], ["b"]])
      }))

    it.effect("of a scoped stream lives until the stream has ended", () =>
      Effect.gen(function*() {
        const log: Log = []
        const stream = Stream.scoped(Stream.fromEffect(own(log, "file")))
        const exit = yield* Stream.runForEach(stream, (name) => Effect.sync(() => log.push(name))).pipe(
          AsyncDrop.scoped,
          Effect.exit
        )
        assert.deepStrictEqual(log, ["+file", "file", "-file"])
        assert.deepStrictEqual(failedIn(exit), ["file"])
      }))
  })

  describe(`${name} beside scoped fibres`, () => {
    it.effect("is released after the fibre that Effect.forkScoped started later, and before what was acquired earlier", () =>
      Effect.gen(function*() {
        const log: Log = []
        const reported: Errors = []
        const ready = yield* Deferred.make<void>()
        const inner = calm(log, "inner").pipe(
          Effect.andThen(Deferred.succeed(ready, undefined)),
          Effect.andThen(Effect.never),
          Effect.scoped
        )
        const exit = yield* Effect.gen(function*() {
          yield* own(log, "a")
          yield* Effect.forkScoped(inner)
          yield* Deferred.await(ready)
          yield* own(log, "b")
        }).pipe(AsyncDrop.scoped, Effect.exit, reportingTo(reported))
        assert.deepStrictEqual(log, ["+a", "+inner", "+b", "-b", "-inner", "-a"])
        assert.deepStrictEqual([failedIn(exit), names(reported)], [["b", "a"], []])
      }))

    it.effect("of a forked fibre's own scope reports its errors when the outer scope ends the fibre", () =>
      Effect.gen(function*() {
        const log: Log = []
        const reported: Errors = []
        const ready = yield* Deferred.make<void>()
        const inner = own(log, "inner").pipe(
          Effect.andThen(Deferred.succeed(ready, undefined)),
          Effect.andThen(Effect.never),
          AsyncDrop.scoped
        )
        const exit = yield* Effect.gen(function*() {
          yield* Effect.forkScoped(inner)
          yield* Deferred.await(ready)
        }).pipe(AsyncDrop.scoped, Effect.exit, reportingTo(reported))
        assert.deepStrictEqual(log, ["+inner", "-inner"])
        assert.deepStrictEqual([exit, names(reported)], [Exit.void, ["inner"]])
      }))

    it.effect("is released once for each fibre of a FiberMap, when it is replaced and when the map closes", () =>
      Effect.gen(function*() {
        const log: Log = []
        const exit = yield* Effect.gen(function*() {
          const map = yield* FiberMap.make<string>()
          const hold = (name: string) =>
            Effect.gen(function*() {
              const ready = yield* Deferred.make<void>()
              const held = own(log, name).pipe(
                Effect.andThen(Deferred.succeed(ready, undefined)),
                Effect.andThen(Effect.never),
                Effect.scoped
              )
              const fiber = yield* FiberMap.run(map, "key", held)
              yield* Deferred.await(ready)
              return fiber
            })
          const first = yield* hold("first")
          yield* hold("second")
          yield* Fiber.await(first)
        }).pipe(AsyncDrop.scoped, Effect.exit)
        assert.deepStrictEqual(log.toSorted(), ["+first", "+second", "-first", "-second"])
        assert.deepStrictEqual([tagsOf(exit), failedIn(exit)], [["Fail"], ["first", "second"]])
      }))
  })

  describe(`${name} in a Pool or a LayerMap`, () => {
    it.effect("is released once for each item when the pool closes, and the scope of the pool has its errors", () =>
      Effect.gen(function*() {
        const log: Log = []
        let made = 0
        const exit = yield* Effect.gen(function*() {
          const pool = yield* Pool.make({ acquire: Effect.suspend(() => own(log, `item ${++made}`)), size: 2 })
          yield* Effect.scoped(Effect.andThen(Pool.get(pool), Pool.get(pool)))
          log.push("body")
        }).pipe(AsyncDrop.scoped, Effect.exit)
        assert.deepStrictEqual(log.slice(0, 3), ["+item 1", "+item 2", "body"])
        assert.deepStrictEqual(log.slice(3).toSorted(), ["-item 1", "-item 2"])
        assert.deepStrictEqual([tagsOf(exit), failedIn(exit)?.toSorted()], [["Fail"], ["item 1", "item 2"]])
      }))

    it.effect("is released once when a pool's item is invalidated, and so is the item that takes its place", () =>
      Effect.gen(function*() {
        const log: Log = []
        let made = 0
        const exit = yield* Effect.gen(function*() {
          const pool = yield* Pool.make({ acquire: Effect.suspend(() => own(log, `item ${++made}`)), size: 1 })
          yield* Effect.scoped(Effect.flatMap(Pool.get(pool), (item) => Pool.invalidate(pool, item)))
          yield* Effect.scoped(Pool.get(pool))
        }).pipe(AsyncDrop.scoped, Effect.exit)
        assert.deepStrictEqual(log.toSorted(), ["+item 1", "+item 2", "-item 1", "-item 2"])
        assert.deepStrictEqual(failedIn(exit), ["item 1", "item 2"])
      }))

    it.effect("is released when its last user leaves a LayerMap, and the scope of the map has its errors", () =>
      Effect.gen(function*() {
        const log: Log = []
        const exit = yield* Effect.gen(function*() {
          const map = yield* LayerMap.make((key: string) => Layer.effect(Db, own(log, key)))
          const query = Effect.andThen(Db, (db) => Effect.sync(() => log.push(`query ${db}`)))
          yield* Effect.provide(Effect.andThen(query, query), map.get("a"))
          yield* Effect.provide(query, map.get("b"))
          log.push("body")
        }).pipe(AsyncDrop.scoped, Effect.exit)
        assert.deepStrictEqual(log, ["+a", "query a", "query a", "-a", "+b", "query b", "-b", "body"])
        assert.deepStrictEqual([tagsOf(exit), failedIn(exit)], [["Fail"], ["a", "b"]])
      }))

    it.effect("is released when a LayerMap closes that keeps it idle", () =>
      Effect.gen(function*() {
        const log: Log = []
        const exit = yield* Effect.gen(function*() {
          const map = yield* LayerMap.make((key: string) => Layer.effect(Db, own(log, key)), {
            idleTimeToLive: "1 minute"
          })
          yield* Effect.provide(Db, map.get("a"))
          log.push("body")
        }).pipe(AsyncDrop.scoped, Effect.exit)
        assert.deepStrictEqual(log, ["+a", "body", "-a"])
        assert.deepStrictEqual(failedIn(exit), ["a"])
      }))
  })

  describe(`${name} in an HttpRouter handler`, () => {
    const served = (routes: Layer.Layer<never, never, HttpRouter.HttpRouter>, path: string) =>
      Effect.gen(function*() {
        const response = yield* HttpClient.get(path)
        return [response.status, yield* response.text] as const
      }).pipe(
        Effect.provide(
          HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
            Layer.provideMerge(NodeHttpServer.layerTest)
          )
        )
      )

    it.live("is released before the handler of a scope of its own has answered", () =>
      Effect.gen(function*() {
        const log: Log = []
        const routes = HttpRouter.add(
          "GET",
          "/",
          own(log, "file").pipe(
            Effect.andThen(Effect.sync(() => log.push("handler"))),
            AsyncDrop.scoped,
            Effect.as("clean"),
            Effect.catchTag("DropFailure", (failure) => Effect.succeed(`not clean: ${names(failure.errors)}`)),
            Effect.map((text) => HttpServerResponse.text(text))
          )
        )
        assert.deepStrictEqual(yield* served(routes, "/"), [200, "not clean: file"])
        assert.deepStrictEqual(log, ["+file", "handler", "-file"])
      }))

    it.live("is released with the scope of the request, and the policy that the routes are given has its errors", () =>
      Effect.gen(function*() {
        const log: Log = []
        const errors: Errors = []
        const released = yield* Deferred.make<void>()
        const routes = HttpRouter.add(
          "GET",
          "/",
          Effect.andThen(
            own(log, "file"),
            Effect.sync(() => {
              log.push("handler")
              return HttpServerResponse.text("sent")
            })
          )
        ).pipe(
          HttpRouter.provideRequest(
            DropScope.layerReport((error) =>
              Effect.andThen(collectInto(errors)(error), Deferred.succeed(released, undefined))
            )
          )
        )
        const answer = yield* Effect.provide(
          Effect.gen(function*() {
            const text = yield* Effect.flatMap(HttpClient.get("/"), (response) => response.text)
            yield* Deferred.await(released)
            return text
          }),
          HttpRouter.serve(routes, { disableListenLog: true, disableLogger: true }).pipe(
            Layer.provideMerge(NodeHttpServer.layerTest)
          )
        )
        assert.strictEqual(answer, "sent")
        assert.deepStrictEqual([log, names(errors)], [["+file", "handler", "-file"], ["file"]])
      }))
  })

  describe(`${name} in a plain scope`, () => {
    it.effect("is released by Effect.scoped in reverse, among plain finalizers, with the exit of the body", () =>
      Effect.gen(function*() {
        const log: Log = []
        const errors: Errors = []
        const exit = yield* Effect.gen(function*() {
          const finalizer = (n: number) =>
            Effect.addFinalizer((exit) => Effect.sync(() => log.push(`${n} ${exit._tag}`)))
          yield* own(log, "a")
          yield* finalizer(1)
          yield* own(log, "b")
          yield* finalizer(2)
          yield* own(log, "c")
          return yield* Effect.fail("body")
        }).pipe(Effect.scoped, Effect.provide(DropScope.layerReport(collectInto(errors))), Effect.exit)
        assert.deepStrictEqual(log, ["+a", "+b", "+c", "-c", "2 Failure", "-b", "1 Failure", "-a"])
        assert.deepStrictEqual([exit, names(errors)], [Exit.fail("body"), ["c", "b", "a"]])
      }))

    it.effect("gives its defects to the reporter where no DropScope is asked for", () =>
      Effect.gen(function*() {
        const log: Log = []
        const reported: Errors = []
        const exit = yield* calm(log, "a", Effect.die("bug")).pipe(Effect.scoped, Effect.exit, reportingTo(reported))
        assert.deepStrictEqual([exit, log, names(reported)], [Exit.succeed("a"), ["+a", "-a"], ["a"]])
      }))

    it.effect("is released side by side by a parallel scope, and no error is lost", () =>
      Effect.gen(function*() {
        const log: Log = []
        const scope = yield* Scope.make("parallel")
        const a = yield* Deferred.make<void>()
        const b = yield* Deferred.make<void>()
        const meet = (mine: Deferred.Deferred<void>, other: Deferred.Deferred<void>) =>
          Effect.andThen(Deferred.succeed(mine, undefined), Deferred.await(other))
        const exit = yield* Effect.gen(function*() {
          yield* Effect.gen(function*() {
            yield* own(log, "first")
            yield* calm(log, "a", meet(a, b))
            yield* calm(log, "b", meet(b, a))
            yield* own(log, "last")
          }).pipe(Scope.provide(scope))
          yield* Scope.close(scope, Exit.void)
        }).pipe(AsyncDrop.scoped, Effect.exit)
        assert.deepStrictEqual(log.slice(0, 4), ["+first", "+a", "+b", "+last"])
        assert.deepStrictEqual(log.slice(4).toSorted(), ["-a", "-b", "-first", "-last"])
        assert.deepStrictEqual(failedIn(exit)?.toSorted(), ["first", "last"])
      }))

    it.effect("makes a parallel scope die of one DropFailure by layerOrDie", () =>
      Effect.gen(function*() {
        const log: Log = []
        const scope = yield* Scope.make("parallel")
        yield* Effect.andThen(own(log, "a"), own(log, "b")).pipe(
          Scope.provide(scope),
          Effect.provide(DropScope.layerOrDie)
        )
        const exit = yield* Effect.exit(Scope.close(scope, Exit.void))
        assert.deepStrictEqual([tagsOf(exit), failedIn(exit)?.toSorted()], [["Die"], ["a", "b"]])
      }))

    it.effect("of a child scope is released where the child stands in its parent", () =>
      Effect.gen(function*() {
        const log: Log = []
        const exit = yield* Effect.gen(function*() {
          const parent = yield* Effect.scope
          yield* own(log, "a")
          const child = yield* Scope.fork(parent)
          yield* own(log, "b")
          yield* Effect.andThen(own(log, "child 1"), own(log, "child 2")).pipe(Scope.provide(child))
        }).pipe(AsyncDrop.scoped, Effect.exit)
        assert.deepStrictEqual(log, ["+a", "+b", "+child 1", "+child 2", "-b", "-child 2", "-child 1", "-a"])
        assert.deepStrictEqual(failedIn(exit), ["b", "child 2", "child 1", "a"])
      }))

    it.effect("of a child scope that was closed early is not released again by the parent", () =>
      Effect.gen(function*() {
        const log: Log = []
        const exit = yield* Effect.gen(function*() {
          const parent = yield* Effect.scope
          yield* own(log, "a")
          const child = yield* Scope.fork(parent)
          yield* own(log, "child").pipe(Scope.provide(child))
          yield* Scope.close(child, Exit.void)
          log.push("body")
        }).pipe(AsyncDrop.scoped, Effect.exit)
        assert.deepStrictEqual(log, ["+a", "+child", "-child", "body", "-a"])
        assert.deepStrictEqual(failedIn(exit), ["child", "a"])
      }))
  })
}
