// One key's machine, as a pure function: what happens, in each state, and what is then to be done.
//
//            borrow                 loaded                last one gives back
//   Absent ─────────▶ Loading ─────────────────▶ Loaded ◀───────────────────▶ Idle
//     ▲                  │ failed, given up         │ last one gives back     │ expired, evicted
//     └──────────────────┴──────── Dropping ◀───────┴─────────────────────────┘
//                             ended
//
// 1. At most one instance lives: a load begins in Absent alone, or where Dropping has ended.
// 2. A load lasts as long as someone waits for it; what it made is held by all who waited.
// 3. `asked` is a drop that is wanted while others hold or wait: it lets nobody else in, and has its turn
//    when the last of them has gone. Who borrows meanwhile is `later`: he waits for the end, and loads afresh.

/** Whether a drop is wanted: no, by whoever is the last to leave, or by one who asked to do it himself. */
type Asked = "no" | "drop" | "request"

export type State =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Loading"; readonly waiting: number; readonly later: number; readonly asked: Asked }
  | { readonly _tag: "Loaded"; readonly holders: number; readonly later: number; readonly asked: Asked }
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Dropping"; readonly later: number; readonly asked: "no" | "request" | "running" }

export type Event =
  /** Someone wants the value. */
  | "borrow"
  /** One who waits for the load is interrupted. */
  | "leave"
  /** One who waits for the end of a drop is interrupted. */
  | "leaveLater"
  | "loaded"
  /** The load has ended without a value, and its parts are released. */
  | "failed"
  /** A ready value is put in. */
  | "insert"
  | "giveBack"
  /** An idle one has had its time, or has to make room. */
  | "expire"
  | "invalidate"
  /** Someone wants to end it himself. */
  | "request"
  /** What was being dropped is gone. */
  | "ended"

export type Action =
  /** The value is there: the caller has it. */
  | "grant"
  /** The caller waits for the load. */
  | "wait"
  /** The caller waits for the end of the drop. */
  | "queue"
  /** The caller waits for the end of the drop, and tries again. */
  | "again"
  /** A load begins, for all who wait. */
  | "load"
  /** Each who waits has the value. */
  | "grantAll"
  /** Each who waits gets the failure. */
  | "failAll"
  /** The caller stops the load and waits for the release of its parts. */
  | "stop"
  /** Its time of being idle begins, or ends. */
  | "rest"
  | "wake"
  /** The caller runs the release. */
  | "drop"
  /** Whoever asked for the drop goes on. */
  | "answer"
  /** The key is taken. */
  | "refuse"
  /** The key is forgotten. */
  | "free"

export type Step = readonly [State, ReadonlyArray<Action>]

export const absent: State = { _tag: "Absent" }
const idle: State = { _tag: "Idle" }

type Loaded = Extract<State, { readonly _tag: "Loaded" }>

/** The states that come and go with each who borrows and gives back. */
const usual: ReadonlyArray<Loaded> = Array.from({ length: 64 }, (_, holders) => ({
  _tag: "Loaded",
  holders,
  later: 0,
  asked: "no"
}))

const loaded = (holders: number, later: number, asked: Asked): Loaded =>
  (later === 0 && asked === "no" ? usual[holders] : undefined) ?? { _tag: "Loaded", holders, later, asked }

/** One holder more or less, of several: what the table says of a value that goes on being held. */
export const heldBy = (state: Loaded, holders: number): State => loaded(holders, state.later, state.asked)

const none: ReadonlyArray<Action> = []
const grant: ReadonlyArray<Action> = ["grant"]
const wait: ReadonlyArray<Action> = ["wait"]
const queue: ReadonlyArray<Action> = ["queue"]
const again: ReadonlyArray<Action> = ["again"]
const refuse: ReadonlyArray<Action> = ["refuse"]
const load: ReadonlyArray<Action> = ["wait", "load"]
const grantAll: ReadonlyArray<Action> = ["grantAll"]
const rest: ReadonlyArray<Action> = ["rest"]
const wake: ReadonlyArray<Action> = ["wake", "grant"]
const drop: ReadonlyArray<Action> = ["drop"]
const free: ReadonlyArray<Action> = ["free"]

