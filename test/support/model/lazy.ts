// The model of a load that several await.
import {
  type Lost,
  type Owned,
  type Place,
  release,
  type Resource,
  type Seen,
  type State,
  tell,
  type Where
} from "./plain.ts"

/** A load that several await: what it has made lives as long as someone awaits it, or has a handle. */
export class Lazy {
  handles = 0
  holders = 0
  /** Whether its value is there. */
  live = false
  loaded: { readonly resource: Resource; readonly failed: boolean } | undefined = undefined
  last: LazyHandle | undefined = undefined
  answer = "ok"
  /** Where it was made. */
  where: Where = ""
  private fails: number
  private readonly make: () => Resource

  constructor(fails: number, make: () => Resource) {
    this.fails = fails
    this.make = make
  }
  /** Why it has no value, if it has none now. */
  load(seen: Seen): string | undefined {
    if (this.live) return undefined
    const resource = this.make()
    const failed = this.fails-- > 0
    resource.owed = true
    this.loaded = { resource, failed }
    this.live = !failed
    if (!failed) return undefined
    const lost = release(resource, seen)
    if (lost !== undefined) tell(this.where, lost, seen)
    return "fails refused"
  }
  /** One handle or holder less. */
  end(seen: Seen): Lost | undefined {
    if (this.handles > 0 || this.holders > 0 || !this.live) return undefined
    this.live = false
    return release(this.loaded!.resource, seen)
  }
}

/** One who awaited it. */
export class Awaited implements Owned {
  place: Place | undefined = undefined
  private readonly lazy: Lazy
  private readonly where: Where

  constructor(lazy: Lazy, where: Where) {
    this.lazy = lazy
    this.where = where
    lazy.holders++
  }
  close(seen: Seen): void {
    this.lazy.holders--
    const lost = this.lazy.end(seen)
    if (lost !== undefined) tell(this.where, lost, seen)
  }
}

export class LazyHandle implements Owned {
  place: Place | undefined = undefined
  state: State = "live"
  readonly lazy: Lazy
  private readonly where: Where

  constructor(lazy: Lazy, where: Where) {
    this.lazy = lazy
    this.where = where
    lazy.handles++
  }
  drop(seen: Seen): string {
    if (this.state === "live") this.leave(seen)
    return this.lazy.last === this ? this.lazy.answer : "ok"
  }
  close(seen: Seen): void {
    const lost = this.leave(seen)
    if (lost !== undefined) tell(this.where, lost, seen)
  }
  private leave(seen: Seen): Lost | undefined {
    this.state = "dropped"
    this.lazy.handles--
    const lost = this.lazy.end(seen)
    if (this.lazy.handles === 0) {
      this.lazy.last = this
      this.lazy.answer = lost === undefined ? "ok" : `${lost.resource.ending} with ${lost.resource.name}@${lost.key}`
    }
    this.place?.remove(this)
    return lost
  }
}
