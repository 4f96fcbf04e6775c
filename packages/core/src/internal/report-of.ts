// What was kept of a close becomes its report.
//
// 1. The closes come as a list, each after the one that it is inside of: no depth of theirs overflows anything.
// 2. What is listed of a close comes in the order in which it was first heard of.
import type { DropReport, Resource, Scope, Totals } from "../DropReport.ts"
import type { Close, Release, Top } from "./recorded.ts"

/** The report of a top-level close as it is now, kept by 1. */
export const reportOf = (top: Top, now: number): DropReport => {
  const root = scopeOf(top.root, undefined, now)
  const scopes: [Scope, ...Array<Scope>] = [root]
  const left = inside(top.root, 0)
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [close, parent] = next
    for (const child of inside(close, scopes.length)) left.push(child)
    scopes.push(scopeOf(close, parent, now))
  }
  return { schemaVersion: 1, totals: totalsOf(top, scopes), scopes }
}

/** Those right inside a close, the last one first. */
const inside = (close: Close, index: number): Array<readonly [close: Close, parent: number]> =>
  Array.from(close.inside, (child) => [child, index] as const).reverse()

const scopeOf = (close: Close, parent: number | undefined, now: number): Scope => {
  const duration = (close.endedAt ?? now) - close.startedAt
  const listed = close.releases.filter((release) => release.listed)
  if (close.top.reordered) listed.sort((a, b) => a.turn - b.turn)
  listed.forEach((release, index) => (release.index = index))
  return {
    name: close.name,
    ...(parent === undefined ? {} : { parent }),
    ...(close.of?.listed === true ? { of: close.of.index } : {}),
    concurrency: Number.isFinite(close.concurrency) ? close.concurrency : "unbounded",
    ...(close.budget === undefined || !Number.isFinite(close.budget)
      ? {}
      : { budget: { limit: close.budget, spent: duration } }),
    startedAt: close.startedAt,
    duration,
    finished: close.endedAt !== undefined,
    resources: listed.map(resourceOf),
    leftOut: close.count - listed.length
  }
}

const resourceOf = (release: Release): Resource => {
  const { endedAt, error, key, lates, limit, note, startedAt, waitsSince } = release
  return {
    name: release.name,
    ...(key === undefined ? {} : { key }),
    phase: release.phase,
    result: release.result,
    ...(error === undefined ? {} : { error }),
    ...(note === undefined ? {} : { note }),
    ...(limit === undefined ? {} : { limit }),
    ...(startedAt === undefined ? {} : { startedAt }),
    duration: startedAt === undefined ? 0 : (endedAt ?? startedAt) - startedAt,
    ...(waitsSince === undefined
      ? {}
      : { waited: { for: release.waitsFor, duration: (startedAt ?? endedAt ?? waitsSince) - waitsSince } }),
    ...(lates === undefined ? {} : { late: lates })
  }
}

const totalsOf = (top: Top, scopes: ReadonlyArray<Scope>): Totals => ({
  scopes: top.scopes,
  resources: top.resources,
  ...top.results,
  forced: top.forced,
  late: top.late,
  leftOut: scopes.reduce((left, scope) => left - scope.resources.length, top.resources)
})
