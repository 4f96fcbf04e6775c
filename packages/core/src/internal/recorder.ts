// What a close was, made of the events of an observer: the pure side of `AsyncDrop.withReport`.
//
// 1. Each release of a close is counted once, when it is first heard of, and has one result: what its
//    `Dropped` says, or `unfinished` where the close around it ended first.
// 2. Closes and releases are looked up by number, never searched: the hundred thousandth event costs what
//    the first does, and depth costs nothing.
// 3. At most `maxResources` are listed. One that went wrong takes the place of one that did not, while there
//    is such a one; all are counted.
// 4. What is not known here changes nothing: a resource dropped by hand, another observer's, a close that is over.
// 5. Nothing of a top-level close is kept after its report.
import type * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import type { Phase } from "../DropError.ts"
import type { Event } from "../DropObserver.ts"
import type { DropReport, Ended, Late } from "../DropReport.ts"
import type { Limit } from "../DropTimeout.ts"
import { describeReason, text } from "./describe.ts"
import { Close, enlist, Release, type Top, wentWrong } from "./recorded.ts"
import { reportOf } from "./report-of.ts"

/** One event, and when it was seen, in nanoseconds on a monotonic clock. */
export interface Timed {
  readonly at: bigint
  readonly event: Event
}

/** All reports that a list of events makes; what is still open at the end comes last, unfinished. */
export const reportsOf = (events: Iterable<Timed>, maxResources = Infinity): ReadonlyArray<DropReport> => {
  const recorder = new Recorder(maxResources)
  const reports: Array<DropReport> = []
  let last = 0n
  for (const { at, event } of events) {
    const report = recorder.see(event, at)
    if (report !== undefined) reports.push(report)
    last = at
  }
  return [...reports, ...recorder.rest(last)]
}

export class Recorder {
  private readonly closes = new Map<number, Close>()
  private readonly releases = new Map<number, Release>()
  private readonly tops = new Set<Top>()
  private readonly maxResources: number

  constructor(maxResources: number) {
    this.maxResources = maxResources
  }

  /** Takes one event in; where it ends a top-level close, gives the report of that. */
  see(event: Event, at: bigint): DropReport | undefined {
    switch (event._tag) {
      case "Closing":
        return this.closing(event, at)
      case "Closed":
        return this.closed(event.close, at)
      case "Waiting":
        return this.waiting(event, at)
      case "Dropping":
        return this.dropping(event, at)
      case "Noted":
        return this.noted(event)
      case "Forcing":
        return this.limited(this.releases.get(event.id), "force", event.limit, at)
      case "Abandoned":
        return this.limited(this.releaseIn(event), "abandoned", event.limit, at)
      case "Dropped":
        return this.dropped(event, at)
      case "Late":
        return this.late(event, at)
    }
    return undefined
  }

  /** The reports of what has not ended yet. */
  rest(at: bigint): ReadonlyArray<DropReport> {
    return Array.from(this.tops, (top) => this.report(top, at))
  }

  /** How many closes and releases are kept in mind: none, by 5, when no close is open. */
  get size(): number {
    return this.closes.size + this.releases.size + this.tops.size
  }

  private closing(event: Event & { readonly _tag: "Closing" }, at: bigint): undefined {
    if (this.closes.has(event.close)) return
    const of = event.of === undefined ? undefined : this.releases.get(event.of)
    const parent = of?.scope ?? (event.parent === undefined ? undefined : this.closes.get(event.parent))
    const close = new Close(event, at, parent, of)
    if (parent === undefined) {
      this.tops.add(close.top)
    } else {
      parent.inside.add(close)
    }
    if (of !== undefined) of.around = true
    close.top.scopes++
    close.top.open.add(close)
    this.closes.set(event.close, close)
  }

  private closed(id: number, at: bigint): DropReport | undefined {
    const close = this.closes.get(id)
    if (close === undefined) return undefined
    const { parent, top } = close
    close.endedAt = top.ms(at)
    if (parent === undefined) return this.report(top, at)
    this.closes.delete(id)
    top.open.delete(close)
    if (close.wrong) wentWrong(close.of, parent)
    // Kept by 3: what lists nothing itself is listed only while there is room.
    const bare = close.listed === 0 && close.inside.size === 0
    if (bare && top.bare++ >= this.maxResources) parent.inside.delete(close)
  }

  private waiting(event: Event & { readonly _tag: "Waiting" }, at: bigint): undefined {
    const release = this.releaseIn(event)
    if (release === undefined || release.startedAt !== undefined || release.waitsSince !== undefined) return
    release.waitsFor = event.for
    release.waitsSince = release.scope.top.ms(at)
  }

