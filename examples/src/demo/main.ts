// Files, a database, a server and a client, each of them a resource; `--help` says how to call it.
import { AsyncDrop } from "@async-drop/core"
import { NodeDrop } from "@async-drop/platform-node"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Console, Effect, Exit, Option } from "effect"
import { demo } from "./demo.ts"
import { Stopped } from "./errors.ts"
import { failing } from "./failing.ts"
import { makeLedger, seenBy, unclosed } from "./ledger.ts"
import { atStart, leftSince } from "./leftovers.ts"
import { help, type Options, parse } from "./options.ts"
import { conclude } from "./report.ts"
import { serving } from "./serving.ts"
import { sweep } from "./temporary.ts"

const args = process.argv.slice(2)

const main = Effect.fnUntraced(function*(restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) {
  const options = yield* parse(args)
  if (options.mode === "help") return yield* Effect.as(Console.log(help), 0)

  const before = yield* atStart
  yield* sweep
  const ledger = yield* makeLedger
  const { dropErrors, exit } = yield* restore(program(options)).pipe(AsyncDrop.scopedExit, seenBy(ledger))
  const left = [...unclosed(ledger), ...(yield* leftSince(before))]
  return yield* conclude({ dropErrors, exit: stopped(options, exit), left, ledger })
}, Effect.catchTag("BadInput", ({ message }) => Effect.as(Console.error(`demo: ${message}`), 2)))

const program = Effect.fnUntraced(function*(options: Options) {
  if (options.mode === "serve") return yield* serving(options)
  if (options.mode === "fail") return yield* failing(options)
  return yield* demo(options)
})

/** A signal is how serving ends; anything else it cuts short. */
const stopped = <A, E>({ mode }: Options, exit: Exit.Exit<A, E>): Exit.Exit<A | ReadonlyArray<string>, E | Stopped> =>
  Option.match(Exit.isFailure(exit) ? NodeDrop.signalOf(exit.cause) : Option.none(), {
    onNone: () => exit,
    onSome: (signal) => mode === "serve" ? Exit.succeed([`${signal} came`]) : Exit.fail(new Stopped({ signal }))
  })

// A signal interrupts the program alone: what became of it is told all the same.
Effect.uninterruptibleMask((restore) => Effect.map(main(restore), (code) => process.exitCode = code)).pipe(
  Effect.provide(NodeFileSystem.layer),
  NodeDrop.runMain({
    budget: "5 seconds",
    // What it came to, unless it was cut short before it could tell.
    exitCode: ({ code }) => typeof process.exitCode === "number" ? process.exitCode : code,
    // It has its own list of the releases that fail, as they should.
    report: args.includes("--fail") ? "never" : "failures"
  })
)
