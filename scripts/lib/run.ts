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

const running = new Set<number>()

const killAll = () => {
  for (const group of running) process.kill(-group, "SIGKILL")
  process.exit(130)
}
// A group of its own does not hear the terminal's Ctrl-C.
process.once("SIGINT", killAll).once("SIGTERM", killAll)

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
    const { pid } = child
    if (pid !== undefined) running.add(pid)
    let output = ""
    const keep = (to: NodeJS.WriteStream) => (chunk: string) => {
      output += chunk
      if (show) to.write(chunk)
    }
    child.stdout.setEncoding("utf8").on("data", keep(process.stdout))
    child.stderr.setEncoding("utf8").on("data", keep(process.stderr))
    const timer = setTimeout(() => {
      keep(process.stderr)(`\n${command.join(" ")}: stopped after ${limit} s\n`)
      if (pid !== undefined) process.kill(-pid, "SIGKILL")
    }, limit * 1000)
    const end = (code: number) => {
      clearTimeout(timer)
      if (pid !== undefined) running.delete(pid)
      done({ code, output })
    }
    child.on("error", (error) => {
      output += String(error)
      end(127)
    })
    child.on("close", (code) => end(code ?? 124))
  })
}