  private dropping(event: Event & { readonly _tag: "Dropping" }, at: bigint): undefined {
    const release = this.releaseIn(event)
    if (release === undefined || release.startedAt !== undefined || release.endedAt !== undefined) return
    release.startedAt = release.scope.top.ms(at)
    if (event.key !== undefined) release.key = text(event.key)
  }

  private noted(event: Event & { readonly _tag: "Noted" }): undefined {
    const release = this.releases.get(event.id)
    if (release !== undefined) release.note = event.text
  }

  private limited(release: Release | undefined, phase: Phase, limit: Limit, at: bigint): undefined {
    if (release === undefined || release.ended || release.phase === "abandoned") return
    release.phase = phase
    release.limit = limit
    if (phase === "abandoned") release.endedAt = release.scope.top.ms(at)
  }

  private dropped(event: Event & { readonly _tag: "Dropped" }, at: bigint): undefined {
    const release = this.releases.get(event.id)
    if (release === undefined || release.ended) return
    const { scope } = release
    const { top } = scope
    release.ended = true
    release.endedAt ??= top.ms(at)
    const { error, result } = outcomeOf(event.exit)
    release.error = error
    release.result = release.phase === "abandoned" ? "abandoned" : result
    top.results[release.result]++
    if (release.phase === "force") top.forced++
    if (release.result !== "released" || release.phase !== "graceful") release.wrong = true
    if (release.wrong) wentWrong(release, scope)
    this.list(release)
    // What was cut short may still end late.
    if (release.phase === "graceful") this.forget(release)
  }

  private late(event: Event & { readonly _tag: "Late" }, at: bigint): undefined {
    const release = this.releases.get(event.id)
    if (release === undefined) return
    const { top } = release.scope
    if (release.lates === undefined) top.late++
    const duration = top.ms(at) - (release.startedAt ?? top.ms(at))
    const { error, result } = outcomeOf(event.exit)
    const late: Late = { phase: event.phase, duration, result, ...(error === undefined ? {} : { error }) }
    release.lates = [...(release.lates ?? []), late]
  }

  /** The release that an event is about, made where the event says which close it is a part of. */
  private releaseIn(
    event: { readonly id: number; readonly resource: string; readonly close?: number }
  ): Release | undefined {
    const known = this.releases.get(event.id)
    if (known !== undefined) return known
    const scope = event.close === undefined ? undefined : this.closes.get(event.close)
    if (scope === undefined) return undefined
    const release = new Release(event.id, event.resource, scope, scope.top.resources++)
    scope.count++
    scope.top.live.add(release)
    this.releases.set(event.id, release)
    if (scope.top.listed < this.maxResources) enlist(release)
    return release
  }

  /** Kept by 3. */
  private list(release: Release): void {
    const { top } = release.scope
    if (!release.wrong) {
      if (release.listed && !release.around) top.ordinary.push(release)
    } else if (!release.listed) {
      const other = top.ordinary.pop()
      if (other === undefined) return
      other.listed = false
      other.scope.listed--
      top.listed--
      top.reordered = true
      enlist(release)
    }
  }

  private unfinished(release: Release, now: number): void {
    const { scope } = release
    release.endedAt ??= now
    release.result = release.phase === "abandoned" ? "abandoned" : "unfinished"
    scope.top.results[release.result]++
    if (release.phase === "force") scope.top.forced++
    release.wrong = true
    this.list(release)
  }

  private forget(release: Release): void {
    this.releases.delete(release.id)
    release.scope.top.live.delete(release)
  }

  private report(top: Top, at: bigint): DropReport {
    for (const release of top.live) {
      if (!release.ended) this.unfinished(release, top.ms(at))
      this.releases.delete(release.id)
    }
    for (const close of top.open) this.closes.delete(close.id)
    this.tops.delete(top)
    return reportOf(top, top.ms(at))
  }
}

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): { readonly result: Ended; readonly error: string | undefined } =>
  exit._tag === "Success"
    ? { result: "released", error: undefined }
    : { result: wayOf(exit.cause), error: exit.cause.reasons.slice(0, 3).map(describeReason).join("; ") }

/** By the strongest of its reasons that a type may know of. */
const wayOf = (cause: Cause.Cause<unknown>): Exclude<Ended, "released"> => {
  const has = (tag: Cause.Reason<unknown>["_tag"]) => cause.reasons.some((reason) => reason._tag === tag)
  return has("Fail") ? "failed" : has("Die") ? "died" : has("Interrupt") ? "interrupted" : "failed"
}