/** `rests` says whether a value is kept when nobody holds it. An event that a state does not know changes nothing. */
export const transition = (state: State, event: Event, rests: boolean): Step => {
  switch (state._tag) {
    case "Absent":
      return fromAbsent(state, event)
    case "Loading":
      return fromLoading(state, event)
    case "Loaded":
      return fromLoaded(state, event, rests)
    case "Idle":
      return fromIdle(state, event)
    case "Dropping":
      return fromDropping(state, event)
  }
}

const fromAbsent = (state: State, event: Event): Step => {
  switch (event) {
    case "borrow":
      return [loading(1), load]
    case "insert":
      return [idle, ["rest"]]
    case "request":
      return [dropping(0, "running"), ["answer"]]
    default:
      return [state, none]
  }
}

const fromLoading = (state: Extract<State, { _tag: "Loading" }>, event: Event): Step => {
  const { asked, later, waiting } = state
  switch (event) {
    case "borrow":
      return asked === "no" ? [{ ...state, waiting: waiting + 1 }, wait] : [{ ...state, later: later + 1 }, queue]
    case "leave":
      return waiting > 1
        ? [{ ...state, waiting: waiting - 1 }, none]
        : [dropping(later, asked === "request" ? "request" : "no"), ["stop"]]
    case "leaveLater":
      return [{ ...state, later: later - 1 }, none]
    case "loaded":
      return [loaded(waiting, later, asked), grantAll]
    case "failed": {
      const [next, actions] = afresh(later, asked === "request")
      return [next, ["failAll", ...actions]]
    }
    case "insert":
      return [state, refuse]
    case "invalidate":
      return [asked === "no" ? { ...state, asked: "drop" } : state, none]
    case "request":
      return asked === "request" ? [state, refuse] : [{ ...state, asked: "request" }, none]
    default:
      return [state, none]
  }
}

const fromLoaded = (state: Loaded, event: Event, rests: boolean): Step => {
  const { asked, holders, later } = state
  switch (event) {
    case "borrow":
      return asked === "no" ? [heldBy(state, holders + 1), grant] : [{ ...state, later: later + 1 }, queue]
    case "leaveLater":
      return [{ ...state, later: later - 1 }, none]
    case "giveBack":
      if (holders > 1) return [heldBy(state, holders - 1), none]
      if (asked === "request") return [dropping(later, "running"), ["answer"]]
      return asked === "no" && rests ? [idle, rest] : [dropping(later), drop]
    case "insert":
      return [state, refuse]
    case "invalidate":
      return [asked === "no" ? { ...state, asked: "drop" } : state, none]
    case "request":
      return asked === "request" ? [state, refuse] : [{ ...state, asked: "request" }, none]
    default:
      return [state, none]
  }
}

const fromIdle = (state: State, event: Event): Step => {
  switch (event) {
    case "borrow":
      return [loaded(1, 0, "no"), wake]
    case "expire":
    case "invalidate":
      return [dropping(0), ["wake", "drop"]]
    case "request":
      return [dropping(0, "running"), ["wake", "answer"]]
    case "insert":
      return [state, refuse]
    default:
      return [state, none]
  }
}

const fromDropping = (state: Extract<State, { _tag: "Dropping" }>, event: Event): Step => {
  const { asked, later } = state
  switch (event) {
    case "borrow":
      return [dropping(later + 1, asked), queue]
    case "leaveLater":
      return [dropping(later - 1, asked), none]
    case "insert":
      return [state, asked === "no" && later === 0 ? again : refuse]
    case "request":
      return asked === "no" ? [dropping(later, "request"), none] : [state, refuse]
    case "ended":
      return afresh(later, asked === "request")
    default:
      return [state, none]
  }
}

/** What comes when nothing is live any more: first who asked to end it, then who wants it anew. */
const afresh = (later: number, requested: boolean): Step =>
  requested ? [dropping(later, "running"), ["answer"]] : later > 0 ? [loading(later), ["load"]] : [absent, free]

const loading = (waiting: number): State => waiting === 1 ? first : { _tag: "Loading", waiting, later: 0, asked: "no" }

const first: State = { _tag: "Loading", waiting: 1, later: 0, asked: "no" }

const dropping = (later: number, asked: "no" | "request" | "running" = "no"): State =>
  later === 0 && asked === "no" ? plainDrop : { _tag: "Dropping", later, asked }

const plainDrop: State = { _tag: "Dropping", later: 0, asked: "no" }
