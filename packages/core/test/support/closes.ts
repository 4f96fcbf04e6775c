// Closes written down as the events that an observer sees, each with its time in milliseconds.
import type { DropObserver, DropReport } from "@async-drop/core"
import { Exit } from "effect"
import { reportsOf, type Timed } from "../../src/internal/recorder.ts"

type Fields<Tag extends DropObserver.Event["_tag"]> = Partial<Extract<DropObserver.Event, { readonly _tag: Tag }>>

/** `at` sets the time of what comes after it; a resource is named by its number where it has no other name. */
export class Script {
  readonly timed: Array<Timed> = []
  private now = 0

  at(ms: number): this {
    this.now = ms
    return this
  }
  closing(close: number, fields: Fields<"Closing"> = {}): this {
    return this.add({ _tag: "Closing", close, resource: `scope ${close}`, concurrency: 1, ...fields })
  }
  closed(close: number): this {
    return this.add({ _tag: "Closed", close, resource: `scope ${close}` })
  }
  waiting(id: number, close: number, names: ReadonlyArray<string>): this {
    return this.add({ _tag: "Waiting", id, resource: `resource ${id}`, for: names, close })
  }
  dropping(id: number, close: number, fields: Fields<"Dropping"> = {}): this {
    return this.add({ _tag: "Dropping", id, resource: `resource ${id}`, close, ...fields })
  }
  byHand(id: number): this {
    return this.add({ _tag: "Dropping", id, resource: `resource ${id}` })
  }
  noted(id: number, text: string): this {
    return this.add({ _tag: "Noted", id, resource: `resource ${id}`, text })
  }
  forcing(id: number): this {
    return this.add({ _tag: "Forcing", id, resource: `resource ${id}`, limit: "timeout" })
  }
  abandoned(id: number, fields: Fields<"Abandoned"> = {}): this {
    return this.add({ _tag: "Abandoned", id, resource: `resource ${id}`, limit: "forceTimeout", ...fields })
  }
  dropped(id: number, exit: Exit.Exit<unknown, unknown> = Exit.void): this {
    return this.add({ _tag: "Dropped", id, resource: `resource ${id}`, exit })
  }
  late(id: number, fields: Fields<"Late"> = {}): this {
    return this.add({ _tag: "Late", id, resource: `resource ${id}`, phase: "graceful", exit: Exit.void, ...fields })
  }
  /** A release from beginning to end, which is then the time. */
  release(id: number, close: number, ms: number, fields: Fields<"Dropping"> = {}, exit?: Exit.Exit<unknown, unknown>) {
    return this.dropping(id, close, fields).at(this.now + ms).dropped(id, exit)
  }
  add(event: DropObserver.Event): this {
    this.timed.push({ at: BigInt(Math.round((5_000 + this.now) * 1e6)), event })
    return this
  }
  reports(maxResources?: number): ReadonlyArray<DropReport.DropReport> {
    return reportsOf(this.timed, maxResources)
  }
  /** The only report there is. */
  report(maxResources?: number): DropReport.DropReport {
    const [report, ...others] = this.reports(maxResources)
    if (report === undefined || others.length > 0) throw new Error(`${others.length + 1} reports`)
    return report
  }
}
