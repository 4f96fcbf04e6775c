// A program of test/fixtures as a real process, whose every wait is bounded.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const folder = new URL("../fixtures/", import.meta.url)

export interface Fixture {
  readonly child: ChildProcess
  readonly pid: number
  /** All it wrote so far, both streams. */
  readonly output: () => string
  /** The rest of the next line that starts so; rejects after ten seconds. */
  readonly line: (start: string) => Promise<string>
  /** Its exit code, or the signal that ended it; rejects after ten seconds. */
  readonly exit: Promise<number | NodeJS.Signals>
  readonly kill: (signal: NodeJS.Signals) => void
}

export const start = (
  name: string,
  args: ReadonlyArray<string> = [],
  options: {
    readonly uid?: number
    readonly gid?: number
    /** What starts it: a command that takes a program and its arguments at its end. */
    readonly by?: ReadonlyArray<string>
  } = {}
): Fixture => {
  const { by = [], ...rest } = options
  const program = [process.execPath, "--no-warnings", fileURLToPath(new URL(name, folder))]
  const [command = "", ...before] = [...by, ...program, ...args]
  const child = spawn(command, before, { stdio: ["ignore", "pipe", "pipe"], ...rest })
  let output = ""
  let read = 0
  const seen: Array<() => void> = []
  const wake = () => seen.splice(0).forEach((resume) => resume())
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text
      wake()
    })
  }
  const closed = once(child, "close").then(() => child.exitCode ?? child.signalCode!) // one of them is set by then
  void closed.then(wake)
  const line = async (start: string): Promise<string> => {
    for (;;) {
      const from = output.indexOf(start, read)
      const end = from < 0 ? -1 : output.indexOf("\n", from)
      if (end >= 0) {
        read = end
        return output.slice(from + start.length, end).trim()
      }
      if (child.exitCode !== null) throw new Error(`${name} ended without "${start}":\n${output}`)
      await new Promise<void>((resume) => seen.push(resume))
    }
  }
  return {
    child,
    pid: child.pid!, // a process that could not be started has none, and says nothing either
    output: () => output,
    line: (start) => within(line(start), () => `${name} wrote no "${start}":\n${output}`),
    exit: within(closed, () => `${name} did not end:\n${output}`, 60_000),
    kill: (signal) => void child.kill(signal)
  }
}

const within = <A>(promise: Promise<A>, message: () => string, millis = 10_000): Promise<A> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(message())), millis)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
