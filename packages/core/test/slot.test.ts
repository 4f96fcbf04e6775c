// docs/slot.md says what slot.ts does: the table is read, and compared with the function.
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { type Event, type State, transition } from "../src/internal/slot.ts"

const text = readFileSync(new URL("../../../docs/slot.md", import.meta.url), "utf8")

/** The cells of the table whose head begins with `head`. */
const tableOf = (head: string): ReadonlyArray<ReadonlyArray<string>> => {
  const cells = (line: string) => line.split("|").slice(1, -1).map((cell) => cell.trim())
  const lines = text.split("\n")
  const start = lines.findIndex((line) => cells(line).slice(0, head.split(" ").length).join(" ") === head)
  assert.isAbove(start, -1, head)
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"))
  return lines.slice(start + 2, end).map(cells)
}

interface Row {
  readonly state: string
  readonly where: ReadonlyArray<string>
  readonly event: string
  readonly next: string
  readonly changes: ReadonlyArray<string>
  readonly actions: ReadonlyArray<string>
}

const listOf = (cell: string) => cell === "" || cell === "·" ? [] : cell.split(", ")

const rows = tableOf("State Where Event").map(([state = "", where = "", event = "", next = "", actions = ""]): Row => {
  const [tag = "", changes = ""] = next.split(": ")
  return { state, where: listOf(where), event, next: tag, changes: listOf(changes), actions: listOf(actions) }
})

type Fields = Readonly<Record<string, unknown>>

const holds = (fields: Fields) => (condition: string): boolean => {
  const [, name = "", sign = "", values = ""] = /^(\w+) ([=>]) (.+)$/.exec(condition) ?? assert.fail(condition)
  const value = fields[name]
  assert.isDefined(value, condition)
  return sign === ">" ? Number(value) > Number(values) : values.split(" or ").includes(String(value))
}

const valueOf = (expression: string, fields: Fields): unknown => {
  const [, term = "", sign, by] = /^(\w+)(?: ([+-]) (\d+))?$/.exec(expression) ?? assert.fail(expression)
  const value = fields[term] ?? (/^\d+$/.test(term) ? Number(term) : term)
  return sign === undefined ? value : Number(value) + (sign === "+" ? Number(by) : -Number(by))
}

/** What a state of this name has, where nothing is said. */
const fresh: Record<string, Fields> = {
  Absent: {},
  Loading: { waiting: 0, later: 0, asked: "no" },
  Loaded: { holders: 0, later: 0, asked: "no" },
  Idle: {},
  Dropping: { later: 0, asked: "no" }
}

/** What the table says. */
const told = (state: State, event: Event, rests: boolean): readonly [State, ReadonlyArray<string>] => {
  const fields: Fields = { ...state, rests: rests ? "yes" : "no" }
  const found = rows.filter((row) => row.state === state._tag && row.event === event && row.where.every(holds(fields)))
  assert.isAtMost(found.length, 1, `${event} in ${JSON.stringify(state)}`)
  const row = found[0]
  if (row === undefined) return [state, []]
  const next: Record<string, unknown> = { _tag: row.next, ...fresh[row.next] }
  for (const name of Object.keys(next)) if (name !== "_tag" && name in state) next[name] = fields[name]
  for (const change of row.changes) {
    const [name = "", expression = ""] = change.split(" = ")
    assert.property(next, name, change)
    next[name] = valueOf(expression, fields)
  }
  return [next as unknown as State, row.actions] // of the fields that such a state has
}

const states: ReadonlyArray<State> = [
  { _tag: "Absent" },
  { _tag: "Idle" },
  ...[0, 1, 2].flatMap((later) => [
    ...(["no", "drop", "request"] as const).flatMap((asked) =>
      [1, 2, 3].flatMap((n): ReadonlyArray<State> => [
        { _tag: "Loading", waiting: n, later, asked },
        { _tag: "Loaded", holders: n, later, asked }
      ])
    ),
    ...(["no", "request", "running"] as const).map((asked): State => ({ _tag: "Dropping", later, asked }))
  ])
]

const events = [
  "borrow",
  "leave",
  "leaveLater",
  "loaded",
  "failed",
  "insert",
  "giveBack",
  "expire",
  "invalidate",
  "request",
  "ended"
] as const satisfies ReadonlyArray<Event>

/** Nobody leaves where nobody waits. */
const mayHappen = (state: State, event: Event) => event !== "leaveLater" || !("later" in state) || state.later > 0

describe("docs/slot.md", () => {
  for (const event of events) {
    it(`says what ${event} does in every state`, () => {
      for (const state of states.filter((state) => mayHappen(state, event))) {
        for (const rests of [true, false]) {
          assert.deepStrictEqual<unknown>(
            transition(state, event, rests),
            told(state, event, rests),
            `${event} in ${JSON.stringify(state)}, ${rests ? "kept" : "not kept"} when nobody holds it`
          )
        }
      }
    })
  }

  it("has no row that never applies, and knows each event", () => {
    for (const row of rows) {
      const applies = states.some((state) =>
        [true, false].some((rests) =>
          state._tag === row.state && row.where.every(holds({ ...state, rests: rests ? "yes" : "no" }))
        )
      )
      assert.isTrue(applies, JSON.stringify(row))
    }
    assert.sameMembers([...new Set(rows.map(({ event }) => event))], [...events])
  })

  it("names each state and each action", () => {
    assert.sameMembers(tableOf("State Is").map(([state]) => state), Object.keys(fresh))
    assert.sameMembers(tableOf("Action Does").map(([action]) => action), [
      ...new Set(rows.flatMap((row) => row.actions))
    ])
  })
})
