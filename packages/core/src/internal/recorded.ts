// What a recorder keeps of a top-level close while that lasts.
//
// 1. All that is counted is counted in the top; what is listed stands in the close that it is a part of.
// 2. A close is wrong where something in it is, at any depth: what holds that is worth its place as well.
import type { Phase } from "../DropError.ts"
import type { Event } from "../DropObserver.ts"
import type { Late, Result } from "../DropReport.ts"
import type { Limit } from "../DropTimeout.ts"

/** A close that is a part of no other, with all that is in it. */
export class Top {
  readonly base: bigint
  readonly root: Close
  readonly open = new Set<Close>()
  readonly live = new Set<Release>()
  readonly results: Record<Result, number> = {
    released: 0,
    failed: 0,
    died: 0,
    interrupted: 0,
    abandoned: 0,
    unfinished: 0
  }
  /** Those listed that have ended well, and have no close in them. */
  readonly ordinary: Array<Release> = []
  resources = 0
  scopes = 0
  forced = 0
  late = 0
  listed = 0
  bare = 0
  reordered = false

  constructor(root: Close, base: bigint) {
    this.root = root
    this.base = base
  }

  ms(at: bigint): number {
    return Number(at - this.base) / 1e6
  }
}

export class Close {
  readonly id: number
  readonly name: string
  readonly concurrency: number
  readonly budget: number | undefined
  readonly parent: Close | undefined
  readonly of: Release | undefined
  readonly top: Top
  readonly startedAt: number
  readonly inside = new Set<Close>()
  readonly releases: Array<Release> = []
  endedAt: number | undefined = undefined
  count = 0
  listed = 0
  wrong = false

  constructor(
    event: Event & { readonly _tag: "Closing" },
    at: bigint,
    parent: Close | undefined,
    of: Release | undefined
  ) {
    this.id = event.close
    this.name = event.resource
    this.concurrency = event.concurrency
    this.budget = event.budget
    this.parent = parent
    this.of = of
    this.top = parent?.top ?? new Top(this, at)
    this.startedAt = this.top.ms(at)
  }
}

export class Release {
  readonly id: number
  readonly name: string
  readonly scope: Close
  readonly turn: number
  key: string | undefined = undefined
  waitsFor: ReadonlyArray<string> = []
  waitsSince: number | undefined = undefined
  startedAt: number | undefined = undefined
  endedAt: number | undefined = undefined
  phase: Phase = "graceful"
  limit: Limit | undefined = undefined
  result: Result = "unfinished"
  error: string | undefined = undefined
  note: string | undefined = undefined
  lates: ReadonlyArray<Late> | undefined = undefined
  ended = false
  listed = false
  wrong = false
  /** Whether a close is a part of it. */
  around = false
  /** Its place in the list of its scope. */
  index = 0

  constructor(id: number, name: string, scope: Close, turn: number) {
    this.id = id
    this.name = name
    this.scope = scope
    this.turn = turn
  }
}

export const enlist = (release: Release): void => {
  release.listed = true
  release.scope.releases.push(release)
  release.scope.listed++
  release.scope.top.listed++
}

/** What holds something that went wrong is worth its place as well. */
export const wentWrong = (release: Release | undefined, scope: Close): void => {
  if (release !== undefined) release.wrong = true
  scope.wrong = true
}
