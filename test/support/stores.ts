// Fibres that contest the keys of one store.
import {
  AsyncDrop,
  AsyncDropArc,
  AsyncDropGuard,
  ConcurrentStore,
  DropFailure,
  type DropScope,
  InsertRefused
} from "@async-drop/core"
import { Probe } from "@async-drop/testing"
import { Cause, Clock, Effect, Exit, Fiber, Option, Scope } from "effect"
import { isWide } from "./bounds.ts"
import type { World } from "./explored.ts"
import { ledger, lost, reporting, type Side, valueOf } from "./store-ledger.ts"

type Held = Probe.Held<string>
type Store = ConcurrentStore.ConcurrentStore<string, Held, string | Cause.ExceededCapacityError, string>

/** What a load and the release of what it made do. */
export interface Fate {
  readonly load: "ok" | "later" | "fails" | "dies" | "fails with a part" | "throws with a part"
  readonly release: "ok" | "fails" | "later fails" | "dies" | "throws"
}

const fates: ReadonlyArray<Fate> = [
  { load: "ok", release: "ok" },
  { load: "later", release: "later fails" }
]

/** Those that are made once the others have been walked. */
const more: ReadonlyArray<Fate> = [
  { load: "ok", release: "dies" },
  { load: "ok", release: "throws" },
  { load: "later", release: "fails" }
]

export const plain: ReadonlyArray<Fate> = isWide ? [...fates, ...more] : fates

/** Where many meet: all that can be seen of a load and a release can be seen of these. */
export const slow: ReadonlyArray<Fate> = isWide ? plain : [{ load: "later", release: "later fails" }]

/** Loads that come to nothing, and one that goes well after them. */
export const failing: ReadonlyArray<Fate> = [
  { load: "fails", release: "ok" },
  { load: "fails with a part", release: "later fails" },
  ...(isWide
    ? [
      { load: "dies", release: "ok" },
      { load: "throws with a part", release: "throws" },
      { load: "later", release: "fails" }
    ] as const
    : [])
]

/** What a walk of the widest bounds has time for: all that can be seen of the others can be seen of these. */
export const fewer = (all: ReadonlyArray<Fate>): ReadonlyArray<Fate> =>
  all === failing ? failing.slice(0, 2) : all === plain || all === slow ? fates : all

/** Whether a load that goes well is to come after these. */
const fruitless = (fates: ReadonlyArray<Fate>): boolean => fates.every((fate) => failing.includes(fate))

export interface Setting {
  /** What happens to each load, chosen when it begins. Default: `plain`. */
  readonly fates?: ReadonlyArray<Fate>
  /** Loaded, and held by nobody, before the contest begins. */
  readonly idle?: ReadonlyArray<string>
  readonly idleTimeToLive?: number
  readonly capacity?: number
  readonly onFull?: "wait" | "fail"
  /** How often time may pass though there is something to do. */
  readonly delays?: number
  /** Whether a side may be interrupted: by the explorer, or as the store closes. */
  readonly interrupts: boolean
}

export interface Contest {
  readonly get: (key: string) => Side
  readonly use: (key: string) => Side
  /** Opens a handle, uses it and drops it. */
  readonly open: (key: string) => Side
  /** As `open`, dropping a clone as well. */
  readonly clone: (key: string) => Side
  readonly getOrLoad: (key: string) => Side
  readonly getOption: (key: string) => Side
  readonly insert: (key: string) => Side
  readonly insertLoading: (key: string) => Side
  /** Takes the value in hand, and leaves it. */
  readonly request: (key: string) => Side
  /** As `request`, and drops it. */
  readonly requestAndDrop: (key: string) => Side
  readonly invalidate: (key: string) => Side
  readonly invalidateAll: Side
  readonly touch: (key: string) => Side
  readonly entries: Side
  readonly drop: Side
  /** Closes the owner of the store inside a use of the key. */
  readonly closeInside: (key: string) => Side
  /** Closes it while the value is in hand. */
  readonly closeInHand: (key: string) => Side
  /** Each keeps his own until time passes: nobody may have to wait for that. */
  readonly meet: (...keys: ReadonlyArray<string>) => ReadonlyArray<Side>
}

