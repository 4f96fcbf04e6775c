// Random programs over a store with three keys, against a model of plain objects, on Effect's own scheduler with
// few and with many operations in a turn: whenever all is quiet, both say the same.
import { AsyncDrop, AsyncDropGuard, ConcurrentStore, DropFailure, DropScope } from "@async-drop/core"
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
  "request"
] as const

const program: fc.Arbitrary<Program> = fc.record({
  rests: fc.boolean(),
  capacity: fc.constantFrom(1, 2, Infinity, Infinity),
  ops: fc.constantFrom(3, 4, 5, 7, 16, 64),
  lines: fc.array(
    fc.record({ command: fc.constantFrom(...commands), client: fc.nat(7), key: fc.nat(2) }),
    { minLength: 1, maxLength: 24, size: "max" }
  )
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
const sink = Effect.runSync(
  Effect.scoped(Layer.build(DropScope.layerReport(({ cause }) => Effect.sync(() => void told.push(...lostIn(cause))))))
)

const lostIn = (cause: Cause.Cause<unknown>): ReadonlyArray<string> =>
  cause.reasons.flatMap((reason) => reason._tag === "Fail" ? [String(reason.error)] : [])

/** What a client came to, in the words of the model. */
const ended = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return Option.isOption(exit.value) && Option.isNone(exit.value) ? "none" : "holds"
  if (Cause.hasInterrupts(exit.cause)) return "interrupted"
  const error = exit.cause.reasons[0]!._tag === "Fail" ? exit.cause.reasons[0]!.error : undefined
  if (error === "failed") return "failed"
  return error instanceof Cause.ExceededCapacityError ? "full" : "refused"
}

class Run {
  readonly turns = new Turns()
  readonly log: Array<string> = []
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
  private made = 0

  constructor({ capacity, ops, rests }: Program) {
    this.context = Context.add(
      Context.add(sink, Scheduler.Scheduler, this.turns.scheduler),
      Scheduler.MaxOpsBeforeYield,
      ops
    )
    this.store = this.do(Scope.provide(
      ConcurrentStore.make({
        lookup: (key: number) => this.load(key),
        capacity,
        onFull: "fail",
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
          this.log.push(`release ${key}`)
          if (id % 2 === 0) this.released.push(`lost ${id}`)
          return fails
        })
    }
  }

  load(key: number) {
    return Effect.suspend(() => {
      this.log.push(`load ${key}`)
      const loaded = this.loads[key] = Deferred.makeUnsafe<void, string>()
      return Effect.flatMap(
        Effect.onInterrupt(Deferred.await(loaded), () => Effect.sync(() => void this.log.push(`stopped ${key}`))),
        () => {
          const { acquire, release } = this.part(key)
          return AsyncDrop.acquireRelease(acquire, release)
        }
      )
    })
  }

  client(id: number, borrow: Effect.Effect<unknown, unknown, Scope.Scope | DropScope.DropScope<string>>): void {
    const scope = this.scopes[id] = Scope.makeUnsafe()
    this.clients[id] = "waits"
    const fiber = this.fibers[id] = this.fork(Scope.provide(borrow, scope))
    fiber.addObserver((exit) => this.clients[id] = ended(exit))
  }

  request(key: number): void {
    const id = this.requests.push("waits") - 1
    let answer = "already"
    const asked = ConcurrentStore.requestImmediateDrop(this.store, key, (guard) =>
      Effect.sync(() => {
        answer = Option.isSome(guard) ? "some" : "none"
      }))
    this.fork(asked).addObserver((exit) => {
      this.requests[id] = answer
      const failure = Exit.isFailure(exit) ? DropFailure.fromCause(exit.cause) : Option.none()
      if (Option.isSome(failure)) this.heard.push(...failure.value.errors.flatMap(({ cause }) => lostIn(cause)))
    })
  }
}

const words = (run: Run, model: Model) => {
  const real = [0, 1, 2].map((key) => ConcurrentStore.state(run.store, key))
  return [
    [real, run.clients, run.requests, run.log].map(String).join("; "),
    [model.keys.map(({ state }) => state), model.clients, model.requests, model.log].map(String).join("; ")
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
    }
    run.turns.rest()
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
  assert.isFalse(model.requests.includes("waits"), say())
  run.do(Scope.close(run.scope, Exit.void))
  assert.isTrue(ConcurrentStore.isEmpty(store), say())
  assert.deepStrictEqual([...told, ...run.heard].toSorted(), run.released.toSorted(), say())
}

describe("a store", () => {
  it("does in every program what the model does", () => {
    // A failure prints the seed and the path of its smallest program: `MODEL_SEED=1 MODEL_PATH=6:2:0` runs that alone.
    const { MODEL_PATH: path = "", MODEL_RUNS: runs = 10_000, MODEL_SEED: seed = 1 } = process.env
    fc.assert(fc.property(program, execute), { seed: Number(seed), numRuns: Number(runs), path })
  }, 120_000)
})
