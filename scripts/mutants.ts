// Breaks one guarded line after the other, in a temporary copy, and expects a test to fail each time: any of core, or
// the one that the patch names in a line `test: FILE › NAME` above its diff. `pnpm mutants NAME` tries that one patch.
import { cp, mkdir, mkdtempDisposable, readdir, readFile, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { run } from "./lib/run.ts"

const patches = (await readdir("mutants"))
  .filter((file) => file.endsWith(".patch") && (process.argv[2] === undefined || file === `${process.argv[2]}.patch`))
  .sort()
if (patches.length === 0) throw new Error(`there is no mutants/${process.argv[2] ?? "*"}.patch`)

await using folder = await mkdtempDisposable(join(tmpdir(), "async-drop-mutants-"))
const clone = join(folder.path, "clone")

// Packages are copied with their links, which lead to each other within the copy; what is installed is linked.
for (
  const path of [
    "docs",
    "packages",
    "test",
    "package.json",
    "vitest.config.ts",
    "tsconfig.base.json",
    "tsconfig.leaf.json"
  ]
) {
  await cp(path, join(clone, path), { recursive: true, verbatimSymlinks: true })
}
const modules = join(clone, "node_modules")
await mkdir(join(modules, "@async-drop"), { recursive: true })
for (const name of await readdir("node_modules")) {
  if (name !== "@async-drop" && name !== ".cache" && name !== ".vite") {
    await symlink(resolve("node_modules", name), join(modules, name))
  }
}
for (const name of await readdir("packages")) {
  await symlink(join(clone, "packages", name), join(modules, "@async-drop", name))
}

const test = (project: string, ...files: ReadonlyArray<string>) =>
  run(["vitest", "run", "--bail", "1", "--reporter", "tap-flat", "--project", project, ...files], { cwd: clone })

interface Named {
  readonly project: string
  readonly file: string
  readonly name: string
}

/** The test that a patch names. */
const namedBy = async (patch: string): Promise<Named | undefined> => {
  const found = /^test: (packages\/([^/]+)\/\S+) › (.+)$/m.exec(await readFile(patch, "utf8"))
  if (found === null) return undefined
  const [, file = "", project = "", name = ""] = found
  return { project, file, name }
}

/** The quick tests of core first: most mutants do not come to the others. */
const runTests = async (named: Named | undefined) => {
  if (named !== undefined) return test(named.project, named.file, "--testNamePattern", named.name)
  const core = await test("core", "--exclude", "**/outcome-matrix.test.ts", "--exclude", "**/volume.test.ts")
  return core.code === 0 ? test("integration", "test/explore-") : core
}

const firstFailure = async (named: Named | undefined): Promise<string | undefined> => {
  const { code, output } = await runTests(named)
  if (code === 0) return undefined
  // A file that was given up at the first failure is listed as well: the failure itself has a ` > `.
  const files = output.split("\n").filter((line) => line.startsWith("not ok")).join("\n")
  return /^not ok \d+ - (.* > .*?)( # .*)?$/m.exec(output)?.[1] ?? `exit ${code}\n${files}\n${output.slice(-2000)}`
}

const must = async (command: ReadonlyArray<string>) => {
  const { code, output } = await run(command, { cwd: clone })
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}\n${output}`)
}

// A copy in which nothing runs is red without a mutant, and proves nothing.
const mutants = await Promise.all(patches.map(async (file) => {
  const patch = resolve("mutants", file)
  return { file, patch, named: await namedBy(patch) }
}))
const groups = new Map(mutants.map(({ named }) => [JSON.stringify(named), named]))
for (const named of groups.values()) {
  const red = await firstFailure(named)
  if (red !== undefined) throw new Error(`without a mutant it is red: ${red}`)
}

let survived = 0
for (const { file, named, patch } of mutants) {
  await must(["git", "apply", patch])
  const killer = await firstFailure(named)
  await must(["git", "apply", "--reverse", patch])
  if (killer === undefined) survived++
  console.log(killer === undefined ? `NOT ${file}: survives` : `ok  ${file}: ${killer}`)
}
console.log(`mutants: ${patches.length} planted, ${survived} not found`)
process.exitCode = survived === 0 ? 0 : 1
