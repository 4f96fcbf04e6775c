// The model of a store as plain objects: what becomes of each key, who holds or waits, what was loaded and released.
// A load lasts until the program ends it; a release is over at once.

type Asked = "no" | "drop" | "request"

interface Key {
  state: "absent" | "loading" | "loaded" | "idle"
  /** Who waits for the load, or holds what it made. */
  readonly users: Array<number>
  /** Who waits for the next one. */
  later: Array<number>
  asked: Asked
}

export interface Limits {
  readonly rests: boolean
  readonly capacity: number
}

export class Model {
  readonly keys: ReadonlyArray<Key> = [0, 1, 2].map(() => ({ state: "absent", users: [], later: [], asked: "no" }))
  /** What each client came to: nothing yet, `waits`, `holds`, or how it ended. */
  readonly clients: Array<string> = []
  readonly requests: Array<string> = []
  readonly log: Array<string> = []
  private readonly idle: Array<number> = []
  private readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  get live(): number {
    return this.keys.filter(({ state }) => state !== "absent").length
  }

  borrow(client: number, at: number): void {
    const key = this.keys[at]!
    if (key.state === "idle" || (key.state === "loaded" && key.asked === "no")) {
      this.wake(at)
      key.state = "loaded"
      key.users.push(client)
      this.clients[client] = "holds"
    } else if (key.state === "absent") {
      this.clients[client] = "waits"
      this.load(at, [client])
    } else {
      this.clients[client] = "waits"
      const waits = key.asked === "no" ? key.users : key.later
      waits.push(client)
    }
  }

  /** Only what is there, or comes. */
  option(client: number, at: number): void {
    const key = this.keys[at]!
    if (key.state === "absent" || key.asked !== "no") this.clients[client] = "none"
    else this.borrow(client, at)
  }

  insertLoading(client: number, at: number): void {
    if (this.keys[at]!.state === "absent") this.borrow(client, at)
    else this.clients[client] = "refused"
  }

  /** Lets go what is held, or waits no longer. */
  leave(client: number, at: number): void {
    const key = this.keys[at]!
    this.clients[client] = this.clients[client] === "holds" ? "done" : "interrupted"
    if (key.later.includes(client)) {
      key.later = key.later.filter((each) => each !== client)
      return
    }
    key.users.splice(key.users.indexOf(client), 1)
    if (key.users.length > 0) return
    if (key.state === "loading") {
      this.log.push(`stopped ${at}`)
      this.next(at)
    } else if (key.asked === "no" && this.limits.rests) {
      key.state = "idle"
      this.idle.push(at)
    } else this.drop(at)
  }

  /** The load ends. */
  settle(at: number, well: boolean): boolean {
    const key = this.keys[at]!
    if (key.state !== "loading") return false
    if (well) {
      key.state = "loaded"
      for (const client of key.users) this.clients[client] = "holds"
      return true
    }
    for (const client of key.users.splice(0)) this.clients[client] = "failed"
    this.next(at)
    return true
  }

  insert(at: number): string {
    const key = this.keys[at]!
    if (key.state === "absent") {
      if (this.live >= this.limits.capacity && !this.evict()) return "full"
      key.state = "idle"
      this.idle.push(at)
      return "ok"
    }
    if (key.state === "loading") return key.asked === "request" ? "dropping" : "loading"
    return key.asked === "no" ? "present" : "dropping"
  }

  invalidate(at: number): void {
    const key = this.keys[at]!
    if (key.state === "idle") this.drop(at)
    else if (key.state !== "absent" && key.asked === "no") key.asked = "drop"
  }

  request(at: number): void {
    const key = this.keys[at]!
    const id = this.requests.push("waits") - 1
    if (key.state === "absent") this.requests[id] = "none"
    else if (key.state === "idle") {
      this.requests[id] = "some"
      this.drop(at)
    } else if (key.asked === "request") this.requests[id] = "already"
    else {
      key.asked = "request"
      this.asking.set(at, id)
    }
  }

  private readonly asking = new Map<number, number>()

  private load(at: number, clients: Array<number>): void {
    const key = this.keys[at]!
    const full = this.live >= this.limits.capacity && !this.evict()
    key.state = "loading"
    key.users.splice(0, Infinity, ...clients)
    if (full) {
      for (const client of key.users.splice(0)) this.clients[client] = "full"
      this.next(at)
    } else this.log.push(`load ${at}`)
  }

  private evict(): boolean {
    const first = this.idle[0]
    if (first === undefined) return false
    this.drop(first)
    return true
  }

  private drop(at: number): void {
    this.wake(at)
    this.log.push(`release ${at}`)
    this.answer(at, "some")
    this.next(at)
  }

  /** The last instance has gone. */
  private next(at: number): void {
    const key = this.keys[at]!
    this.answer(at, "none")
    const { later } = key
    key.state = "absent"
    key.asked = "no"
    key.later = []
    if (later.length > 0) this.load(at, later)
  }

  private answer(at: number, answer: string): void {
    const id = this.asking.get(at)
    if (id === undefined) return
    this.asking.delete(at)
    this.requests[id] = answer
  }

  private wake(at: number): void {
    const i = this.idle.indexOf(at)
    if (i >= 0) this.idle.splice(i, 1)
  }
}
