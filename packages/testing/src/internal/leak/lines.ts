// From stacks to the line that a user wrote.
import type { Yield } from "./yields.ts"

/** What is known of where something began: the innermost first. */
export interface Origin {
  readonly inside: Yield | undefined
  /** Where the fibre itself was forked. */
  readonly forked: Origin | undefined
}

/** `file:line:column` of the innermost `yield*` that is not in a library. */
export const lineOf = (origin: Origin | undefined): string | undefined => {
  for (let from = origin; from !== undefined; from = from.forked) {
    for (let at = from.inside; at !== undefined; at = at.outer) {
      const generator = framesOf(at.at).find((frame) => !isOurs(frame))
      if (generator !== undefined && !isLibrary(generator)) return generator
    }
  }
  return undefined
}

/** `file:line:column` of the first caller that is not in a library. */
export const callerOf = (error: Error): string | undefined =>
  framesOf(error).find((frame) => !isOurs(frame) && !isLibrary(frame))

const framesOf = (error: Error): ReadonlyArray<string> =>
  (error.stack ?? "").split("\n").flatMap((line) => {
    const place = /((?:file:\/\/|https?:\/\/|\/|[A-Za-z]:[\\/])[^()]*?:\d+:\d+)\)?$/.exec(line)?.[1]
    return place === undefined ? [] : [place.replace(/^file:\/\//, "").replace(/\?[^:]*/, "")]
  })

/** The folder of a file's package source, two folders above it. */
const rootOf = (file: string): string =>
  file.replace(/^file:\/\//, "").replace(/[^/\\]+[/\\]([^/\\]+[/\\])?[^/\\]*$/, "")

const isOurs = (frame: string): boolean => frame.startsWith(ownRoot)

const ownRoot = rootOf(import.meta.url)

const isLibrary = (frame: string): boolean => /[/\\]node_modules[/\\]/.test(frame)
