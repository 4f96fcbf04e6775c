// The servers that are compared. All answer GET / with "hello" after a millisecond.
import { fileURLToPath } from "node:url"
import type { DrainedOptions } from "../../packages/platform-node/test/support/process.ts"

export interface Case {
  readonly name: string
  readonly file: string
  readonly options: DrainedOptions
  readonly env: Readonly<Record<string, string>>
}

const make = (
  name: string,
  file: URL,
  { env = {}, options = {} }: Partial<Pick<Case, "env" | "options">> = {}
): Case => ({ name, file: fileURLToPath(file), options, env })

const drained = new URL("../../packages/platform-node/test/support/drained.process.ts", import.meta.url)
const grace = new URL("servers/close-with-grace.process.ts", import.meta.url)

export const cases: ReadonlyArray<Case> = [
  make("effect", new URL("servers/effect.process.ts", import.meta.url)),
  make("http-drain", drained, { options: { runtime: "effect" } }),
  make("http-drain-500ms", drained, { options: { drain: { drainDelay: "500 millis" }, runtime: "effect" } }),
  make("http-terminator", new URL("servers/http-terminator.process.ts", import.meta.url)),
  make("http-graceful-shutdown", new URL("servers/http-graceful-shutdown.process.ts", import.meta.url)),
  make("close-with-grace", grace),
  make("close-with-grace-503", grace, { env: { REFUSES: "1" } })
]
