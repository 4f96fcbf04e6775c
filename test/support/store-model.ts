// The model of a store as plain objects: what becomes of each key, who holds or waits, what was loaded and released.
// A load lasts until the program ends it; a release is over at once.
//
// A load first wants its room, then the keys that it needs, one after the other, then waits for the program. Who wants
// a key is a client or a life: a load, and then the value that it made, which may keep the keys that it needed.

type Asked = "no" | "drop" | "request"

/** A client, or the life that needs it. */
type User = number | Life

interface Key {
  readonly id: number
  state: "absent" | "loading" | "loaded" | "idle" | "dropping"
  /** Its load, or its value. */
  life: Life | undefined
  /** Who waits for the load, or holds what it made. */
  users: Array<User>
  /** Who waits for the next one. */
  later: Array<User>
  /** What goes on when nothing is there any more. */
  over: Array<() => void>
  asked: Asked
}

export interface Limits {
  readonly rests: boolean
  readonly capacity: number
  readonly onFull: "wait" | "fail"
  /** What the load of each key needs of the others. */
  readonly needs: ReadonlyArray<ReadonlyArray<number>>
  /** Whether the value of a key keeps them. */
  readonly keeps: ReadonlyArray<boolean>
}

/** A load, and what it has made. */
class Life {
  readonly kept: Array<Key> = []
  /** What its load waits for. */
  waits: Key | "room" | "turn" | "program" | undefined = undefined
  needed = 0
  /** Where it is found; nobody knows of one that has gone elsewhere. */
  at: Key | undefined
  /** The key that it was made for. */
  readonly of: number

  constructor(at: Key) {
    this.at = at
    this.of = at.id
  }
}

interface Request {
  readonly id: number
  /** The key that what is found is put under. */
  readonly to: number | undefined
}

export class Model {
  readonly keys: ReadonlyArray<Key>
  /** What each client came to: nothing yet, `waits`, `holds`, or how it ended. */
  readonly clients: Array<string> = []
  readonly requests: Array<string> = []
  /** What was loaded and released, by key. */
  readonly log: ReadonlyArray<Array<string>>
  private readonly idle: Array<Key> = []
  private readonly asking = new Map<Key, Request>()
  /** Keys that have room, and those that wait for it. */
  private readonly inside = new Set<Key>()
  private readonly line: Array<Key> = []
  /** Whose turn has come: they go on when the others have. */
  private readonly turns: Array<() => unknown> = []
  private readonly limits: Limits
  private closed = false

  constructor(limits: Limits) {
    this.limits = limits
    this.keys = limits.needs.map((_, id) => ({
      id,
      state: "absent",
      life: undefined,
      users: [],
      later: [],
      over: [],
      asked: "no"
    }))
    this.log = this.keys.map(() => [])
  }

  get live(): number {
    return this.inside.size
  }

  /** Goes on until nothing is left to do. */
  rest(): void {
    for (let turn = this.turns.shift(); turn !== undefined; turn = this.turns.shift()) turn()
  }

  borrow(client: number, at: number): void {
    this.clients[client] = "waits"
    this.want(client, this.keys[at]!)
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
    const held = this.clients[client] === "holds"
    this.clients[client] = held ? "done" : "interrupted"
    if (held) this.giveBack(client, this.keys[at]!)
    else this.waitNoMore(client, this.keys[at]!)
  }

  /** The load ends. */
  settle(at: number, well: boolean): boolean {
    const key = this.keys[at]!
    if (key.life?.waits !== "program") return false
    key.life.waits = undefined
    if (!well) {
      this.fail(key, "failed")
      return true
    }
    key.state = "loaded"
    const users = [...key.users]
    for (const user of users) {
      if (typeof user === "number") this.clients[user] = "holds"
      else user.waits = undefined
    }
    for (const user of users) if (typeof user !== "number") this.got(user, key)
    return true
  }

