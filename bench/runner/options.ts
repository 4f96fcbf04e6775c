// What the command line asks for.
import { parseArgs } from "node:util"

export interface Options {
  readonly filters: ReadonlyArray<string>
  readonly rounds: number
  readonly json: boolean
  readonly cpu: boolean
  readonly bytes: boolean
  readonly help: boolean
  /** This process counts bytes for another one. */
  readonly child: boolean
}

export const usage = `Usage: pnpm bench [FILTER...] [--rounds N] [--cpu] [--no-bytes] [--json]

Measures the groups whose name contains one of the filters; without one, all of them.
Each goal is a ratio within the same run; times alone say little on a machine that does other things as well.

  --rounds N   how often each case is measured; the median counts (default 9)
  --cpu        processor time, of all rounds together: for a machine that does other things as well
  --no-bytes   times only
  --json       one line of JSON a group
`

export const parseOptions = (args: ReadonlyArray<string>): Options => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    allowNegative: true,
    options: {
      rounds: { type: "string", default: "9" },
      json: { type: "boolean", default: false },
      cpu: { type: "boolean", default: false },
      bytes: { type: "boolean", default: true },
      help: { type: "boolean", default: false },
      child: { type: "boolean", default: false }
    }
  })
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds needs a whole number above 0, not ${values.rounds}`)
  }
  return {
    filters: positionals,
    rounds,
    json: values.json,
    cpu: values.cpu,
    bytes: values.bytes,
    help: values.help,
    child: values.child
  }
}
