// Shows that the gates can be red: plants one fault after the other in a temporary clone of what is committed, and
// expects the gate it is meant for to fail and to name it. `pnpm gates NAME` tries the faults of one gate.
import { appendFile, mkdir, mkdtempDisposable, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { type Edit, faults } from "./gates/faults.ts"
import { pnpm } from "./lib/pnpm.ts"
import { run } from "./lib/run.ts"

await using folder = await mkdtempDisposable(join(tmpdir(), "async-drop-gates-"))
const clone = join(folder.path, "clone")

const must = async (command: ReadonlyArray<string>, cwd: string) => {
  const { code, output } = await run(command, { cwd })
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}\n${output}`)
}

const gate = (name: string) => run(["node", "scripts/check.ts", "--only", name], { cwd: clone })

const plant = async (edit: Edit) => {
  const path = join(clone, edit.file)
  await mkdir(dirname(path), { recursive: true })
  if ("write" in edit) return writeFile(path, edit.write)
  if ("append" in edit) return appendFile(path, edit.append)
  const text = await readFile(path, "utf8")
  if (!text.includes(edit.replace)) throw new Error(`${edit.file} has no ${edit.replace}`)
  return writeFile(path, text.replace(edit.replace, edit.by))
}

const healed = async () => {
  await must(["git", "reset", "--hard", "--quiet"], clone)
  await must(["git", "clean", "-fdq"], clone)
}

/** One file of tests stands for all: whether a failure makes the gate red does not depend on how many pass. */
const thinned = async (name: string) => {
  const tests = ["packages/*/test/*.test.ts", "test/*.test.ts", ":!packages/core/test/order.test.ts"]
  if (name === "test") await must(["git", "rm", "-rq", "--", ...tests], clone)
}

await must(["git", "clone", "--quiet", process.cwd(), clone], process.cwd())
await must([...pnpm, "install", "--frozen-lockfile", "--prefer-offline"], clone)
// Some gates look at what an earlier one has compiled.
await must([...pnpm, "build"], clone)

const wanted = process.argv[2]
const chosen = faults.filter((fault) => wanted === undefined || fault.gate === wanted)
if (chosen.length === 0) throw new Error(`no fault is planted for ${wanted}`)
// The promises look tests up in the report of a test run.
if (chosen.some((fault) => fault.gate === "promises")) await gate("test")

// A gate that is red by itself proves nothing by being red.
const redBefore = new Map<string, boolean>()
let wrong = 0
const say = (ok: boolean, name: string, fault: string, text: string) => {
  if (!ok) wrong++
  console.log(`${ok ? "ok " : "NOT"} ${name}: ${fault}: ${text}`)
}

for (const { edits, fault, gate: name, says } of chosen) {
  await thinned(name)
  if (!redBefore.has(name)) redBefore.set(name, (await gate(name)).code !== 0)
  if (redBefore.get(name) === true) {
    say(false, name, fault, "the gate is red without it")
    await healed()
    continue
  }
  for (const edit of edits) await plant(edit)
  const { code, output } = await gate(name)
  await healed()
  if (code === 0) say(false, name, fault, "the gate stays green")
  else say(output.includes(says), name, fault, output.includes(says) ? "red as expected" : `red, without "${says}"`)
}
console.log(`faults: ${chosen.length} planted, ${wrong} not found`)
process.exitCode = wrong === 0 ? 0 : 1
