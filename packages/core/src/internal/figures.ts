// Figures as people read them.

/** Milliseconds in the unit that needs the fewest digits. */
export const duration = (ms: number): string => {
  if (!(ms > 0)) return "0 ms"
  if (ms < 0.0995) return `${ms < 0.0005 ? "<1" : round(ms * 1_000, 0)} µs`
  if (ms < 9.95) return `${round(ms, ms < 0.995 ? 2 : 1)} ms`
  if (ms < 999.5) return `${round(ms, 0)} ms`
  if (ms < 59_950) return `${round(ms / 1_000, ms < 9_995 ? 2 : 1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`
  const minutes = Math.round(ms / 60_000)
  return `${grouped(Math.floor(minutes / 60))} h ${two(minutes % 60)} m`
}

export const percent = (part: number, whole: number): string =>
  whole > 0 ? `${Math.round(part / whole * 100)} %` : "100 %"

/** With a comma for each thousand. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",")

/** Those of `counts` that are not zero, each with its word. */
export const among = (counts: { readonly [word: string]: number }, words: ReadonlyArray<string>): string =>
  words.flatMap((word) => counts[word] ? [`${grouped(counts[word])} ${word}`] : []).join(", ")

const round = (value: number, digits: number): string => String(Number(value.toFixed(digits)))
const two = (value: number): string => String(value).padStart(2, "0")
