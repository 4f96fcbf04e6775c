import { DropObserver } from "@async-drop/core"
import { Clock, Effect } from "effect"

/** What happened to the resources of one kind; times in milliseconds. */
export interface Kind {
  readonly opened: number
  readonly closed: number
  readonly failed: number
  /** The most that were open at once. */
  readonly most: number
  /** How long all closes took together, and the longest of them. */
  readonly total: number
  readonly longest: number
}

/** Sees each resource opened and closed; `kinds` are in the order of their last close. */
export interface Ledger {
  readonly observe: DropObserver.Observer
  readonly kinds: ReadonlyMap<string, Kind>
}

export const makeLedger: Effect.Effect<Ledger> = Clock.clockWith((clock) => {
  const kinds = new Map<string, Kind>()
  const closing = new Map<number, bigint>()

  const observe = (event: DropObserver.Event) => {
    const name = kindOf(event.resource)
    const kind = kinds.get(name) ?? none
    switch (event._tag) {
      case "Acquired": {
        const opened = kind.opened + 1
        kinds.set(name, { ...kind, opened, most: Math.max(kind.most, opened - kind.closed) })
        break
      }
      case "Dropping": {
        closing.set(event.id, clock.monotonicTimeNanosUnsafe())
        break
      }
      case "Dropped": {
        const now = clock.monotonicTimeNanosUnsafe()
        const took = Number(now - (closing.get(event.id) ?? now)) / 1e6
        closing.delete(event.id)
        kinds.delete(name) // to stand last
        kinds.set(name, {
          ...kind,
          closed: kind.closed + 1,
          failed: kind.failed + (event.exit._tag === "Failure" ? 1 : 0),
          total: kind.total + took,
          longest: Math.max(kind.longest, took)
        })
      }
    }
  }
  return Effect.succeed({ observe, kinds })
})

/** Shows it the resources of an effect, beside whoever looks already. */
export const seenBy = ({ observe }: Ledger) =>
  Effect.updateService(DropObserver.DropObserver, (others) =>
    Object.assign((event: DropObserver.Event) => {
      observe(event)
      others?.(event)
    }, { closes: others?.closes, stacks: others?.stacks }))

/** The kinds of which some are open. */
export const unclosed = ({ kinds }: Ledger): ReadonlyArray<string> =>
  [...kinds].flatMap(([name, { closed, opened }]) => closed === opened ? [] : [`${opened - closed} × ${name}`])

const none: Kind = { opened: 0, closed: 0, failed: 0, most: 0, total: 0, longest: 0 }

/** Of "served file: a.txt" it is "served file". */
const kindOf = (resource: string) => resource.split(": ", 1)[0]!