/** A store, with fibres that contest it; then it is visited once more, and closed. */
export const stored = (w: World, setting: Setting, sides: (contest: Contest) => ReadonlyArray<Side>) =>
  Effect.gen(function*() {
    const { capacity, fates = plain, idle = [], idleTimeToLive, onFull } = setting
    const scope = yield* Scope.make()
    const { hearing, noting, outside, probe, touch, watched } = ledger(w.ctl, capacity)
    const use = (held: Held) => Effect.ensuring(touch(held), Effect.sync(() => used.at = millis()))
    let count = 0
    let healthy = false
    const rests = idleTimeToLive !== undefined
    // A load that is stopped takes its parts back at once, and who wants room does not wait either.
    const waits = rests && !setting.interrupts && capacity === undefined
    const alone = capacity !== undefined || (rests && idleTimeToLive !== Infinity)
    const used = { at: 0, drop: false, ends: false, insert: false, inside: false, request: false }

    const source = (key: string, { release }: Fate) => {
      const name = `${key}${++count}`
      const acts = {
        "ok": Probe.succeed,
        "fails": Probe.fail(lost(name)),
        "later fails": Probe.wait(Effect.yieldNow, Probe.fail(lost(name))),
        "dies": Probe.die(lost(name)),
        "throws": Probe.throws(lost(name))
      } as const
      const made = probe.source(name, { key, release: acts[release] })
      const release_ = noting(made)
      return {
        name,
        acquire: made.acquire,
        release: (held: Held, exit?: Exit.Exit<unknown, unknown>) => {
          const inTime = !waits || used.ends || outside.has(name) || millis() - used.at >= idleTimeToLive!
          w.ctl.invariant(inTime, "it was dropped before its time")
          return release_(held, exit)
        }
      }
    }
    const load = (key: string) =>
      Effect.suspend(() => {
        const fate = healthy ? fates0 : w.ctl.oneOf(...fates)
        const { acquire, name, release } = source(key, fate)
        const part = AsyncDrop.acquireRelease(acquire, release, { name })
        switch (fate.load) {
          case "ok":
            return part
          case "later":
            return Effect.tap(part, () => Effect.yieldNow)
          case "fails":
            return Effect.fail("refused")
          case "dies":
            return Effect.die("refused")
          case "fails with a part":
            return Effect.tap(part, () => Effect.fail("refused"))
          case "throws with a part":
            return Effect.map(part, () => {
              throw "refused"
            })
        }
      })

    const store: Store = yield* Scope.provide(
      ConcurrentStore.make({ lookup: load, idleTimeToLive, capacity, onFull, name: "store" }),
      scope
    )
    // Put in, not loaded: without a fibre of its own there is nothing to explore here.
    for (const key of idle) {
      const { acquire, name, release } = source(key, w.ctl.oneOf(...fates))
      const guard = yield* Scope.provide(AsyncDropGuard.make(acquire, release, { name }), scope)
      yield* Effect.orDie(ConcurrentStore.insert(store, key, guard))
    }

    const borrowed = (
      borrow: Effect.Effect<Option.Option<Held>, unknown, Scope.Scope | DropScope.DropScope<string>>
    ): Side => Effect.scoped(Effect.flatMap(borrow, Option.match({ onNone: () => Effect.void, onSome: use })))
    const kept = (borrow: Effect.Effect<Held, unknown, Scope.Scope | DropScope.DropScope<string>>) =>
      Effect.scoped(Effect.flatMap(borrow, use))
    const ends = (side: Side): Side =>
      Effect.suspend(() => {
        used.ends = true
        return side
      })
    const closing = (key: string) =>
      Effect.suspend(() => {
        used.inside = used.drop = used.ends = true
        const others = () => ConcurrentStore.keys(store).filter((each) => each !== key)
        return Effect.andThen(
          Effect.exit(Scope.close(scope, Exit.void)),
          Effect.sync(() => w.ctl.invariant(others().length === 0, `closed before ${others()} has ended`))
        )
      })
    const contest: Contest = {
      get: (key) => kept(ConcurrentStore.get(store, key)),
      use: (key) => ConcurrentStore.use(store, key, use),
      open: (key) =>
        AsyncDrop.scoped(
          Effect.flatMap(
            ConcurrentStore.open(store, key),
            (arc) => Effect.andThen(AsyncDropArc.use(arc, use), AsyncDropArc.drop(arc))
          )
        ),
      clone: (key) =>
        Effect.scoped(
          Effect.flatMap(
            ConcurrentStore.open(store, key),
            (arc) =>
              Effect.flatMap(
                AsyncDropArc.clone(arc),
                (other) => Effect.andThen(AsyncDropArc.drop(arc), AsyncDropArc.use(other, use))
              )
          )
        ),
      getOrLoad: (key) => kept(ConcurrentStore.getOrLoad(store, key, load(key))),
      getOption: (key) => borrowed(ConcurrentStore.getOption(store, key)),
      insert: (key) =>
        Effect.suspend(() => {
          used.insert = true
          const { acquire, name, release } = source(key, w.ctl.oneOf(...fates))
          outside.add(name)
          return AsyncDrop.scoped(
            Effect.flatMap(
              AsyncDropGuard.make(acquire, release, { name }),
              (guard) => Effect.map(ConcurrentStore.insert(store, key, guard), () => outside.delete(name))
            )
          )
        }),
      insertLoading: (key) =>
        Effect.suspend(() => {
          let loaded = false
          const mine = Effect.suspend(() => {
            loaded = true
            return load(key)
          })
          return Effect.tap(
            kept(ConcurrentStore.insertLoading(store, key, mine)),
            () => Effect.sync(() => w.ctl.invariant(loaded, "what another one has loaded was given to an insert"))
          )
        }),
      request: (key) =>
        Effect.suspend(() => {
          used.request = used.ends = true
          return ConcurrentStore.requestImmediateDrop(store, key, () => Effect.yieldNow)
        }),
      requestAndDrop: (key) =>
        Effect.suspend(() => {
          used.request = used.ends = true
          return ConcurrentStore.requestImmediateDrop(
            store,
            key,
            Option.match({ onNone: () => Effect.void, onSome: (guard) => hearing(AsyncDropGuard.drop(guard)) })
          )
        }),
      invalidate: (key) => ends(ConcurrentStore.invalidate(store, key)),
      invalidateAll: ends(ConcurrentStore.invalidateAll(store)),
      touch: (key) => ConcurrentStore.touch(store, key),
      entries: Effect.scoped(
        Effect.flatMap(ConcurrentStore.entries(store), (all) => Effect.forEach(all, ([, held]) => use(held)))
      ),
      drop: Effect.suspend(() => {
        used.drop = used.ends = true
        return ConcurrentStore.drop(store)
      }),
      closeInside: (key) =>
        ConcurrentStore.use(store, key, (held) => Effect.andThen(use(held), Effect.andThen(closing(key), use(held)))),
      closeInHand: (key) =>
        Effect.suspend(() => {
          used.request = true
          return ConcurrentStore.requestImmediateDrop(store, key, () => closing(key))
        }),
      meet: (...keys) =>
        keys.map((key) =>
          Effect.scoped(Effect.flatMap(ConcurrentStore.get(store, key), () => {
            w.ctl.invariant(millis() === 0, "it waited for another, though one was idle")
            return Effect.sleep(10)
          }))
        )
    }

    const all = sides(contest)
    const exits = yield* w.watch(all, (fiber, i) => watched(fiber, () => all[i] === contest.drop))
    yield* Effect.yieldNow // a turn of its own: there is nothing to explore from here on
    for (const exit of exits) {
      w.ctl.invariant(expected(exit, setting.interrupts || used.drop), `unexpected: ${exit}`)
    }
    const left = ConcurrentStore.keys(store).map((key) => ConcurrentStore.state(store, key))
    const idles = left.filter((state) => state === "idle").length
    if (!used.request && !alone) w.ctl.invariant(left.length === idles, `all have returned, and a key is ${left}`)
    if (!rests && !used.insert && idle.length === 0) w.ctl.invariant(idles === 0, "nobody holds it, and it is kept")
    if (!used.request && !alone) {
      w.ctl.invariant(probe.live === idles, "all have returned before the last release has ended")
    }
    used.ends = true
    if (fruitless(fates) && !used.drop) {
      healthy = true
      yield* Effect.orDie(ConcurrentStore.use(store, "a", use))
    }
    yield* Scope.close(scope, Exit.void)
    // A scope that is closed already closes at once; who drops the store waits for all that it did not wait for.
    if (used.inside) yield* Effect.exit(ConcurrentStore.drop(store))
    w.ctl.invariant(ConcurrentStore.isEmpty(store), `${ConcurrentStore.size(store)} keys are left`)
    w.ctl.invariant(probe.live === 0, "the store has ended before the last release")
  }).pipe(reporting)

const millis = () => Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeMillisUnsafe() // asked from inside of one

const fates0: Fate = { load: "ok", release: "ok" }

/** Nobody waits for himself here, and nobody uses what he has dropped. */
export const expected = (exit: Exit.Exit<unknown, unknown>, interrupts: boolean): boolean =>
  Exit.isSuccess(exit) || exit.cause.reasons.every((reason) => {
    if (reason._tag === "Interrupt") return interrupts
    const value = valueOf(reason)
    return value === "refused" || value instanceof DropFailure.DropFailure ||
      value instanceof InsertRefused.InsertRefused ||
      value instanceof ConcurrentStore.AlreadyDropping || value instanceof Cause.ExceededCapacityError ||
      (typeof value === "string" && value.startsWith("lost "))
  })
