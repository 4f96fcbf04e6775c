// Takes the times of a group: every round runs every case, and the order rotates from round to round,
// so that a drift of the machine, or what a case leaves behind, falls on all alike. No collection is
// forced between them: that makes short-lived objects of Effect look twice as dear.
import type { Case, Group } from "./model.ts"

const roundNanos = 12_000_000
const warmUpNanos = 60_000_000

/** Nanoseconds an operation, of each round of each case. */
export const timeGroup = async (group: Group, rounds: number): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const cases: Array<{ readonly case: Case; readonly ops: number; readonly rounds: Array<number> }> = []
  for (const each of group.cases) {
    cases.push({ case: each, ops: each.ops ?? await opsOfRound(each), rounds: [] })
  }
  for (const each of cases) {
    if (each.case.ops !== undefined) await nanos(each.case, Math.min(each.ops, 50_000))
  }
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const each = cases[(i + round) % cases.length]!
      each.rounds.push(await nanos(each.case, each.ops) / each.ops)
    }
  }
  return cases.map((each) => each.rounds)
}

/** Warms up, and finds how many operations fill a round. */
const opsOfRound = async (each: Case): Promise<number> => {
  let ops = 16
  let spent = 0
  while (true) {
    const taken = await nanos(each, ops)
    spent += taken
    if (spent > warmUpNanos && taken > roundNanos / 8) return Math.max(1, Math.round(ops * roundNanos / taken))
    if (taken < roundNanos) ops *= 2
  }
}

const nanos = async (each: Case, ops: number): Promise<number> => {
  const prepared = await each.prepare?.(ops)
  const begun = process.hrtime.bigint()
  await each.run(ops, prepared)
  return Number(process.hrtime.bigint() - begun)
}
