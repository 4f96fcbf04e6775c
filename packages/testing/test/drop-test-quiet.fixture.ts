// Programs that leave nothing behind, of many kinds: `drop-test-quiet.test.ts` runs them over and over.
import { AsyncDrop, AsyncDropGuard } from "@async-drop/core"
import { it } from "@async-drop/testing"
import { describe } from "@effect/vitest"
import {
  Deferred,
  Effect,
  Fiber,
  FiberSet,
  Latch,
  Layer,
  PubSub,
  Queue,
  RcMap,
  Schedule,
  Scope,
  Semaphore,
  Stream
} from "effect"
import { TestClock } from "effect/testing"

const rounds = Number(process.env["QUIET_ROUNDS"] ?? 1)

const tick = Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, 1)))
const resource = (release: Effect.Effect<unknown> = Effect.void) => AsyncDrop.acquireRelease(tick, () => release)
const guard = (release: Effect.Effect<unknown> = Effect.void) => AsyncDropGuard.makeUnscoped(tick, () => release)

/** Those that need no clock of the test. */
const programs: Record<string, Effect.Effect<unknown, unknown, Scope.Scope>> = {
  nothing: Effect.void,
  "a promise": tick,
  "a resource": resource(tick),
  "many resources": Effect.forEach(Array.from({ length: 50 }), () => resource(), { concurrency: "unbounded" }),
  "a guard": Effect.flatMap(guard(tick), AsyncDropGuard.drop),
  "a guard dropped from two fibres": Effect.flatMap(
    guard(tick),
    (a) => Effect.all([AsyncDropGuard.drop(a), AsyncDropGuard.drop(a)], { concurrency: "unbounded" })
  ),
  "a guard moved": Effect.flatMap(
    Effect.all([guard(), Effect.scope]),
    ([a, scope]) => AsyncDropGuard.transfer(a, scope)
  ),
  "an interrupted use": Effect.gen(function*() {
    const a = yield* AsyncDropGuard.make(tick, () => tick)
    const fiber = yield* Effect.forkChild(AsyncDropGuard.use(a, () => Effect.never))
    yield* tick
    yield* Fiber.interrupt(fiber)
  }),
  "a child that never ends": Effect.forkChild(Effect.never),
  "a child that has not begun": Effect.forkChild(tick),
  "a scoped fibre": Effect.forkScoped(Effect.ensuring(Effect.never, tick), { startImmediately: true }),
  "a detached fibre that is joined": Effect.flatMap(Effect.forkDetach(tick), Fiber.join),
  "a detached fibre that ends soon": Effect.forkDetach(Effect.andThen(tick, tick)),
  "a set of fibres": Effect.flatMap(
    FiberSet.make(),
    (set) => Effect.andThen(FiberSet.run(set, Effect.never), FiberSet.run(set, tick))
  ),
  "a race": Effect.race(tick, Effect.never),
  "a latch": Effect.gen(function*() {
    const latch = yield* Latch.make()
    const fiber = yield* Effect.forkChild(latch.await)
    yield* latch.open
    yield* Fiber.join(fiber)
  }),
  "a semaphore": Effect.flatMap(
    Semaphore.make(2),
    (semaphore) => Effect.forEach([1, 2, 3, 4], () => semaphore.withPermits(1)(tick), { concurrency: "unbounded" })
  ),
  "a queue": Effect.gen(function*() {
    const queue = yield* Queue.unbounded<number>()
    yield* Effect.forkScoped(Effect.forever(Queue.take(queue)))
    yield* Queue.offer(queue, 1)
  }),
  "a hub": Effect.gen(function*() {
    const hub = yield* PubSub.unbounded<number>()
    const subscription = yield* PubSub.subscribe(hub)
    yield* PubSub.publish(hub, 1)
    yield* PubSub.take(subscription)
  }),
  "a stream": Stream.range(1, 20).pipe(Stream.mapEffect(() => tick, { concurrency: 5 }), Stream.runDrain),
  "a merged stream": Stream.merge(Stream.fromEffect(tick), Stream.never).pipe(Stream.take(1), Stream.runDrain),
  "a map": Effect.gen(function*() {
    const map = yield* RcMap.make({ lookup: (_: string) => resource(tick), idleTimeToLive: "1 minute" })
    yield* Effect.scoped(Effect.forEach(["a", "b", "a"], (key) => RcMap.get(map, key), { concurrency: 3 }))
  }),
  "a layer": Effect.provide(Effect.void, Layer.effectDiscard(Effect.forkScoped(Effect.never))),
  "a cached effect": Effect.flatMap(
    Effect.cached(tick),
    (cached) => Effect.all([cached, cached], { concurrency: "unbounded" })
  ),
  "a retry": Effect.ignore(Effect.retry(Effect.fail("no"), Schedule.recurs(5))),
  "a failure that is handled": AsyncDrop.scoped(Effect.andThen(resource(), Effect.fail("no"))).pipe(Effect.ignore),
  "a runner": Effect.flatMap(
    Effect.context<never>(),
    (context) => Effect.promise(() => Effect.runPromiseWith(context)(tick))
  ),
  "a handover": Effect.gen(function*() {
    const deferred = yield* Deferred.make<number>()
    yield* Effect.forkDetach(Deferred.succeed(deferred, 1))
    yield* Deferred.await(deferred)
  })
}

const onTheClock: Record<string, Effect.Effect<unknown, unknown, Scope.Scope>> = {
  "a sleeper that is left": Effect.andThen(Effect.forkChild(Effect.sleep("1 hour")), Effect.yieldNow),
  "a sleeper that wakes": Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.sleep("1 hour"))
    yield* TestClock.adjust("1 hour")
    yield* Fiber.join(fiber)
  }),
  "a timeout on the clock": Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.ignore(Effect.timeout(Effect.never, "1 hour")))
    yield* TestClock.adjust("1 hour")
    yield* Fiber.join(fiber)
  }),
  "a schedule": Effect.gen(function*() {
    yield* Effect.forkScoped(Effect.repeat(resource(), Schedule.spaced("1 second")))
    yield* TestClock.adjust("10 seconds")
  })
}

for (let round = 0; round < rounds; round++) {
  describe(`round ${round}`, { concurrent: round % 2 === 1 }, () => {
    for (const [name, program] of Object.entries(programs)) {
      it.drop(name, () => program)
      it.dropLive(`${name}, live`, () => program)
    }
    for (const [name, program] of Object.entries(onTheClock)) it.drop(name, () => program)
    it.dropLive("a timeout, live", () => Effect.ignore(Effect.timeout(Effect.never, 1)))
    it.dropLive("a schedule, live", () => Effect.forkScoped(Effect.repeat(resource(), Schedule.spaced(1))))
  })
}
