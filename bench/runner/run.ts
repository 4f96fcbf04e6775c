// The whole run: the times here, the bytes in a process of their own.
import { allocated, inChild, kept } from "./bytes.ts"
import { judge } from "./figures.ts"
import type { Group, GroupFigures, OpenGroup } from "./model.ts"
import type { Options } from "./options.ts"
import { json, table } from "./print.ts"
import { timeGroup } from "./time.ts"

export interface Suite {
  readonly groups: ReadonlyArray<Group>
  readonly open: ReadonlyArray<OpenGroup>
}

export const run = async (suite: Suite, options: Options): Promise<void> => {
  const selected = select(suite, options.filters)
  if (options.child) return console.log(JSON.stringify(await bytesOf(selected)))
  const bytes = options.bytes ? inChild(options.filters) : {}
  const print = options.json ? json : table
  const done: Array<GroupFigures> = []
  for (const group of selected.groups) {
    const rounds = await timeGroup(group, Math.min(options.rounds, group.rounds ?? options.rounds), options.cpu)
    const figures: GroupFigures = {
      name: group.name,
      yardstick: group.yardstick,
      cases: group.cases.map((each, i) => ({
        name: each.name,
        rounds: rounds[i]!,
        bytes: bytes[key(group, each)],
        goals: each.goals ?? []
      }))
    }
    done.push(figures)
    console.log(print(figures))
  }
  for (const group of options.bytes ? selected.open : []) {
    const cases = group.cases.map((each) => ({
      name: each.name,
      rounds: [],
      bytes: bytes[key(group, each)],
      goals: each.goals ?? []
    }))
    const figures: GroupFigures = { name: group.name, yardstick: group.yardstick, cases }
    done.push(figures)
    console.log(print(figures))
  }
  if (!options.json) console.log(summary(done))
}

const bytesOf = async (suite: Suite): Promise<Readonly<Record<string, number>>> => {
  const bytes: Record<string, number> = {}
  for (const group of suite.groups) {
    for (const each of group.cases) {
      // Where a round is one large scope, what it allocates says little: what it keeps is in the open groups.
      if (each.ops === undefined) bytes[key(group, each)] = await allocated(each)
    }
  }
  for (const group of suite.open) {
    for (const each of group.cases) bytes[key(group, each)] = await kept(each, group.resources)
  }
  return bytes
}

const select = (suite: Suite, filters: ReadonlyArray<string>): Suite => {
  const matches = (group: { readonly name: string }) =>
    filters.length === 0 || filters.some((filter) => group.name.includes(filter))
  return { groups: suite.groups.filter(matches), open: suite.open.filter(matches) }
}

const key = (group: { readonly name: string }, each: { readonly name: string }): string => `${group.name}/${each.name}`

const summary = (groups: ReadonlyArray<GroupFigures>): string => {
  const judged = groups.flatMap((group) => group.cases.flatMap((each) => judge(group, each)))
  const met = judged.filter((each) => each.met).length
  return `${met} of ${judged.length} goals met`
}
