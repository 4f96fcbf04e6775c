// Breaks one guarded line of core after the other, in a temporary copy, and expects a test to fail each time.
// `pnpm mutants NAME` tries that one patch.
import { cp, mkdir, mkdtempDisposable, readdir, symlink } from "node:fs/promises"
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
  const path of ["packages", "test", "package.json", "vitest.config.ts", "tsconfig.base.json", "tsconfig.leaf.json"]
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

/** The quick tests first: most mutants do not come to the others. */
const firstFailure = async (): Promise<string | undefined> => {
  const core = await test("core", "--exclude", "**/outcome-matrix.test.ts", "--exclude", "**/volume.test.ts")
  const { code, output } = core.code === 0 ? await test("integration", "test/explore-") : core
  if (code === 0) return undefined
  // A file that was given up at the first failure is listed as well: the failure itself has a ` > `.
  return /^not ok \d+ - (.* > .*?)( # .*)?$/m.exec(output)?.[1] ?? `exit ${code}\n${output.slice(-2000)}`
}

const must = async (command: ReadonlyArray<string>) => {
  const { code, output } = await run(command, { cwd: clone })
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}\n${output}`)
}

// A copy in which nothing runs is red without a mutant, and proves nothing.
const healthy = await firstFailure()
if (healthy !== undefined) throw new Error(`without a mutant it is red: ${healthy}`)

let survived = 0
for (const file of patches) {
  const patch = resolve("mutants", file)
  await must(["git", "apply", patch])
  const killer = await firstFailure()
  await must(["git", "apply", "--reverse", patch])
  if (killer === undefined) survived++
  console.log(killer === undefined ? `NOT ${file}: survives` : `ok  ${file}: ${killer}`)
}
console.log(`mutants: ${patches.length} planted, ${survived} not found`)
process.exitCode = survived === 0 ? 0 : 1
