// The tree of a report as rows, each with its depth: a resource, and below it the close that is its release.
import type { DropReport, Resource, Scope } from "../DropReport.ts"
import { printable } from "./columns.ts"
import { grouped, percent } from "./figures.ts"

export interface Row {
  readonly indent: string
  readonly name: string
  /** The row that this one stands below. */
  readonly above: Row | undefined
  readonly startedAt: number | undefined
  readonly duration: number
  readonly waited: number
  readonly ink: string
  readonly marks: ReadonlyArray<string>
  /** How much of a budget it took. */
  readonly budget: string | undefined
  /** What its release said of itself. */
  readonly note: string | undefined
  /** 2: it did not end well; 1: worth a look. */
  readonly severity: 0 | 1 | 2
  /** How many resources it stands for. */
  readonly resources: number
  /** Whether it only says how many are not listed. */
  readonly gap: boolean
}

/** What runs in a scope, in order: a resource with the closes inside its release, or a close of its own. */
interface Item {
  readonly startedAt: number
  readonly depth: number
  readonly above: Row | undefined
  readonly resource?: Resource
  readonly inside: ReadonlyArray<number>
  readonly row?: Row
}

/** Walked by a list and not by calls: a report may be as deep as it likes. */
export const rowsOf = (report: DropReport): ReadonlyArray<Row> => {
  const tree = new Tree(report)
  const rows: Array<Row> = []
  const left = tree.itemsOf(0, 0, undefined)
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    const row = item.row ?? tree.rowOf(item)
    rows.push(row)
    for (const scope of item.inside) {
      for (const inner of tree.itemsOf(scope, item.depth + 1, row)) left.push(inner)
    }
  }
  return rows
}

class Tree {
  private readonly scopes: ReadonlyArray<Scope>
  private readonly slow: Slow
  /** For each scope, those right inside it that are the release of no resource. */
  private readonly apart: ReadonlyArray<Array<number>>
  /** For each scope, and in it each resource with a close inside, which those are. */
  private readonly of: ReadonlyArray<Map<number, Array<number>>>

  constructor({ scopes }: DropReport) {
    this.scopes = scopes
    this.apart = scopes.map(() => [])
    this.of = scopes.map(() => new Map())
    scopes.forEach(({ of, parent }, index) => {
      // The schema sees to it; without this, a report made by hand could go in circles.
      if (parent === undefined || parent >= index) return
      const inside = of === undefined ? this.apart[parent] : this.of[parent]?.get(of)
      if (inside !== undefined) inside.push(index)
      else if (of !== undefined) this.of[parent]?.set(of, [index])
    })
    this.slow = slowIn(scopes)
  }

  /** The last one first, to be taken off the end. */
  itemsOf(index: number, depth: number, above: Row | undefined): Array<Item> {
    const scope = this.scopes[index]!
    const items = scope.resources.map((resource, at): Item => {
      const startedAt = resource.startedAt ?? Infinity
      return { startedAt, depth, above, resource, inside: this.of[index]!.get(at) ?? [] }
    })
    for (const inner of this.apart[index]!) {
      items.push({ startedAt: this.scopes[inner]!.startedAt, depth, above, inside: [inner] })
    }
    // Those that never started stay behind: sorting keeps the order of equals.
    if (this.apart[index]!.length > 0) items.sort((a, b) => a.startedAt === b.startedAt ? 0 : a.startedAt - b.startedAt)
    if (scope.leftOut > 0) {
      items.push({ startedAt: Infinity, depth, above, inside: [], row: notListed(scope.leftOut, depth, above) })
    }
    return items.reverse()
  }

  rowOf({ above, depth, inside, resource }: Item): Row {
    const scopes = inside.map((index) => this.scopes[index]!)
    const around = resource ?? scopes[0]!
    const spent = scopes.flatMap(({ budget }) => budget === undefined ? [] : [percent(budget.spent, budget.limit)])
    const { duration, startedAt } = around
    return {
      ...gap,
      indent: indent(depth),
      name: printable(nameOf(around)),
      above,
      startedAt,
      duration,
      budget: spent.length === 0 ? undefined : `${spent.join(", ")} of budget`,
      gap: false,
      ...(resource === undefined ? aloneAs(scopes[0]!) : this.released(resource, inside.length > 0))
    }
  }

  private released(
    resource: Resource,
    around: boolean
  ): Pick<Row, "waited" | "ink" | "marks" | "note" | "severity" | "resources"> {
    const { late, note, phase, result, waited } = resource
    const bad = result === "released" ? [] : [result]
    const odd = [
      ...(phase === "force" ? ["forced"] : []),
      ...(late === undefined ? [] : ["late"]),
      // What a limit cut short was slow, that goes without saying.
      ...(this.slow.has(resource) && resource.limit === undefined ? ["slow"] : [])
    ]
    return {
      waited: waited?.duration ?? 0,
      ink: around ? inks.scope : inks[phase],
      marks: [...bad, ...odd],
      note: note === undefined ? undefined : printable(note),
      severity: bad.length > 0 ? 2 : odd.length > 0 ? 1 : 0,
      resources: 1
    }
  }
}

/** A close that is the release of no resource. */
const aloneAs = ({ finished }: Scope): Pick<Row, "marks" | "severity"> =>
  finished ? { marks: [], severity: 0 } : { marks: ["unfinished"], severity: 2 }

const inks = { graceful: "█", force: "▓", abandoned: "░", scope: "─" } as const

const nameOf = (around: Resource | Scope): string =>
  "key" in around && around.key !== undefined ? `${around.name} (${around.key})` : around.name

/** Beyond six levels the depth is a number: the name needs the room. */
const indent = (depth: number): string => depth <= 6 ? "  ".repeat(depth) : `${"  ".repeat(6)}${depth}› `

const gap: Row = {
  indent: "",
  name: "",
  above: undefined,
  startedAt: 0,
  duration: 0,
  waited: 0,
  ink: inks.scope,
  marks: [],
  budget: undefined,
  note: undefined,
  severity: 0,
  resources: 0,
  gap: true
}

const notListed = (resources: number, depth: number, above: Row | undefined): Row => ({
  ...gap,
  indent: indent(depth),
  name: `… ${grouped(resources)} not listed`,
  above,
  resources
})

type Slow = ReadonlySet<Resource>

/** Those that took a quarter of the whole close, and 100 ms; where one of them is inside another, the inner one. */
const slowIn = (scopes: DropReport["scopes"] | ReadonlyArray<Scope>): Slow => {
  const least = Math.max((scopes[0]?.duration ?? 0) / 4, 100)
  const slow = new Set<Resource>()
  const around = new Set<Resource | Scope>()
  // From the innermost outwards: a scope comes after the one around it.
  for (let index = scopes.length - 1; index >= 0; index--) {
    const scope = scopes[index]!
    for (const resource of scope.resources) {
      if (resource.duration < least) continue
      if (!around.has(resource)) slow.add(resource)
      around.add(scope)
    }
    if (!around.has(scope) || scope.parent === undefined) continue
    const parent = scopes[scope.parent]
    if (parent !== undefined) around.add(parent)
    const of = scope.of === undefined ? undefined : parent?.resources[scope.of]
    if (of !== undefined) around.add(of)
  }
  return slow
}
