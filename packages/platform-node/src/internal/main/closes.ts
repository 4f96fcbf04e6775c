// The closes of a run, of which a server has one for each request.
//
// 1. What is kept is bounded, however many there are and however long it runs.
// 2. Whether all was well is known of every close of the shutdown, kept or not.
// 3. The last close is kept: it is the program's own, or was its end.
// 4. One that was not well is kept before one that was; of those before the shutdown no other is.
import type { DropReport } from "@async-drop/core/DropReport"

/** A scope that is closed so shortly before the end of the program is taken for its own. */
const sameEnd = 100

const kept = 100

const keptBefore = 20

export class Closes {
  private readonly ofShutdown: Array<DropReport> = []
  private readonly earlier: Array<{ readonly report: DropReport; readonly at: number }> = []
  private last: { readonly report: DropReport; readonly at: number } | undefined = undefined
  private begun = false
  private well = true
  private notKept = 0

  add(report: DropReport): void {
    if (report.totals.resources === 0) return
    if (this.begun) {
      this.keep(report)
      return
    }
    this.last = { report, at: performance.now() }
    if (!isWell(report)) this.earlier.push(this.last)
    if (this.earlier.length > keptBefore) this.earlier.shift()
  }

  /** The shutdown begins: because the program has ended, which its last closes may have been, or for another reason. */
  begin(ended: boolean): void {
    this.begun = true
    const { last } = this
    if (!ended || last === undefined || performance.now() - last.at > sameEnd) return
    const ending = this.earlier.filter(({ at }) => last.at - at <= sameEnd)
    this.earlier.length -= ending.length
    for (const { report } of ending) this.keep(report)
    if (isWell(last.report)) this.keep(last.report)
  }

  /** Those of the shutdown, in their order. */
  get all(): ReadonlyArray<DropReport> {
    return this.ofShutdown
  }

  get allWell(): boolean {
    return this.well
  }

  /** How many more there were. */
  get leftOut(): number {
    return this.notKept
  }

  /** Those before it that were not well. */
  get before(): ReadonlyArray<DropReport> {
    return this.earlier.map(({ report }) => report)
  }

  private keep(report: DropReport): void {
    if (!isWell(report)) this.well = false
    const { ofShutdown } = this
    if (ofShutdown.length === kept) {
      const first = ofShutdown.findIndex(isWell)
      ofShutdown.splice(first === -1 ? kept - 1 : first, 1)
      this.notKept++
    }
    ofShutdown.push(report)
  }
}

export const isWell = ({ totals }: DropReport): boolean => totals.released === totals.resources && totals.forced === 0
