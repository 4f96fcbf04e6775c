// Fibres that contest the handles of one load.
import { AsyncDrop, AsyncDropShared, DropUsageError } from "@async-drop/core"
import { Probe } from "@async-drop/testing"
import { Cause, Effect, Exit, Scope } from "effect"
import type { World } from "./explored.ts"
import { ledger, lost, reporting, type Side, valueOf } from "./store-ledger.ts"
import { expected, type Fate, plain } from "./stores.ts"

type Held = Probe.Held<string>
type Shared = AsyncDropShared.AsyncDropShared<Held, string, string>

interface Contest {
  /** Awaits the value, uses it and lets it go. */
  readonly await: (handle: Shared) => Side
  readonly drop: (handle: Shared) => Side
  /** Clones the handle, awaits the clone and drops it. */
  readonly clone: (handle: Shared) => Side
  readonly close: Side
}

/** That many handles of one load in a scope, with fibres that contest them; the scope is closed after them. */
export const sharing = (
  w: World,
  setting: { readonly handles: 1 | 2; readonly interrupts: boolean; readonly fates?: ReadonlyArray<Fate> },
  sides: (contest: Contest, a: Shared, b: Shared) => ReadonlyArray<Side>
) =>
  Effect.gen(function*() {
    const { noting, probe, touch, watched } = ledger(w.ctl)
    const scope = yield* Scope.make()
    let count = 0
    const load = Effect.suspend(() => {
      const fate = w.ctl.oneOf(...(setting.fates ?? plain))
      const name = `a${++count}`
      const release = {
        "ok": Probe.succeed,
        "fails": Probe.fail(lost(name)),
        "later fails": Probe.wait(Effect.yieldNow, Probe.fail(lost(name))),
        "dies": Probe.die(lost(name)),
        "throws": Probe.throws(lost(name))
      }[fate.release]
      const source = probe.source(name, { key: "a", release })
      const part = AsyncDrop.acquireRelease(source.acquire, noting(source), { name })
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
    const a: Shared = yield* Scope.provide(AsyncDropShared.make(load), scope)
    const b = setting.handles === 1 ? a : yield* Scope.provide(AsyncDropShared.clone(a), scope)
    const awaited = (handle: Shared) => Effect.scoped(Effect.flatMap(AsyncDropShared.await(handle), touch))
    const awaits = new Set<Side>()
    const contest: Contest = {
      await: (handle) => {
        const side = awaited(handle)
        awaits.add(side)
        return side
      },
      drop: (handle) => AsyncDropShared.drop(handle),
      clone: (handle) =>
        Effect.scoped(Effect.flatMap(
          AsyncDropShared.clone(handle),
          (own) => Effect.andThen(Effect.exit(awaited(own)), AsyncDropShared.drop(own))
        )),
      close: Scope.close(scope, Exit.void)
    }
    // Who drops a handle late hears what others have heard.
    const all = sides(contest, a, b)
    const exits = yield* w.watch(all, (fiber, i) => watched(fiber, () => !awaits.has(all[i]!)))
    yield* Effect.yieldNow // a turn of its own: there is nothing to explore from here on
    for (const exit of exits) {
      w.ctl.invariant(expected(withoutRefusal(exit), setting.interrupts), `unexpected: ${exit}`)
    }
    const handles = AsyncDropShared.strongCount(a)
    w.ctl.invariant(handles > 0 || probe.live === 0, "all who held it have returned before its release has ended")
    yield* Scope.close(scope, Exit.void)
    w.ctl.invariant(AsyncDropShared.strongCount(a) === 0, `${AsyncDropShared.strongCount(a)} handles are left`)
    w.ctl.invariant(probe.live === 0, "the last handle has gone before the last release")
  }).pipe(reporting)

/** Another one may have dropped the handle before it was asked. */
const withoutRefusal = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isSuccess(exit) ? exit : Exit.failCause(
    Cause.fromReasons(
      exit.cause.reasons.filter((reason) => !(valueOf(reason) instanceof DropUsageError.DropUsageError))
    )
  )
