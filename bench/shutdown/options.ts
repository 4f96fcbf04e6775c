// What the command line asks for.
import { parseArgs } from "node:util"
import { cases } from "./cases.ts"
import { caseLimit, clients } from "./measure.ts"

interface Options {
  readonly names: ReadonlyArray<string>
  readonly rounds: number
  readonly help: boolean
}

const all = cases.map(({ name }) => name)

export const usage = `Usage: pnpm bench:shutdown [CASE...] [--rounds N]

Sends SIGTERM to a server while ${clients} keep-alive clients send as fast as they are answered, and counts what they see.
A round takes ${caseLimit / 1000} seconds at most.

Cases, all of them by default: ${all.join(", ")}

  --rounds N   how often each case is measured; the median is shown, with the least and the most (default 1)
`

export const parseOptions = (args: ReadonlyArray<string>): Options => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { rounds: { type: "string", default: "1" }, help: { type: "boolean", default: false } }
  })
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds needs a whole number above 0, not ${values.rounds}`)
  }
  const unknown = positionals.find((name) => !all.includes(name))
  if (unknown !== undefined) throw new Error(`no such case: ${unknown}; there are ${all.join(", ")}`)
  return { names: positionals, rounds, help: values.help }
}
