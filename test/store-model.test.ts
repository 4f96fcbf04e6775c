// Random programs over a store with four keys, which may need each other, against a model of plain objects, on Effect's
// own scheduler with few and with many operations in a turn: whenever all is quiet, both say the same.
import {
  AsyncDrop,
  AsyncDropGuard,
  ConcurrentStore,
  DropCycle,
  DropFailure,
  DropReporter,
  DropScope
} from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Scheduler, Scope } from "effect"
import * as fc from "fast-check"
import { type Limits, Model } from "./support/store-model.ts"

interface Line {
  readonly command: (typeof commands)[number]
  readonly client: number
  readonly key: number
}

interface Program extends Limits {
  readonly ops: number
  readonly lines: ReadonlyArray<Line>
}

const commands = [
  "get",
  "get",
  "get",
  "getOption",
  "insertLoading",
  "leave",
  "leave",
  "leave",
  "load well",
  "load well",
  "load badly",
  "insert",
  "invalidate",
  "request",
  "move"
] as const

const keys = [0, 1, 2, 3]

const linesOf = (among: ReadonlyArray<Line["command"]>): fc.Arbitrary<ReadonlyArray<Line>> =>
  fc.array(
    fc.record({ command: fc.constantFrom(...among), client: fc.nat(7), key: fc.nat(3) }),
    { minLength: 1, maxLength: 24, size: "max" }
  )
const lines = linesOf(commands)
const onFull = fc.constantFrom("wait", "fail")
const ops = fc.constantFrom(3, 4, 5, 7, 16, 64)

/** Keys that do not know each other. */
const apart: fc.Arbitrary<Program> = fc.record({
  rests: fc.boolean(),
  capacity: fc.constantFrom(1, 2, Infinity),
  onFull,
  ops,
  needs: fc.constant(keys.map(() => [])),
  keeps: fc.constant(keys.map(() => false)),
  lines
})

/** A chain, a diamond, or as it comes: circles too. */
const needs = fc.oneof(
  fc.constant([[], [0], [1], [2]]),
  fc.constant([[], [0], [0], [1, 2]]),
  fc.tuple(...keys.map(() => fc.uniqueArray(fc.nat(3), { maxLength: 2 })))
)

const dependent: fc.Arbitrary<Program> = fc.record({
  rests: fc.boolean(),
  capacity: fc.constant(Infinity),
  onFull,
  ops,
  needs,
  keeps: fc.constant(keys.map(() => true)),
  // Who comes first, where a value is moved to a key that is freed by the same step, is told by the length of a turn.
  lines: linesOf(commands.filter((command) => command !== "move"))
})

/** So is who gets the room, or finds what is used for a moment only: here each goes as far as it can. */
const cramped: fc.Arbitrary<Program> = fc.record({
  rests: fc.constant(false),
  capacity: fc.constantFrom(1, 2, 3, Infinity),
  onFull,
  ops: fc.constant(2_048),
  needs,
  keeps: fc.tuple(...keys.map(() => fc.boolean())),
  lines
})

/** Effect's own scheduler; its turns come when they are asked for. */
class Turns {
  private readonly pending: Array<() => void> = []
  readonly scheduler = new Scheduler.MixedScheduler("async", (turn) => {
    this.pending.push(turn)
    return () => {}
  })
  /** Goes on until nothing is left to do. */
  rest(): void {
    for (let turn = this.pending.shift(); turn !== undefined; turn = this.pending.shift()) turn()
  }
}

const told: Array<string> = []
const tell = ({ cause }: { readonly cause: Cause.Cause<unknown> }) =>
  Effect.sync(() => void told.push(...lostIn(cause)))
const sink = Context.add(
  Effect.runSync(Effect.scoped(Layer.build(DropScope.layerReport(tell)))),
  DropReporter.DropReporter,
  tell
)

const lostIn = (cause: Cause.Cause<unknown>): ReadonlyArray<string> =>
  cause.reasons.flatMap((reason) => reason._tag === "Fail" ? [String(reason.error)] : [])

/** What a client came to, in the words of the model. */
const ended = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return Option.isOption(exit.value) && Option.isNone(exit.value) ? "none" : "holds"
  if (Cause.hasInterrupts(exit.cause)) return "interrupted"
  const error = exit.cause.reasons[0]!._tag === "Fail" ? exit.cause.reasons[0]!.error : undefined
  if (error === "failed") return "failed"
  if (exit.cause.reasons[0]!._tag === "Die") {
    return exit.cause.reasons[0]!.defect instanceof DropCycle.DropCycle
      ? "cycle"
      : "dies"
  }
  return error instanceof Cause.ExceededCapacityError ? "full" : "refused"
}

