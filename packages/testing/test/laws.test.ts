// The laws find what is broken: each is asked about constructors that break one rule.
import { AsyncDrop, AsyncDropGuard, type DropScope } from "@async-drop/core"
import { DropLaws, DropLeak, type Probe } from "@async-drop/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, type Scope } from "effect"

type Held = Probe.Held<unknown>
type Guard = AsyncDropGuard.AsyncDropGuard<Held, unknown>
type Made<A> = Effect.Effect<A, unknown, Scope.Scope | DropScope.DropScope<unknown>>

const guard: DropLaws.Scoped<Guard> = {
  make: (source) => AsyncDropGuard.make(source.acquire, source.release),
  drop: (a) => AsyncDropGuard.drop(a),
  use: (a, body) => AsyncDropGuard.use(a, body)
}

const resource: DropLaws.Scoped<Held> = {
  make: (source) => AsyncDrop.acquireRelease(source.acquire, source.release)
}

const scoped = (make: (source: Probe.Source<any, any>) => Made<Held>): DropLaws.Scoped<Held> => ({ make }) // any: as laws do

/** The facts that do not hold of a subject. */
const broken = (laws: ReadonlyArray<DropLaws.Law>, limit: "200 millis" | "10 seconds" = "200 millis") =>
  Effect.map(
    Effect.forEach(laws, ({ fact, holds }) =>
      Effect.map(
        Effect.exit(Effect.timeoutOrElse(DropLeak.check(holds), {
          duration: limit,
          orElse: () => Effect.die("hangs")
        })),
        (exit) => Exit.isSuccess(exit) ? [] : [fact]
      )),
    (facts) => facts.flat()
  )

const finds = (
  name: string,
  laws: ReadonlyArray<DropLaws.Law>,
  ...facts: ReadonlyArray<string>
) => it.live(name, () => Effect.map(broken(laws), (found) => assert.includeMembers([...found], [...facts])))

