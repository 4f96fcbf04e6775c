// A load that is shared by its handles, under every schedule.
import { describe } from "vitest"
import { explored } from "./support/explored.ts"
import { sharing } from "./support/store-shared.ts"
import { failing } from "./support/stores.ts"
import { close, crowd, each } from "./support/within.ts"

describe("a shared load", () => {
  const contested = (
    name: string,
    bounds: Parameters<typeof each>[1],
    setting: Omit<Parameters<typeof sharing>[1], "interrupts">,
    sides: Parameters<typeof sharing>[2]
  ) =>
    each(
      name,
      bounds,
      (name, bounds) =>
        explored(name, bounds, (w) => sharing(w, { ...setting, interrupts: bounds.interrupts !== 0 }, sides))
    )

  const one = { handles: 1 } as const
  const two = { handles: 2 } as const
  contested("runs once for two who await it", crowd, one, ({ await: get }, a) => [get(a), get(a)])
  contested("runs once for two handles", crowd, two, ({ await: get }, a, b) => [get(a), get(b)])
  contested("ends with the last handle or awaiter", crowd, one, ({ await: get, drop }, a) => [get(a), drop(a)])
  contested("is held by the other handle", crowd, two, ({ await: get, drop }, a, b) => [get(a), drop(b)])
  contested("is never run for two who drop it", close, two, ({ drop }, a, b) => [drop(a), drop(b)])
  contested("is cloned before its end or not at all", crowd, one, ({ clone, drop }, a) => [clone(a), drop(a)])
  contested("is cloned by two", crowd, one, ({ clone }, a) => [clone(a), clone(a)])
  contested(
    "is awaited before its scope closes or not at all",
    crowd,
    one,
    ({ await: get, close }, a) => [get(a), close]
  )
  contested("is dropped once by its closing scope and a dropper", crowd, two, ({ close, drop }, a) => [drop(a), close])
  contested(
    "that fails is not remembered",
    crowd,
    { ...one, fates: [...failing, { load: "ok", release: "fails" }] },
    ({ await: get }, a) => [get(a), get(a)]
  )
  contested(
    "that fails is dropped once",
    crowd,
    { ...one, fates: failing },
    ({ await: get, drop }, a) => [get(a), drop(a)]
  )
  contested(
    "ends with the last of three",
    crowd,
    { ...two, fates: [{ load: "later", release: "later fails" }] },
    ({ await: get, drop }, a, b) => [get(a), drop(a), drop(b)]
  )

  explored(
    "has one life at a time, whoever comes and goes",
    { strategy: "random", preemptions: 4, interrupts: 2, schedules: 500, seed: 30 },
    (w) =>
      sharing(w, { handles: 2, interrupts: true, fates: [...failing, { load: "later", release: "later fails" }] }, (
        { await: get, clone, close, drop },
        a,
        b
      ) => [get(a), get(b), clone(a), clone(b), drop(a), drop(b), close])
  )
})
