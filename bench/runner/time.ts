// Takes the times of a group: every round runs every case, and the order rotates from round to round,
// so that a drift of the machine, or what a case leaves behind, falls on all alike. No collection is
// forced between them: that makes short-lived objects of Effect look twice as dear.
//
// Where the machine does other things as well, the clock tells of those too. Then the processor time of this
// thread tells more: what others take, and collections on other threads, are not in it. A system may count it
// in steps of some milliseconds, so only many rounds together say something.
import type { Case, Group } from "./model.ts"

const roundNanos = 12_000_000
const warmUpNanos = 60_000_000

/** Nanoseconds an operation, of each round of each case; by processor time, of all together. */
export const timeGroup = async (
  group: Group,
  rounds: number,
  cpu: boolean
): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const now = cpu ? processorNanos : process.hrtime.bigint
  const cases: Array<{ readonly case: Case; readonly ops: number; readonly rounds: Array<number> }> = []
  for (const each of group.cases) {
    cases.push({ case: each, ops: each.ops ?? await opsOfRound(each, now), rounds: [] })
  }
  for (const each of cases) {
    if (each.case.ops !== undefined) await nanos(each.case, Math.min(each.ops, 50_000), now)
  }
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const each = cases[(i + round) % cases.length]!
      each.rounds.push(await nanos(each.case, each.ops, now) / each.ops)
    }
  }
  return cases.map((each) => cpu ? [mean(each.rounds)] : each.rounds)
}

/** Warms up, and finds how many operations fill a round. */
const opsOfRound = async (each: Case, now: Now): Promise<number> => {
  let ops = 16
  let spent = 0
  while (true) {
    const taken = await nanos(each, ops, now)
    spent += taken
    if (spent > warmUpNanos && taken > roundNanos / 8) return Math.max(1, Math.round(ops * roundNanos / taken))
    if (taken < roundNanos) ops *= 2
  }
}

const nanos = async (each: Case, ops: number, now: Now): Promise<number> => {
  const prepared = await each.prepare?.(ops)
  const begun = now()
  await each.run(ops, prepared)
  return Number(now() - begun)
}

type Now = () => bigint

/** What this thread has spent on a processor. */
const processorNanos = (): bigint => {
  const { system, user } = process.threadCpuUsage()
  return BigInt(system + user) * 1000n
}

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length
