// Makes a failing schedule smaller: fewer choices that are not the first option, then lower and earlier ones.
//
// A smaller schedule is one whose own trail is smaller, whatever was asked: what is asked beyond a run's
// end, or where fewer options are left, is taken as the first option.
import { Repeat } from "./repeat.ts"
import type { Session } from "./session.ts"
import { isProvisional, oneLine, type Verdict } from "./verdict.ts"

type Values = ReadonlyArray<number>

export const shrink = (session: Session, verdict: Verdict, values: Values): Values => {
  let left = session.settings.shrinks
  let best = values
  const tries = (candidate: Values): boolean => {
    if (left === 0 || !isSmaller(candidate, best)) return false
    left--
    const run = session.run(new Repeat(candidate, false))
    if (run.verdict === undefined || !isAlike(run.verdict, verdict)) return false
    const taken = session.trail.taken()
    if (!isSmaller(taken, best)) return false
    best = taken
    return true
  }
  for (let before: Values = []; before !== best && left > 0;) {
    before = best
    for (let size = Math.max(1, indices(best).length >> 1); size > 0; size >>= 1) drop(size)
    each((i) => tries(best.with(i, 1)))
    each((i) => tries(best.toSpliced(i, 1)))
    each((i) => i > 0 && tries(best.toSpliced(i - 1, 1)))
  }
  return best

  /** Tries to take the first option instead, for `size` choices at a time. */
  function drop(size: number): void {
    for (let at = 0; at < indices(best).length;) {
      const gone = new Set(indices(best).slice(at, at + size))
      if (!tries(best.map((value, i) => gone.has(i) ? 0 : value))) at += size
    }
  }

  function each(f: (index: number) => void): void {
    for (const index of indices(best).reverse()) if ((best[index] ?? 0) > 0) f(index)
  }
}

export const indices = (values: Values): Array<number> => values.flatMap((value, i) => value > 0 ? [i] : [])

const isSmaller = (a: Values, b: Values): boolean => {
  const [x, y] = [trim(a), trim(b)]
  const counts = indices(x).length - indices(y).length
  if (counts !== 0) return counts < 0
  if (x.length !== y.length) return x.length < y.length
  const i = x.findIndex((value, i) => value !== y[i])
  return i >= 0 && sum(x) < sum(y)
}

const trim = (values: Values): Values => values.slice(0, values.findLastIndex((value) => value > 0) + 1)
const sum = (values: Values) => values.reduce((all, value) => all + value, 0)

/** The same kind of failure, and where the program says which, the same one. */
export const isAlike = (a: Verdict, b: Verdict): boolean =>
  a.kind === b.kind
    ? a.kind !== "invariant" || a.message === b.message || sameError(a, b)
    : isWaiting(a) && isWaiting(b)

/** Before the host had its turn, an escape looks like a deadlock or a leak. */
const isWaiting = (verdict: Verdict) => isProvisional(verdict) || verdict.kind === "escape"

const sameError = (a: Verdict, b: Verdict) =>
  a.cause !== undefined && b.cause !== undefined && oneLine(a.cause).split(":")[0] === oneLine(b.cause).split(":")[0]
