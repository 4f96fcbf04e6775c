// A report as a person reads it.
import type { Failure, Report } from "./model.ts"

export const render = (report: Report): string => {
  const { ended, failure, name, strategy } = report
  const runs = `${report.schedules.toLocaleString("en")} ${report.schedules === 1 ? "schedule" : "schedules"}`
  if (failure !== undefined) return failed(report, failure)
  if (strategy === "replay") return `${name}: the replayed schedule passes`
  if (ended) return `${name}: ${runs} pass, every one within the bounds`
  return strategy === "random"
    ? `${name}: ${runs} drawn, all pass`
    : `${name}: ${runs} pass, and there are more: ask for more \`schedules\` or \`timeLimit\`, for fewer ` +
      "`preemptions` or `interrupts`, or for strategy \"random\""
}

const failed = ({ name, strategy }: Report, failure: Failure) => {
  const { from, to } = failure.shrunk
  const choices = to === 1 ? "1 choice" : `${to} choices`
  const found = strategy === "replay"
    ? `replayed, with ${choices}`
    : `found in schedule ${failure.schedule.toLocaleString("en")}, ` +
      (from === to ? `with ${choices}` : `shrunk from ${from} to ${choices}`)
  return [
    `${name}: ${failure.kind}: ${failure.message}`,
    `${found} that ${to === 1 ? "is" : "are"} not the default`,
    "",
    failure.timeline,
    "",
    "to run this schedule alone:",
    `  Explore.effect(${JSON.stringify(name)}, { replay: "${failure.token}" }, program)`
  ].join("\n")
}
