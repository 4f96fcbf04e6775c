// Files, a database, a server and a client, each of them a resource; `--help` says how to call it.
import { AsyncDrop, DropObserver } from "@async-drop/core"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Console, Deferred, Effect } from "effect"
import { demo } from "./demo.ts"
import { Stopped } from "./errors.ts"
import { failing } from "./failing.ts"
import { makeLedger, unclosed } from "./ledger.ts"
import { atStart, leftSince } from "./leftovers.ts"
import { help, type Options, parse } from "./options.ts"
import { conclude } from "./report.ts"
import { serving } from "./serving.ts"
import { firstSignal } from "./signals.ts"

const main = Effect.gen(function*() {
  const options = yield* parse(process.argv.slice(2))
  if (options.mode === "help") return yield* Effect.as(Console.log(help), 0)

  const signal = yield* firstSignal
  const before = yield* atStart
  const ledger = yield* makeLedger
  const { dropErrors, exit } = yield* program(options).pipe(
    Effect.raceFirst(Effect.flatMap(Deferred.await(signal), stop(options))),
    AsyncDrop.scopedExit,
    Effect.provideService(DropObserver.DropObserver, ledger.observe)
  )
  const left = [...unclosed(ledger), ...(yield* leftSince(before))]
  return yield* conclude({ dropErrors, exit, left, ledger })
})

const program = Effect.fnUntraced(function*(options: Options) {
  if (options.mode === "serve") return yield* serving(options)
  if (options.mode === "fail") return yield* failing(options)
  return yield* demo(options)
})

/** A signal is how serving ends; anything else it cuts short. */
const stop = ({ mode }: Options) => (signal: NodeJS.Signals) =>
  mode === "serve" ? Effect.succeed([`${signal} came`]) : Effect.fail(new Stopped({ signal }))

process.exitCode = await main.pipe(
  Effect.scoped,
  Effect.catchTag("BadInput", ({ message }) => Effect.as(Console.error(`demo: ${message}`), 2)),
  Effect.provide(NodeFileSystem.layer),
  Effect.runPromise
)
