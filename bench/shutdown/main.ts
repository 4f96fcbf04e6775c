// What SIGTERM does to a server under load, here and elsewhere: `pnpm bench:shutdown --help`.
import { type Case, cases } from "./cases.ts"
import { measure, type Measured } from "./measure.ts"
import { parseOptions, usage } from "./options.ts"
import { table } from "./table.ts"

// Servers are killed when this process exits, which it does not do for a signal that nobody listens to.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1))

const options = parseOptions(process.argv.slice(2))

if (options.help) console.log(usage)
else {
  const results: Array<readonly [Case, ReadonlyArray<Measured>]> = []
  for (const each of cases.filter(({ name }) => options.names.length === 0 || options.names.includes(name))) {
    const rounds: Array<Measured> = []
    for (let i = 0; i < options.rounds; i++) rounds.push(await measure(each))
    results.push([each, rounds])
  }
  console.log(table(results))
}
