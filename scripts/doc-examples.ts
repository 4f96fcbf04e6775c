// Type-checks and runs each ```ts example of the doc comments, the READMEs and the guides.
// A line `expression // => value` is asserted. Marks after ```ts: no-run (type-check only), fails (must not compile).
import { globSync } from "node:fs"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { dirname, relative } from "node:path"
import { assertions, header } from "./doc-examples/assertions.ts"
import { type Example, extract } from "./doc-examples/extract.ts"
import { run } from "./lib/run.ts"

const folder = ".doc-examples"
const sources = ["README.md", "CONTRIBUTING.md", "packages/*/README.md", "docs/**/*.md", "packages/*/src/**/*.ts"]
const limit = 30

const failures: Array<string> = []
const fail = (file: string, line: number | string, why: string) => failures.push(`${file}:${line}: ${why}`)

/** Each example is a file of its own whose line numbers are those of its source. */
const place = (example: Example) => `${folder}/${example.file}@${example.line}.ts`
const source = (placed: string) => relative(folder, placed).replace(/@\d+\.ts$/, "")

const write = async (example: Example) => {
  const path = place(example)
  await mkdir(dirname(path), { recursive: true })
  const code = example.mark === "run" ? assertions(path, example.code) : example.code
  await writeFile(path, header + "\n".repeat(example.line) + code + "\n")
}

/** The files by name: TypeScript's wildcards pass over a folder whose name starts with a dot. */
const config = (examples: ReadonlyArray<Example>) => ({
  extends: "../tsconfig.leaf.json",
  compilerOptions: { tsBuildInfoFile: "tsconfig.tsbuildinfo" },
  include: [],
  files: examples.map((example) => relative(folder, place(example))),
  references: ["core", "platform-node", "testing"].map((name) => ({ path: `../packages/${name}` }))
})

const typeCheck = async (examples: ReadonlyArray<Example>) => {
  await writeFile(`${folder}/tsconfig.json`, JSON.stringify(config(examples)))
  const { code, output } = await run(["tsc", "-b", folder, "--pretty", "false"])
  const errors = [...output.matchAll(/^(.+?)\((\d+),\d+\): error (TS\d+: .*)$/gm)]
  if (code !== 0 && errors.length === 0) fail(folder, 0, `tsc: ${output}`)
  const expected = new Set(examples.filter((it) => it.mark === "fails").map(place))
  const seen = new Set(errors.map(([, path = ""]) => path))
  for (const [, path = "", line = "", message = ""] of errors) {
    if (!expected.has(path)) fail(path.startsWith(folder) ? source(path) : path, line, message)
  }
  for (const example of examples) {
    if (example.mark === "fails" && !seen.has(place(example))) {
      fail(example.file, example.line, "marked `fails`, and compiles")
    }
  }
  return examples.filter((example) => example.mark === "run" && !seen.has(place(example)))
}

const runOne = async (example: Example) => {
  const path = place(example)
  const { code, output } = await run(["node", path], { limit, env: { NODE_COMPILE_CACHE: "node_modules/.cache/node" } })
  if (code === 0) return
  const line = output.split(`${path}:`)[1]?.match(/^\d+/)?.[0] ?? example.line
  fail(example.file, line, `exit ${code}\n${output.trim().replaceAll(/^/gm, "    ")}`)
}

/** The workers share one iterator, so each takes the next example as soon as it is free. */
const runAll = async (examples: ReadonlyArray<Example>) => {
  const queue = examples.values()
  const worker = async () => {
    for (const example of queue) await runOne(example)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}

const examplesOf = async (file: string) => {
  try {
    return extract(file, await readFile(file, "utf8"))
  } catch (error) {
    fail(file, 1, String(error))
    return []
  }
}

await rm(folder, { recursive: true, force: true })
await mkdir(folder)
const files = globSync(sources).toSorted()
const found = (await Promise.all(files.map(examplesOf))).flat()
const examples: Array<Example> = []
for (const example of found) {
  try {
    await write(example)
    examples.push(example)
  } catch (error) {
    fail(example.file, example.line, String(error))
  }
}
const runnable = examples.length === 0 ? [] : await typeCheck(examples)
await runAll(runnable)

for (const failure of failures) console.error(failure)
console.log(`doc examples: ${found.length} found, ${runnable.length} run, ${failures.length} problems`)
process.exitCode = failures.length === 0 ? 0 : 1