  insert(at: number): string {
    const key = this.keys[at]!
    const reason = this.refusal(key)
    if (reason !== undefined) return reason
    if (this.inside.size >= this.limits.capacity && !this.evict()) return "full"
    this.put(key, new Life(key))
    return "ok"
  }

  invalidate(at: number): void {
    const key = this.keys[at]!
    if (key.state === "idle") this.drop(key)
    else if (key.state !== "absent" && key.asked === "no") key.asked = "drop"
  }

  /** The value is dropped, or put in elsewhere. */
  request(at: number, to?: number): void {
    const key = this.keys[at]!
    const id = this.requests.push("waits") - 1
    if (key.asked === "request") {
      this.requests[id] = "already"
      return
    }
    this.asking.set(key, { id, to })
    if (key.state === "absent") this.ended(key)
    else if (key.state === "idle") this.drop(key)
    else key.asked = "request"
  }

  /** When everyone has gone. */
  close(): void {
    this.closed = true
    for (const key of this.idle.slice()) if (key.state === "idle") this.drop(key)
  }

  // ------------------------------------------------------------------ borrowing

  private want(user: User, key: Key): void {
    const life = typeof user === "number" ? undefined : user
    if (key.state === "idle" || (key.state === "loaded" && key.asked === "no")) {
      this.wake(key)
      key.state = "loaded"
      key.users.push(user)
      if (life === undefined) this.clients[user as number] = "holds" // it is no life
      else this.got(life, key)
      return
    }
    if (life !== undefined && this.leadsTo(life, key, new Set())) return this.fail(life.at!, "cycle") // it loads
    if (life !== undefined) life.waits = key
    if (key.state === "absent") this.load(key, [user])
    else {
      const waits = key.asked === "no" && key.state !== "dropping" ? key.users : key.later
      waits.push(user)
    }
  }

  /** The load has what it needed. */
  private got(life: Life, key: Key): void {
    life.waits = undefined
    if (this.limits.keeps[life.at!.id]!) life.kept.push(key) // it loads
    else this.giveBack(life, key)
    this.goOn(life)
  }

  private goOn(life: Life): void {
    const at = life.at!.id // it loads
    const next = this.limits.needs[at]![life.needed++]
    if (next === undefined) {
      life.waits = "program"
      this.log[at]!.push("load")
    } else this.want(life, this.keys[next]!)
  }

  private waitNoMore(user: User, key: Key): void {
    if (key.later.includes(user)) {
      key.later = key.later.filter((each) => each !== user)
      return
    }
    key.users = key.users.filter((each) => each !== user)
    if (key.users.length === 0) this.stop(key)
  }

  private giveBack(user: User, key: Key): void {
    key.users.splice(key.users.indexOf(user), 1)
    if (key.users.length > 0) return
    if (key.asked === "no" && this.limits.rests && this.line.length === 0 && !this.closed) this.rests(key)
    else this.drop(key)
  }

  // ------------------------------------------------------------------ loading and ending

  private load(key: Key, users: Array<User>): void {
    key.state = "loading"
    key.users = users
    const life = key.life = new Life(key)
    const full = () => this.inside.size >= this.limits.capacity
    if (full()) this.evict()
    if (!full()) {
      this.inside.add(key)
      return this.goOn(life)
    }
    if (this.limits.onFull === "fail") return this.fail(key, "full")
    if (this.allLeadTo(life)) return this.fail(key, "cycle")
    life.waits = "room"
    this.line.push(key)
  }

  private stop(key: Key): void {
    const life = key.life!
    const { waits } = life
    key.state = "dropping"
    life.waits = undefined
    if (waits === "program") this.log[key.id]!.push("stopped")
    else if (waits === "room") this.line.splice(this.line.indexOf(key), 1)
    else if (typeof waits === "object") this.waitNoMore(life, waits)
    this.free(life)
    this.ended(key)
  }

  private fail(key: Key, how: string): void {
    this.free(key.life!)
    const users = key.users.splice(0)
    for (const user of users) if (typeof user !== "number") user.waits = undefined
    this.ended(key)
    for (const user of users) {
      if (typeof user === "number") this.clients[user] = how
      else this.fail(user.at!, how) // it loads
    }
  }

