// The close of an owner, for those who have to know of it: a budget, an observer, a release that asks.
//
// 1. Nobody pays for it who does not need it: a close has one only where it has a budget or is part of one,
//    is observed, or has given up on something.
// 2. It is found by what it runs, however deep, through `DropContext`; once it is over nobody finds it.
// 3. What was given up on is looked up when someone asks: telling everyone around at once would cost as much
//    as the closes are deep, for each.
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { DropContext } from "../DropContext.ts"
import type { Phase } from "../DropError.ts"
import type { Event, Observer } from "../DropObserver.ts"
import type { Limit } from "../DropTimeout.ts"
import type { Budget } from "./budget.ts"
import type { AnyFiber, Lifetime } from "./lifetime.ts"

let ids = 0
/** How many are under way: while there are none, nobody needs to look. */
let underWay = 0

/** What was given up on, itself or in what it owned. */
interface Left {
  readonly resource: string
  readonly lifetime: Lifetime
  readonly turn: number
}

/** Names, each with the turn in which it was given up on. */
type Names = Map<string, number>

let turns = 0

/** What is closed, and how. */
interface Closed {
  readonly label: string
  readonly limit: number
  /** A budget of its own; it starts now. */
  readonly budget?: Budget | undefined
  readonly observer?: Observer | undefined
  /** The resource whose release this is. */
  readonly of?: number | undefined
  readonly scope?: Scope.Scope | undefined
}

export class Closing implements DropContext {
  readonly id = ++ids
  readonly parent: Closing | undefined
  readonly budget: Budget | undefined
  readonly observer: Observer | undefined
  readonly label: string
  readonly clock: Clock.Clock
  /** The scope whose entries are closed here. */
  readonly scope: Scope.Scope | undefined
  /** Whether each of what is closed here may need all that came before it. */
  private readonly inOrder: boolean
  private left: Array<Left> | undefined = undefined
  /** Of what was given up on deeper inside, in a close that is over, there is only the name. */
  private deeper: Names | undefined = undefined
  /** Closes deeper inside that are under way, and have none between that is. */
  private inside: Set<Closing> | undefined = undefined
  private above: Closing | undefined
  private over = false

  constructor(fiber: AnyFiber, closed: Closed) {
    const { budget, label, limit, observer, of, scope } = closed
    this.label = label
    this.parent = this.above = closingOf(fiber)
    if (this.parent !== undefined) (this.parent.inside ??= new Set()).add(this)
    this.budget = budget ?? this.parent?.budget
    this.observer = observer
    this.clock = fiber.getRef(Clock.Clock)
    this.scope = scope
    this.inOrder = limit === 1
    underWay++
    budget?.start(fiber.context)
    this.tell({
      _tag: "Closing",
      close: this.id,
      resource: label,
      concurrency: limit,
      ...(this.parent === undefined ? {} : { parent: this.parent.id }),
      ...(of === undefined ? {} : { of }),
      ...(budget === undefined ? {} : { budget: budget.millis })
    })
  }

  end(): void {
    if (this.over) return
    this.over = true
    underWay--
    this.handUp()
    if (this.budget !== this.parent?.budget) this.budget?.stop()
    this.tell({ _tag: "Closed", close: this.id, resource: this.label })
  }

  /** What is run here finds it. */
  within(context: Context.Context<never>): Context.Context<never> {
    return Context.add(context, DropContext, this)
  }

  /** As `within`, for the release of one that others may depend on. */
  around(lifetime: Lifetime, context: Context.Context<never>): Context.Context<never> {
    return this.inOrder || this.left === undefined
      ? this.within(context)
      : Context.add(context, DropContext, new Needed(this, lifetime))
  }

  gaveUp(resource: string, lifetime: Lifetime): void {
    const turn = ++turns
    if (!this.over) return void (this.left ??= []).push({ resource, lifetime, turn })
    const next = this.next()
    if (next !== undefined) next.deeper = joined(next.deeper, new Map([[resource, turn]]))
  }

  /** The next one around it that is under way. */
  private next(): Closing | undefined {
    while (this.above?.over === true) this.above = this.above.above
    return this.above
  }

  /** What is known here is known around it from now on. */
  private handUp(): void {
    const next = this.next()
    if (next !== undefined) {
      next.inside?.delete(this)
      next.inside = merged(next.inside, this.inside)
      next.deeper = joined(joined(next.deeper, this.deeper), namesOf(this.left))
    }
    this.inside = this.deeper = undefined
  }

  get isOver(): boolean {
    return this.over
  }

  get phase(): Phase {
    return this.over || this.budget?.phase !== "force" ? "graceful" : "force"
  }

