// Counts bytes, in a process of its own: its young generation is so large that nothing is collected
// while a case runs, so the heap grows by exactly what the case allocates.
import { spawnSync } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { median } from "./figures.ts"
import type { Case, OpenCase } from "./model.ts"

const flags = ["--expose-gc", "--min-semi-space-size=128", "--max-semi-space-size=128"]

const warmUpOps = 20_000

/** So much is allocated between two looks at the heap: less than what starts a collection. */
const room = 50_000_000

/** Runs this program again under the flags, and reads the figures by name off its last line. */
export const inChild = (args: ReadonlyArray<string>): Readonly<Record<string, number>> => {
  const child = spawnSync(process.execPath, [...flags, process.argv[1]!, "--child", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 26
  })
  if (child.status !== 0) throw new Error(`the process that counts bytes ended with ${child.status ?? child.signal}`)
  return JSON.parse(child.stdout.trimEnd().split("\n").at(-1)!)
}

/** Bytes that one operation allocates, once the code is compiled. */
export const allocated = async (each: Case): Promise<number> => {
  for (let i = 0; i < 4; i++) await each.run(warmUpOps, await each.prepare?.(warmUpOps))
  const ops = Math.min(warmUpOps, Math.floor(room / await grown(each, 1000)))
  const rounds: Array<number> = []
  for (let i = 0; i < 5; i++) rounds.push(await grown(each, ops))
  return median(rounds)
}

const grown = async (each: Case, ops: number): Promise<number> => {
  await settle()
  const before = process.memoryUsage().heapUsed
  await each.run(ops, await each.prepare?.(ops))
  return Math.max(1, (process.memoryUsage().heapUsed - before) / ops)
}

/** Bytes of the heap that one open resource keeps. */
export const kept = async (each: OpenCase, resources: number): Promise<number> => {
  await each.run(1000, () => {})
  await settle()
  const before = process.memoryUsage().heapUsed
  let after = before
  await each.run(resources, () => {
    collect()
    after = process.memoryUsage().heapUsed
  })
  return (after - before) / resources
}

/** Lets what earlier cases left behind end, then collects. */
const settle = async (): Promise<void> => {
  await sleep(5)
  collect()
}

const collect = (): void => {
  globalThis.gc?.()
  globalThis.gc?.()
}
