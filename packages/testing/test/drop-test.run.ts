// Runs a fixture by vitest itself, in a process of its own.
import { execFile } from "node:child_process"

interface Result {
  readonly name: string
  readonly state: "passed" | "failed" | "skipped"
  readonly messages: string
}

export interface Report {
  readonly tests: ReadonlyArray<Result>
  readonly suites: ReadonlyArray<Result>
}

const script = `
  import { startVitest } from "vitest/node"
  const [fixture, copies] = process.argv.slice(-2)
  const root = process.cwd()
  const result = ({ name }, state, errors) => ({ name, state, messages: (errors ?? []).map((e) => e.message).join("\\n") })
  const reporter = {
    onTestRunEnd(files, errors) {
      const of = (all) => files.flatMap((file) => [...all(file)])
      const tests = of((file) => file.children.allTests()).map((test) =>
        result(test, test.result().state, test.result().errors)
      )
      const suites = of((file) => file.children.allSuites()).map((suite) => result(suite, suite.state(), suite.errors()))
      const rest = [...errors, ...of((file) => file.errors())].map((error) => result({ name: "run" }, "failed", [error]))
      console.log("report " + JSON.stringify({ tests, suites: [...suites, ...rest] }))
    }
  }
  const projects = Array.from({ length: Number(copies) }, (_, i) => ({ test: { name: "copy " + i, root, include: [fixture] } }))
  const vitest = await startVitest("test", [], { config: false, watch: false, root, projects, reporters: [reporter] })
  await vitest.close()`

/** `copies` of the fixture run side by side, each as a file of its own. */
export const run = (fixture: URL, options: { readonly copies?: number; readonly env?: object } = {}) =>
  new Promise<Report>((resolve, reject) => {
    const args = ["--input-type=module", "-e", script, fixture.pathname, String(options.copies ?? 1)]
    const cwd = new URL("..", import.meta.url)
    const env = { ...process.env, ...options.env }
    execFile(process.execPath, args, { cwd, env, maxBuffer: 1e8 }, (_, stdout, stderr) => {
      const json = /^report (.*)$/m.exec(stdout)?.[1]
      if (json === undefined) reject(new Error(`no report in:\n${stdout}\n${stderr}`))
      else resolve(JSON.parse(json))
    })
  })
