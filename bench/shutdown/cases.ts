// The servers that are compared. All answer GET / with "hello" after a millisecond.
import { fileURLToPath } from "node:url"

export interface Case {
  readonly name: string
  readonly file: string
  readonly env: Readonly<Record<string, string>>
}

const make = (name: string, file: URL, env: Readonly<Record<string, string>> = {}): Case => ({
  name,
  file: fileURLToPath(file),
  env
})

const drained = new URL("../../packages/platform-node/test/support/drained.process.ts", import.meta.url)
const grace = new URL("servers/close-with-grace.process.ts", import.meta.url)

export const cases: ReadonlyArray<Case> = [
  make("effect", new URL("servers/effect.process.ts", import.meta.url)),
  make("http-drain", drained, { DRAIN_DELAY: "0" }),
  make("http-drain-500ms", drained, { DRAIN_DELAY: "500" }),
  make("http-terminator", new URL("servers/http-terminator.process.ts", import.meta.url)),
  make("http-graceful-shutdown", new URL("servers/http-graceful-shutdown.process.ts", import.meta.url)),
  make("close-with-grace", grace),
  make("close-with-grace-503", grace, { REFUSES: "1" })
]
