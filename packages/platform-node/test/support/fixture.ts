// A program of test/fixtures as a real process.
import { fileURLToPath } from "node:url"
import { runCommand } from "./command.ts"

const folder = new URL("../fixtures/", import.meta.url)

export interface Fixture {
  readonly pid: number
  /** All it wrote so far, both streams. */
  readonly output: () => string
  /** The rest of the next line that starts so; rejects where it ends without. */
  readonly line: (start: string) => Promise<string>
  /** Its exit code, or the signal that ended it. */
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
  const { by = [], ...ids } = options
  const words = [...by, process.execPath, "--no-warnings", fileURLToPath(new URL(name, folder)), ...args]
  const { ended, kill, output, pid, until } = runCommand(words, { ...ids, limit: 60_000 })
  let read = 0
  const next = (start: string): string | undefined => {
    const from = output.both.indexOf(start, read)
    const end = from < 0 ? -1 : output.both.indexOf("\n", from)
    if (end < 0) return undefined
    read = end
    return output.both.slice(from + start.length, end).trim()
  }
  return {
    pid,
    output: () => output.both,
    line: (start) => until(() => next(start)),
    exit: ended.then(({ code, signal }) => code ?? signal!), // one of them is set by then
    kill
  }
}