class Run {
  readonly turns = new Turns()
  readonly log: ReadonlyArray<Array<string>> = keys.map(() => [])
  readonly released: Array<string> = []
  readonly heard: Array<string> = []
  readonly loads: Array<Deferred.Deferred<void, string> | undefined> = []
  readonly clients: Array<string> = []
  readonly requests: Array<string> = []
  readonly scopes: Array<Scope.Closeable> = []
  readonly fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  private readonly context: Context.Context<DropScope.DropScope<string>>
  readonly store: ConcurrentStore.ConcurrentStore<number, number, string | Cause.ExceededCapacityError, string>
  readonly scope = Scope.makeUnsafe()
  private readonly program: Program
  private made = 0

  constructor(program: Program) {
    const { capacity, onFull, ops, rests } = this.program = program
    this.context = Context.add(
      Context.add(sink, Scheduler.Scheduler, this.turns.scheduler),
      Scheduler.MaxOpsBeforeYield,
      ops
    )
    this.store = this.do(Scope.provide(
      ConcurrentStore.make({
        lookup: (key: number) => this.load(key),
        capacity,
        onFull,
        idleTimeToLive: rests ? Infinity : 0
      }),
      this.scope
    ))
  }

  fork<A, E>(effect: Effect.Effect<A, E, DropScope.DropScope<string>>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** Runs it, and all that comes of it, to the end. */
  do<A>(effect: Effect.Effect<A, never, DropScope.DropScope<string>>): A {
    const fiber = this.fork(effect)
    this.turns.rest()
    const exit = fiber.pollUnsafe()
    if (exit?._tag !== "Success") throw new Error(`it does not end: ${exit}`)
    return exit.value
  }

  /** Each other release fails. */
  part(key: number) {
    const id = this.made++
    const fails = id % 2 === 0 ? Effect.fail(`lost ${id}`) : Effect.void
    return {
      acquire: Effect.succeed(id),
      release: () =>
        Effect.suspend(() => {
          this.log[key]!.push("release")
          if (id % 2 === 0) this.released.push(`lost ${id}`)
          return fails
        })
    }
  }

  load(key: number): Effect.Effect<
    number,
    string | Cause.ExceededCapacityError,
    Scope.Scope | DropScope.DropScope<string>
  > {
    const { keeps, needs } = this.program
    const need = (other: number): ReturnType<Run["load"]> => {
      if (keeps[key]!) return ConcurrentStore.get(this.store, other)
      return Effect.catch(ConcurrentStore.use(this.store, other, Effect.succeed), (error) => {
        if (!(error instanceof DropFailure.DropFailure)) return Effect.fail(error)
        this.heard.push(...error.errors.flatMap(({ cause }) => lostIn(cause)))
        return Effect.succeed(0)
      })
    }
    const body = Effect.suspend(() => {
      this.log[key]!.push("load")
      const loaded = this.loads[key] = Deferred.makeUnsafe<void, string>()
      return Effect.flatMap(
        Effect.onInterrupt(Deferred.await(loaded), () => Effect.sync(() => void this.log[key]!.push("stopped"))),
        () => {
          const { acquire, release } = this.part(key)
          return AsyncDrop.acquireRelease(acquire, release)
        }
      )
    })
    return Effect.andThen(Effect.forEach(needs[key]!, need), body)
  }

  client(id: number, borrow: Effect.Effect<unknown, unknown, Scope.Scope | DropScope.DropScope<string>>): void {
    const scope = this.scopes[id] = Scope.makeUnsafe()
    this.clients[id] = "waits"
    const fiber = this.fibers[id] = this.fork(Scope.provide(borrow, scope))
    fiber.addObserver((exit) => this.clients[id] = ended(exit))
  }

  request(key: number, to?: number): void {
    const id = this.requests.push("waits") - 1
    let answer = "already"
    const asked = ConcurrentStore.requestImmediateDrop(this.store, key, (guard) => {
      answer = Option.isSome(guard) ? "some" : "none"
      if (Option.isNone(guard) || to === undefined) return Effect.void
      return Effect.match(ConcurrentStore.insert(this.store, to, guard.value), {
        onSuccess: () => void (answer = "moved"),
        onFailure: ({ reason }) => void (answer = reason)
      })
    })
    this.fork(asked).addObserver((exit) => {
      this.requests[id] = answer
      const failure = Exit.isFailure(exit) ? DropFailure.fromCause(exit.cause) : Option.none()
      if (Option.isSome(failure)) this.heard.push(...failure.value.errors.flatMap(({ cause }) => lostIn(cause)))
    })
  }
}

const words = (run: Run, model: Model) => {
  const real = keys.map((key) => ConcurrentStore.state(run.store, key))
  const say = (...all: ReadonlyArray<ReadonlyArray<unknown>>) => all.map((each) => each.join(" ")).join("; ")
  return [
    say(real, run.clients, run.requests, ...run.log),
    say(model.keys.map(({ state }) => state), model.clients, model.requests, ...model.log)
  ] as const
}

const execute = (program: Program): void => {
  told.length = 0
  const run = new Run(program)
  const model = new Model(program)
  const at = new Map<number, number>()
  const done: Array<string> = []
  const say = () => `after\n  ${done.join("\n  ")}\n`
  let clients = 0
  const { store } = run

  const go = ({ client, command, key }: Line) => {
    const open = [...at.keys()].filter((id) => model.clients[id] === "waits" || model.clients[id] === "holds")
    const one = open[client % open.length]
    switch (command) {
      case "get":
      case "getOption":
      case "insertLoading": {
        if (open.length > 7) return
        const id = clients++
        at.set(id, key)
        if (command === "get") {
          model.borrow(id, key)
          run.client(id, ConcurrentStore.get(store, key))
        } else if (command === "getOption") {
          model.option(id, key)
          run.client(id, ConcurrentStore.getOption(store, key))
        } else {
          model.insertLoading(id, key)
          run.client(id, ConcurrentStore.insertLoading(store, key, run.load(key)))
        }
        break
      }
      case "leave": {
        if (one === undefined) return
        const held = model.clients[one] === "holds"
        model.leave(one, at.get(one)!)
        if (held) {
          run.do(Scope.close(run.scopes[one]!, Exit.void))
          run.clients[one] = "done"
        } else run.fork(Fiber.interrupt(run.fibers[one]!))
        break
      }
      case "load well":
      case "load badly": {
        const well = command === "load well"
        if (!model.settle(key, well)) return
        Deferred.doneUnsafe(run.loads[key]!, well ? Exit.void : Exit.fail("failed"))
        break
      }
      case "insert": {
        const { acquire, release } = run.part(key)
        const guard = run.do(AsyncDropGuard.makeUnscoped(acquire, release))
        const expected = model.insert(key)
        const inserted = run.do(Effect.match(ConcurrentStore.insert(store, key, guard), {
          onSuccess: () => "ok",
          onFailure: ({ reason }) => reason
        }))
        assert.strictEqual(inserted, expected, say())
        // What is refused was never in the store.
        if (inserted !== "ok") run.do(Effect.ignore(AsyncDropGuard.unwrap(guard)))
        break
      }
      case "invalidate": {
        model.invalidate(key)
        run.do(ConcurrentStore.invalidate(store, key))
        break
      }
      case "request": {
        model.request(key)
        run.request(key)
        break
      }
      case "move": {
        model.request(key, client % keys.length)
        run.request(key, client % keys.length)
        break
      }
    }
    run.turns.rest()
    model.rest()
    const [real, expected] = words(run, model)
    done.push(`${command} ${command === "leave" ? one : key} => ${expected}`)
    if (real !== expected) assert.strictEqual(real, expected, say())
    assert.isAtMost(model.live, program.capacity, say())
  }
  for (const line of program.lines) go(line)
  // Everyone goes; then nothing is left of what went.
  while (model.clients.some((client) => client === "waits" || client === "holds")) {
    go({ command: "leave", client: 0, key: 0 })
  }
  run.do(Scope.close(run.scope, Exit.void))
  model.close()
  assert.strictEqual(...words(run, model), say())
  assert.isFalse(model.requests.includes("waits"), say())
  assert.isTrue(ConcurrentStore.isEmpty(store), say())
  assert.deepStrictEqual([...told, ...run.heard].toSorted(), run.released.toSorted(), say())
}

describe("a store", () => {
  // A failure prints the seed and the path of its smallest program: `MODEL_SEED=1 MODEL_PATH=6:2:0` runs that alone.
  const { MODEL_PATH: path = "", MODEL_RUNS: runs = 10_000, MODEL_SEED: seed = 1 } = process.env
  const check = (program: fc.Arbitrary<Program>, part: number) =>
    fc.assert(fc.property(program, execute), { seed: Number(seed), numRuns: Math.ceil(Number(runs) * part), path })

  it("does in every program what the model does", () => check(apart, 0.5), 120_000)
  it("does so where keys need, and keep, each other", () => check(dependent, 0.25), 120_000)
  it("does so where these have little room", () => check(cramped, 0.25), 120_000)
})
