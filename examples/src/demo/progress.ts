import { Effect } from "effect"

/** Runs `f` on each item, some side by side, and shows how far that is where stderr is a terminal. */
export const forEachShown = <A, E, R>(
  label: string,
  items: ReadonlyArray<A>,
  f: (item: A) => Effect.Effect<unknown, E, R>,
  concurrency: number
): Effect.Effect<void, E, R> => {
  const run = (each: typeof f) => Effect.forEach(items, each, { concurrency, discard: true })
  if (!process.stderr.isTTY) return run(f)
  let done = 0
  const step = Effect.sync(() => {
    done++
    if (done % 50 === 0) process.stderr.write(`\r${label} ${done} of ${items.length}`)
  })
  return Effect.ensuring(
    run((item) => Effect.andThen(f(item), step)),
    Effect.sync(() => process.stderr.write("\r\x1b[K"))
  )
}
