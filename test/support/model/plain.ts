// The model of everything that owns or is owned, as plain objects: what is released, in which order, and who
// is told of which error. Nothing here waits, fails or is shared between fibres.

/** What a release comes to. */
export type Ending = "ok" | "fails" | "dies"

export interface Resource {
  readonly name: string
  readonly ending: Ending
  /** Whether it has to be released: it was acquired, and was not taken out. */
  owed: boolean
}

/** What is told of a release that failed. */
export interface Lost {
  readonly resource: Resource
  readonly key: number | undefined
}

/** Where errors go: a sink by its name, or what is collected while that is closed. */
export type Where = string | { readonly contents: Contents; readonly outer: Where }

/** What is known of a run from outside. */
export interface Seen {
  readonly released: Array<string>
  readonly told: Array<string>
}

/** What an owner closes. */
export interface Owned {
  place: Place | undefined
  close(seen: Seen): void
}

/** Last in, first out. */
export class Place {
  readonly owned: Array<Owned> = []
  closed = false

  add<O extends Owned>(owned: O): O {
    owned.place?.remove(owned)
    owned.place = this
    this.owned.push(owned)
    return owned
  }
  remove(owned: Owned): void {
    this.owned.splice(this.owned.indexOf(owned), 1)
    owned.place = undefined
  }
  replace(old: Owned, next: Owned): void {
    this.owned[this.owned.indexOf(old)] = next
    old.place = undefined
    next.place = this
  }
  close(seen: Seen): void {
    this.closed = true
    while (this.owned.length > 0) {
      const last = this.owned.at(-1)!
      last.close(seen)
      last.place?.remove(last)
    }
  }
}

/** Whether what is put there is in `outer`. */
export const isIn = (place: Place, outer: Place): boolean =>
  place === outer || outer.owned.some((owned) =>
    owned instanceof Child
      ? isIn(place, owned)
      : owned instanceof Nest && owned.contents instanceof Inside && isIn(place, owned.contents.place)
  )

/** A scope inside another. */
export class Child extends Place implements Owned {
  place: Place | undefined = undefined
  override close(seen: Seen): void {
    super.close(seen)
    this.place?.remove(this)
  }
}

export const tell = (where: Where, lost: Lost, seen: Seen): void => {
  if (typeof where === "string") return void seen.told.push(`${where}: ${lost.resource.name}`)
  const { contents, outer } = where
  if (contents.collected === undefined) tell(outer, lost, seen)
  else contents.collected.push({ lost, where: outer })
}

export const release = (resource: Resource, seen: Seen, key?: number): Lost | undefined => {
  seen.released.push(resource.name)
  return resource.ending === "ok" ? undefined : { resource, key }
}

/** What a dropper hears: the release's own error. */
const heard = (lost: Lost | undefined): string =>
  lost === undefined ? "ok" : `${lost.resource.ending} lost ${lost.resource.name}`

export type State = "live" | "dropped" | "moved"

/** A guard, or a resource behind a lock. */
export class Life implements Owned {
  place: Place | undefined = undefined
  state: State = "live"
  answer = "ok"
  where: Where
  readonly resource: Resource

  constructor(resource: Resource, where: Where) {
    this.resource = resource
    this.where = where
  }
  drop(seen: Seen): string {
    if (this.state === "moved") return "misuse"
    if (this.state === "live") this.end(seen)
    return this.answer
  }
  close(seen: Seen): void {
    const lost = this.end(seen)
    if (lost !== undefined) tell(this.where, lost, seen)
  }
  /** Its resource goes to other hands. */
  give(): Resource {
    this.state = "moved"
    this.place?.remove(this)
    return this.resource
  }
  private end(seen: Seen): Lost | undefined {
    this.state = "dropped"
    const lost = release(this.resource, seen)
    this.answer = heard(lost)
    this.place?.remove(this)
    return lost
  }
}

export class Shared {
  count = 0
  weak = 0
  last: Lease | undefined = undefined
  answer = "ok"
  readonly resource: Resource

  constructor(resource: Resource) {
    this.resource = resource
  }
}

export class Lease implements Owned {
  place: Place | undefined = undefined
  state: State = "live"
  readonly shared: Shared
  private readonly where: Where

  constructor(shared: Shared, where: Where) {
    this.shared = shared
    this.where = where
    shared.count++
  }
  drop(seen: Seen): string {
    if (this.state === "moved") return "misuse"
    if (this.state === "live") this.leave(seen)
    return this.shared.last === this ? this.shared.answer : "ok"
  }
  close(seen: Seen): void {
    const lost = this.leave(seen)
    if (lost !== undefined) tell(this.where, lost, seen)
  }
  /** The resource, where this is the only handle; it is given up in any case. */
  give(): Resource | undefined {
    const only = this.shared.count === 1
    this.state = only ? "moved" : "dropped"
    this.shared.count--
    this.place?.remove(this)
    return only ? this.shared.resource : undefined
  }
  private leave(seen: Seen): Lost | undefined {
    this.state = "dropped"
    this.shared.count--
    const lost = this.shared.count > 0 ? undefined : release(this.shared.resource, seen)
    if (this.shared.count === 0) {
      this.shared.last = this
      this.shared.answer = heard(lost)
    }
    this.place?.remove(this)
    return lost
  }
}

/** What is in a map or a stack, whoever owns that. */
export abstract class Contents {
  collected: Array<{ readonly lost: Lost; readonly where: Where }> | undefined = undefined
  abstract empty(seen: Seen): void
}

export class Entries extends Contents {
  readonly list: Array<{ readonly key: number; readonly resource: Resource }> = []
  where: Where = ""

  empty(seen: Seen): void {
    for (const { key, resource } of this.list.splice(0).reverse()) {
      const lost = release(resource, seen, key)
      if (lost !== undefined) tell({ contents: this, outer: this.where }, lost, seen)
    }
  }
}

export class Inside extends Contents {
  readonly place = new Place()
  empty(seen: Seen): void {
    this.place.close(seen)
  }
}

/** A map or a stack. */
export class Nest<C extends Contents = Contents> implements Owned {
  place: Place | undefined = undefined
  state: State = "live"
  answer = "ok"
  readonly contents: C

  constructor(contents: C) {
    this.contents = contents
  }
  /** By hand: one failure holds every error. */
  drop(seen: Seen): string {
    if (this.state === "live") this.end(seen)
    return this.answer
  }
  /** By its owner: each error goes to where its resource was put in. */
  close(seen: Seen): void {
    for (const { lost, where } of this.end(seen)) tell(where, lost, seen)
  }
  private end(seen: Seen) {
    this.state = "dropped"
    this.contents.collected = []
    this.contents.empty(seen)
    const all = this.contents.collected
    this.contents.collected = undefined
    const how = all.some(({ lost }) => lost.resource.ending === "fails") ? "fails" : "dies"
    const names = all.map(({ lost }) => `${lost.resource.name}@${lost.key}`)
    if (all.length > 0) this.answer = `${how} with ${names.join(" ")}`
    this.place?.remove(this)
    return all
  }
}