  get reason(): Option.Option<Limit> {
    return this.phase === "force" ? Option.some("budget") : Option.none()
  }

  get timeLeft(): Option.Option<Duration.Duration> {
    return this.over || this.budget === undefined ? Option.none() : leftUntil(this.budget.until, this.clock)
  }

  get abandoned(): ReadonlyArray<string> {
    return this.over ? [] : this.abandonedBefore(undefined)
  }

  /** What was given up on that may depend on `lifetime`. */
  abandonedBefore(lifetime: Lifetime | undefined): ReadonlyArray<string> {
    const deeper: Names = new Map(this.deeper)
    const open = [...this.inside ?? []]
    for (let each = open.pop(); each !== undefined; each = open.pop()) {
      collect(deeper, each.deeper)
      collect(deeper, namesOf(each.left))
      if (each.inside !== undefined) open.push(...each.inside)
    }
    const names = new Set([...deeper].sort(([, a], [, b]) => a - b).map(([name]) => name))
    for (const { lifetime: each, resource } of this.left ?? none) {
      if (this.inOrder || (lifetime !== undefined && dependsOn(each, lifetime))) names.add(resource)
    }
    return [...names]
  }

  private tell(event: Event): void {
    // As for a resource, what it throws is its own affair.
    try {
      this.observer?.(event)
    } catch {}
  }
}

const none: ReadonlyArray<Left> = []

const namesOf = (left: ReadonlyArray<Left> | undefined): Names | undefined =>
  left === undefined ? undefined : new Map(left.map(({ resource, turn }) => [resource, turn]))

/** Adds names, each with its first turn. */
const collect = (into: Names, names: Names | undefined): void => {
  for (const [name, turn] of names ?? []) into.set(name, Math.min(turn, into.get(name) ?? turn))
}

/** The larger one with what is in the other: so a name moves seldom, however deep it was. */
const joined = (a: Names | undefined, b: Names | undefined): Names | undefined => {
  if (a === undefined || b === undefined) return a ?? b
  const [into, from] = a.size < b.size ? [b, a] : [a, b]
  collect(into, from)
  return into
}

const merged = (a: Set<Closing> | undefined, b: Set<Closing> | undefined): Set<Closing> | undefined => {
  if (a === undefined || b === undefined) return a ?? b
  const [into, from] = a.size < b.size ? [b, a] : [a, b]
  for (const closing of from) into.add(closing)
  return into
}

/** Whether one needs the other, directly or through others. */
const dependsOn = (from: Lifetime, to: Lifetime): boolean => {
  const seen = new Set([from.id])
  const open = [from]
  for (const each of open) {
    for (const needed of each.meta?.limits?.dependsOn ?? []) {
      if (needed.id === to.id) return true
      if (!seen.has(needed.id)) open.push(needed)
      seen.add(needed.id)
    }
  }
  return false
}

/** Who wants to know of closes as well. */
export const watching = (observer: Observer | undefined): Observer | undefined =>
  observer?.closes === true ? observer : undefined

/** The close that a fibre runs in, if someone has to know of it. */
export const closingOf = (fiber: AnyFiber): Closing | undefined => {
  if (underWay === 0) return undefined
  const found = fiber.getRef(DropContext)
  const closing = found instanceof Closing ? found : found instanceof Release ? found.closing : undefined
  return closing === undefined || closing.isOver ? undefined : closing
}

/** As seen by one release that has limits of its own, or may be cut short. */
export abstract class Release implements DropContext {
  abstract readonly closing: Closing | undefined
  abstract readonly phase: Phase
  abstract readonly reason: Option.Option<Limit>
  abstract readonly timeLeft: Option.Option<Duration.Duration>
  abstract readonly abandoned: ReadonlyArray<string>
}

/** The close as one of those sees it that are closed side by side. */
class Needed extends Release {
  readonly closing: Closing
  private readonly lifetime: Lifetime

  constructor(closing: Closing, lifetime: Lifetime) {
    super()
    this.closing = closing
    this.lifetime = lifetime
  }
  get phase(): Phase {
    return this.closing.phase
  }
  get reason(): Option.Option<Limit> {
    return this.closing.reason
  }
  get timeLeft(): Option.Option<Duration.Duration> {
    return this.closing.timeLeft
  }
  get abandoned(): ReadonlyArray<string> {
    return this.closing.isOver ? [] : this.closing.abandonedBefore(this.lifetime)
  }
}

export const leftUntil = (deadline: bigint, clock: Clock.Clock): Option.Option<Duration.Duration> => {
  const left = deadline - clock.monotonicTimeNanosUnsafe()
  return Option.some(Duration.nanos(left > 0n ? left : 0n))
}
