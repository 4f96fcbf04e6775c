// Runs a command without a shell and without input, in a process group of its own, within a time limit.
import { spawn } from "node:child_process"
import { delimiter, resolve } from "node:path"

export interface Options {
  readonly cwd?: string
  readonly env?: Record<string, string>
  /** Seconds; the whole process group is killed when they have passed. Default 600. */
  readonly limit?: number
  /** Show the output as it comes, instead of only keeping it. Default false. */
  readonly show?: boolean
}

export interface Outcome {
  /** The exit code; 124 when the limit passed, 127 when there is no such command. */
  readonly code: number
  readonly output: string
}

export const run = (command: ReadonlyArray<string>, options: Options = {}): Promise<Outcome> => {
  const { cwd = process.cwd(), env = {}, limit = 600, show = false } = options
  const [file = "", ...args] = command
  const tools = resolve(cwd, "node_modules/.bin")
  return new Promise((done) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, PATH: `${tools}${delimiter}${process.env["PATH"]}`, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true
    })
    let output = ""
    const keep = (to: NodeJS.WriteStream) => (chunk: string) => {
      output += chunk
      if (show) to.write(chunk)
    }
    child.stdout.setEncoding("utf8").on("data", keep(process.stdout))
    child.stderr.setEncoding("utf8").on("data", keep(process.stderr))
    const timer = setTimeout(() => {
      keep(process.stderr)(`\n${command.join(" ")}: stopped after ${limit} s\n`)
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    }, limit * 1000)
    child.on("error", (error) => {
      clearTimeout(timer)
      done({ code: 127, output: output + String(error) })
    })
    child.on("close", (code) => {
      clearTimeout(timer)
      done({ code: code ?? 124, output })
    })
  })
}