  private drop(key: Key): void {
    this.wake(key)
    const { life } = key
    key.state = "dropping"
    this.answer(key, life, (moved) => {
      if (!moved) {
        this.log[life!.of]!.push("release")
        this.free(life!)
      }
      this.ended(key)
    })
  }

  /** Gives back what it kept, the newest first. */
  private free(life: Life): void {
    for (const key of life.kept.splice(0).toReversed()) this.giveBack(life, key)
  }

  /** The last instance has gone, or never was. */
  private ended(key: Key): void {
    if (this.inside.delete(key)) {
      const next = this.line.shift()
      if (next !== undefined) {
        const life = next.life! // it loads
        life.waits = "turn"
        this.inside.add(next)
        this.turns.push(() => life.waits === "turn" && this.goOn(life))
      }
    }
    key.life = undefined
    key.state = "dropping"
    this.answer(key, undefined, () => {
      const { later } = key
      key.asked = "no"
      key.later = []
      if (later.length > 0) this.load(key, later)
      else key.state = "absent"
      for (const go of key.over.splice(0)) go()
    })
  }

  /** Whoever asked for the end of a key has it in hand, and may put it in elsewhere. */
  private answer(key: Key, life: Life | undefined, next: (moved: boolean) => void): void {
    const request = this.asking.get(key)
    if (request === undefined) return next(false)
    this.asking.delete(key)
    key.asked = "request"
    const { id, to } = request
    const end = (answer: string) => {
      this.requests[id] = answer
      next(answer === "moved")
    }
    if (life === undefined) return end("none")
    if (to === undefined) return end("some")
    const other = this.keys[to]!
    const move = (): void => {
      const reason = this.refusal(other)
      if (reason === "ended") return void other.over.push(move)
      if (reason !== undefined) return end(reason)
      // With the room that it has.
      this.inside.delete(key)
      life.at = undefined
      this.put(other, life)
      end("moved")
    }
    move()
  }

  /** Why nothing can be put in; `ended`: not before what is dropped now has ended. */
  private refusal(key: Key): string | undefined {
    if (this.closed) return "closed"
    if (key.state === "absent") return undefined
    if (key.state === "loading") return key.asked === "request" ? "dropping" : "loading"
    if (key.state === "dropping") return key.asked !== "request" && key.later.length === 0 ? "ended" : "dropping"
    return key.asked === "no" ? "present" : "dropping"
  }

  private put(key: Key, life: Life): void {
    this.inside.add(key)
    key.life = life
    this.rests(key)
    if (this.line.length > 0) this.evict()
  }

  private rests(key: Key): void {
    key.state = "idle"
    this.idle.push(key)
  }

  private evict(): boolean {
    const [first] = this.idle
    if (first === undefined) return false
    this.drop(first)
    return true
  }

  private wake(key: Key): void {
    const i = this.idle.indexOf(key)
    if (i >= 0) this.idle.splice(i, 1)
  }

  // ------------------------------------------------------------------ circles

  /** Whether the end of a key, or of its load, waits for this load. */
  private leadsTo(load: Life, key: Key, seen: Set<Key>, inRoom = false): boolean {
    if (seen.has(key)) return false
    seen.add(key)
    if (key.state === "loading") {
      if (key.life === load) return true
      const waits = key.life?.waits
      if (waits === "room") return inRoom || this.allLeadTo(load)
      return typeof waits === "object" && this.leadsTo(load, waits, seen, inRoom)
    }
    return key.users.some((user) =>
      typeof user !== "number" && user.at !== undefined && this.leadsTo(load, user.at, seen, inRoom)
    )
  }

  /** Whoever waits for room waits for the first of all that have it. */
  private allLeadTo(load: Life): boolean {
    return [...this.inside].every((key) => this.leadsTo(load, key, new Set(), true))
  }
}
