// Vitest's JSON report of its last run, as vitest.config.ts asks for it.
import { readFile } from "node:fs/promises"
import { relative } from "node:path"

export const reportFile = "node_modules/.cache/vitest.json"

export interface Test {
  /** File, then each `describe`, then the test. */
  readonly path: ReadonlyArray<string>
  readonly passed: boolean
}

export interface Report {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly tests: ReadonlyArray<Test>
}

interface Json {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly assertionResults: ReadonlyArray<{
      readonly ancestorTitles: ReadonlyArray<string>
      readonly title: string
      readonly status: string
    }>
  }>
}

const fromJson = (json: Json): Report => ({
  passed: json.numPassedTests,
  failed: json.numFailedTests,
  skipped: json.numPendingTests + json.numTodoTests,
  tests: json.testResults.flatMap(({ assertionResults, name }) =>
    assertionResults.map(({ ancestorTitles, status, title }) => ({
      path: [relative(process.cwd(), name), ...ancestorTitles, title],
      passed: status === "passed"
    }))
  )
})

/** A run that never came to a report counts as no tests. */
export const readReport = async (): Promise<Report> => {
  const text = await readFile(reportFile, "utf8").catch(() => undefined)
  return text === undefined ? { passed: 0, failed: 0, skipped: 0, tests: [] } : fromJson(JSON.parse(text))
}