describe("DropLaws", () => {
  it.live("hold of what is whole", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* broken(DropLaws.laws(guard), "10 seconds"), [])
      assert.deepStrictEqual(yield* broken(DropLaws.laws(resource), "10 seconds"), [])
    }))

  it.effect("are asked according to what there is", () =>
    Effect.sync(() => {
      const count = (laws: ReadonlyArray<DropLaws.Law>) => laws.length
      const around = count(DropLaws.laws({ around: (_source, body) => body }))
      const bare = count(DropLaws.laws(resource))
      assert.isBelow(around, bare)
      assert.isBelow(count(DropLaws.laws({ ...resource, moved: true })), bare)
      const { drop, make } = guard
      assert.isBelow(bare, count(DropLaws.laws({ make, drop })))
      assert.isBelow(count(DropLaws.laws({ make, drop })), count(DropLaws.laws(guard)))
    }))

  finds(
    "find a release that is forgotten",
    DropLaws.laws(scoped((source) => source.acquire)),
    "releases once after a body that succeeds, and tells it the exit",
    "releases once after a body that fails, and tells it the exit",
    "releases once after a body that dies, and tells it the exit",
    "releases once after a body that is interrupted, and tells it the exit",
    "releases once, at whatever step it is interrupted",
    "releases last in, first out",
    "keeps the body's failure first, and every drop error beside it",
    "releases the others when one release fails, and says so",
    "releases the others when one release dies, and says so",
    "releases the others when one release throws, and says so",
    "holds a thousand at once",
    "stands among the plain finalizers of its scope, last in, first out",
    "acquires nothing in a scope that is closed, and interrupts",
    "releases, then interrupts, when its scope closes during the acquire"
  )

  finds(
    "find a release that nobody waits for",
    DropLaws.laws(
      scoped((source) =>
        AsyncDrop.acquireRelease(source.acquire, (held, exit) => Effect.forkDetach(source.release(held, exit)))
      )
    ),
    "returns only after the release has ended, also when interrupted meanwhile"
  )

  finds(
    "find an error that is swallowed",
    DropLaws.laws(
      scoped((source) =>
        AsyncDrop.acquireRelease(
          source.acquire,
          (held, exit) => Effect.ignoreCause(Effect.suspend(() => source.release(held, exit)))
        )
      )
    ),
    "keeps the body's failure first, and every drop error beside it",
    "releases the others when one release fails, and says so",
    "releases the others when one release dies, and says so",
    "releases the others when one release throws, and says so"
  )

  finds(
    "find a release that is not told the exit",
    DropLaws.laws(scoped((source) => AsyncDrop.acquireRelease(source.acquire, (held) => source.release(held)))),
    "releases once after a body that fails, and tells it the exit",
    "releases, then interrupts, when its scope closes during the acquire"
  )

  finds(
    "find a release of what was never acquired",
    DropLaws.laws({
      around: (source, body) =>
        Effect.flatMap(Effect.exit(source.acquire), (exit) =>
          Exit.isSuccess(exit)
            ? Effect.ensuring(body, Effect.ignore(source.release(exit.value)))
            : Effect.andThen(Effect.ignoreCause(source.release({ id: 1 } as Held)), Exit.failCause(exit.cause))) // only its id is read
    }),
    "releases nothing when the acquire fails",
    "releases nothing when the acquire dies",
    "releases nothing when the acquire throws"
  )

  finds(
    "find a missing mask between acquire and registration",
    DropLaws.laws(
      scoped((source) =>
        Effect.flatMap(
          source.acquire,
          (held) => AsyncDrop.acquireRelease(Effect.succeed(held), source.release, { interruptible: true })
        )
      )
    ),
    "releases once, at whatever step it is interrupted"
  )

  finds(
    "find a guard whose drop does not join",
    DropLaws.laws<{ readonly guard: Guard; dropped: boolean }>({
      make: (source) =>
        Effect.map(AsyncDropGuard.make(source.acquire, source.release), (guard) => ({ guard, dropped: false })),
      drop: (a) =>
        Effect.suspend(() => {
          if (a.dropped) return Effect.void
          a.dropped = true
          return AsyncDropGuard.drop(a.guard)
        })
    }),
    "lets everyone who drops it wait for the same end, and hear of the same error"
  )

  finds(
    "find a drop that an interrupt cuts short",
    DropLaws.laws<Guard>({
      ...guard,
      drop: (a) => Effect.flatMap(Effect.forkDetach(AsyncDropGuard.drop(a), { startImmediately: true }), Fiber.join)
    }),
    "lets everyone who drops it wait for the same end, and hear of the same error"
  )

  finds(
    "find a guard that is released anew by each drop",
    DropLaws.laws<readonly [Held, Probe.Source<unknown, unknown>]>({
      make: (source) => Effect.map(AsyncDrop.acquireRelease(source.acquire, source.release), (held) => [held, source]),
      drop: ([held, source]) => source.release(held)
    }),
    "releases once when it is dropped twice, side by side and by its scope",
    "gives an error to who dropped it, and not to its scope again",
    "releases once, at whatever step its drop is interrupted",
    "leaves nothing in a long-lived scope when it is dropped early"
  )

  finds(
    "find a use that a drop does not wait for",
    DropLaws.laws<Guard>({
      ...guard,
      use: (a, body) => Effect.flatMap(AsyncDropGuard.get(a), body)
    }),
    "is released only after the uses begun have ended, and refuses new ones",
    "says so, and does not hang, when it is dropped inside its own use"
  )

  it.live("say what is broken", () =>
    Effect.gen(function*() {
      const law = DropLaws.laws(scoped((source) => source.acquire)).find((law) => law.rule === 5)!
      const exit = yield* Effect.exit(law.holds)
      assert.strictEqual(
        Exit.isFailure(exit) && (Cause.squash(exit.cause) as Error).message.split("\n")[0], // a DropAssertionError
        "a was never released, b was never released, c was never released"
      )
    }))
})
