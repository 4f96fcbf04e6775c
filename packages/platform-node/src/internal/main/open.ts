// The resources that are open, by what an observer sees of them.
import type { Event } from "@async-drop/core/DropObserver"

export class Open {
  private readonly names = new Map<number, string>()
  /** Those whose release has begun, in that order. */
  private readonly begun = new Map<number, string>()

  /** Whether the program has ended, and only its own scope is closed. */
  closing = false
  /** Whether a release failed since. */
  failed = false

  readonly observer = (event: Event): void => {
    if (event._tag === "Acquired") this.names.set(event.id, event.resource)
    if (event._tag === "Dropping") this.begun.set(event.id, event.resource)
    if (event._tag === "Dropped" || event._tag === "Unwrapped") {
      this.names.delete(event.id)
      this.begun.delete(event.id)
    }
    if (this.closing && event._tag === "Dropped" && event.exit._tag === "Failure") this.failed = true
  }

  /** The newest first, as they are released. */
  get resources(): ReadonlyArray<string> {
    return [...this.names.values()].reverse()
  }

  get releasing(): ReadonlyArray<string> {
    return [...this.begun.values()]
  }
}
