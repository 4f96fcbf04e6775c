// Programs of every type mixed, against a model of plain objects: after each line both say the same.
import { AsyncDropArc, AsyncDropGuard, AsyncDropHashMap, AsyncDropShared } from "@async-drop/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Scope } from "effect"
import * as fc from "fast-check"
import { commands, type Line, stepOf } from "./support/model/commands.ts"
import { Place } from "./support/model/plain.ts"
import { perform, Run } from "./support/model/run.ts"

/** What makes things comes more often than what ends them: there has to be something to end. */
const often: ReadonlyArray<Line["command"]> = [
  "guard",
  "guard",
  "guard",
  "arc",
  "clone",
  "clone",
  "mutex",
  "hashMap",
  "stack",
  "insert",
  "insert",
  "insert",
  "get",
  "remove",
  "remove",
  "drain",
  "dropMap",
  "share",
  "await",
  "await",
  "cloneShared",
  "dropShared"
]

const names = Object.keys(commands) as ReadonlyArray<Line["command"]> // all its keys

const line: fc.Arbitrary<Line> = fc.record({
  command: fc.constantFrom(...names, ...often),
  a: fc.nat(5),
  b: fc.nat(5),
  into: fc.nat(7),
  sink: fc.constantFrom("x", "y"),
  ending: fc.constantFrom("ok", "fails", "dies")
})

/** What can be seen of everything there is. */
const states = (run: Run): { readonly model: string; readonly real: string } => {
  const both = (model: unknown, real: unknown) => [String(model), String(real)] as const
  const all = [
    both(run.model.released, run.real.released),
    both(run.model.told, run.real.told),
    ...run.guards.map(([life, guard]) => both(life.state !== "live", AsyncDropGuard.isDropped(guard))),
    ...run.arcs.map(([{ shared }, arc]) =>
      both([shared.count, shared.weak], [AsyncDropArc.strongCount(arc), AsyncDropArc.weakCount(arc)])
    ),
    ...run.maps.filter(([nest]) => nest.state === "live").map(([{ contents: { list } }, map]) =>
      both([list.length, [0, 1, 2].map((key) => list.some((entry) => entry.key === key))], [
        AsyncDropHashMap.size(map),
        [0, 1, 2].map((key) => AsyncDropHashMap.has(map, key))
      ])
    ),
    ...run.shared.map(([{ lazy }, shared]) => both(lazy.handles, AsyncDropShared.strongCount(shared))),
    ...run.stacks.map(([nest, stack]) => both(nest.state !== "live", stack.disposed))
  ]
  return { model: all.map(([model]) => model).join("; "), real: all.map(([, real]) => real).join("; ") }
}

const execute = (program: ReadonlyArray<Line>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const run = new Run()
    run.scopes.push([new Place(), yield* Scope.make()])
    const done: Array<string> = []
    const at = () => `after\n  ${done.join("\n  ")}\n`
    const go = function*(line: Line) {
      const step = stepOf(run, line)
      if (step === undefined) return
      const model = step.model()
      const real = yield* perform(run, line.sink, step)
      done.push(`${step.says} => ${real}`)
      if (real !== model) assert.fail(`the model says ${model}, ${at()}`)
      const seen = states(run)
      if (seen.real !== seen.model) assert.strictEqual(seen.real, seen.model, at())
    }
    for (const line of program) yield* go(line)
    for (const [command, kind] of endings) {
      for (let a = 0; a < run[kind].length; a++) {
        yield* go({ command, a, b: 0, into: 0, sink: "x", ending: "ok" })
      }
    }
    for (const { name, owed } of run.resources) {
      const times = run.real.released.filter((released) => released === name).length
      assert.strictEqual(times, owed ? 1 : 0, `releases of ${name}, ${at()}`)
    }
  })

/** At the end, the newest scope first; then what nobody owns. */
const endings = [
  ["closeScope", "scopes"],
  ["close", "stacks"],
  ["dropArc", "arcs"],
  ["drop", "guards"],
  ["dropShared", "shared"]
] as const

describe("guards, arcs, locks, maps, shared loads, stacks and scopes, mixed", () => {
  it("do in every program what the model does", () => {
    // A failure prints the seed and the path of its smallest program: `MODEL_SEED=1 MODEL_PATH=6:2:0` runs that alone.
    const { MODEL_PATH: path = "", MODEL_RUNS: runs = 3_000, MODEL_SEED: seed = 1 } = process.env
    const program = fc.array(line, { minLength: 1, maxLength: 50, size: "max" })
    fc.assert(fc.property(program, (lines) => Effect.runSync(execute(lines))), {
      seed: Number(seed),
      numRuns: Number(runs),
      path
    })
  }, 60_000)
})
