// The resources that are open, by what an observer sees of them.
import type { Event } from "@async-drop/core/DropObserver"

export class Open {
  private readonly names = new Map<number, string>()

  readonly observer = (event: Event): void => {
    if (event._tag === "Acquired") this.names.set(event.id, event.resource)
    if (event._tag === "Dropped" || event._tag === "Unwrapped") this.names.delete(event.id)
  }

  /** The newest first, as they are released. */
  get resources(): ReadonlyArray<string> {
    return [...this.names.values()].reverse()
  }
}
