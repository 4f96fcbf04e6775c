// A run as text: one column for each fibre where they fit, else one line for each event.
import type { FiberInfo } from "./fibers.ts"
import type { Event, Recorder } from "./recorder.ts"
import { describe } from "./verdict.ts"
import type { World } from "./world.ts"

const widest = 130
/** Of a long run, so many events from its beginning and from its end are shown. */
const [first, last] = [60, 30]
const gap = "  "

export const timeline = (recorder: Recorder, world: World): string => {
  const fibers = [...world.fibers.all()]
  const alive = world.invariants.broken === undefined ? world.fibers.alive().map(describe) : []
  const rows = shown(recorder.events)
  const widths = fibers.map((fiber) =>
    rows.reduce((most, row) => row.fiber === fiber ? Math.max(most, row.text.length) : most, describe(fiber).length)
  )
  const wide = widths.reduce((all, width) => all + width + gap.length, 6) > widest
  return [
    ...(wide ? list(rows) : columns(rows, fibers, widths)),
    ...(alive.length === 0 ? [] : [`at the end: ${alive.join(", ")} still ${alive.length === 1 ? "waits" : "wait"}`])
  ].join("\n")
}

const shown = (events: ReadonlyArray<Event>): ReadonlyArray<Event> => {
  const left = events.length - first - last
  if (left < 2) return events
  const gap: Event = { step: events[first]!.step, fiber: undefined, text: `${left} more events` }
  return [...events.slice(0, first), gap, ...events.slice(-last)]
}

const columns = (
  rows: ReadonlyArray<Event>,
  fibers: ReadonlyArray<FiberInfo>,
  widths: ReadonlyArray<number>
): ReadonlyArray<string> => {
  const line = (step: string, cell: (fiber: FiberInfo) => string) =>
    [step.padStart(4), ...fibers.map((fiber, i) => cell(fiber).padEnd(widths[i]!))].join(gap).trimEnd()
  return [
    line("step", describe),
    ...rows.map(({ fiber, step, text }) =>
      fiber === undefined
        ? `${String(step).padStart(4)}${gap}--- ${text} ---`
        : line(String(step), (it) => it === fiber ? text : "")
    )
  ]
}

const list = (rows: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const who = (event: Event) => event.fiber === undefined ? "---" : describe(event.fiber)
  const width = rows.reduce((most, row) => Math.max(most, who(row).length), 0)
  return rows.map((row) => [String(row.step).padStart(4), who(row).padEnd(width), row.text].join(gap))
}
