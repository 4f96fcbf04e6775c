// Runs the tests that say most of the packages, the demo and the examples for Node on the oldest Node that each
// supports. With `--all` it runs every test of the packages there, which takes minutes.
import { globSync } from "node:fs"
import { chmod, mkdtempDisposable, readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "./lib/run.ts"

/** Packages with one oldest Node in common; `quick` are the files of tests that say most in little time. */
const suites = [
  { packages: ["core", "testing"], quick: ["AsyncDrop.test", "DropScope", "probe"] },
  {
    packages: ["platform-node"],
    // All that starts processes and threads, listens to signals, or uses what Node itself calls experimental.
    quick: "effect- stamp RequestDrop HttpDrain.test HttpDrain.process NodeDrop ChildDrop TempDrop LockDrop WorkerDrop"
      .split(" ")
  }
]

/** Those that kill processes at random moments do so this often where not all is run. */
const rounds = "5"

const read = async (file: string) => JSON.parse(await readFile(file, "utf8"))

const oldestOf = async (packages: ReadonlyArray<string>) => {
  const manifests = await Promise.all(packages.map((name) => read(`packages/${name}/package.json`)))
  const ranges = [...new Set<string>(manifests.map((it) => it.engines.node))]
  const version = ranges.length === 1 ? /^>=(\d+\.\d+\.\d+)$/.exec(ranges[0]!)?.[1] : undefined
  if (version === undefined) throw new Error(`${packages}: one Node was expected, as in >=1.2.3, not ${ranges}`)
  return version
}

// The package from which the repository has its own Node has the others too.
const { optionalDependencies } = await read("package.json")
const binary = Object.keys(optionalDependencies).find((it) => it.endsWith(`-${process.platform}-${process.arch}`))
if (binary === undefined) throw new Error(`there is no package with a Node for ${process.platform} on ${process.arch}`)

await using folder = await mkdtempDisposable(join(tmpdir(), "async-drop-oldest-"))
await chmod(folder.path, 0o755) // a test runs this Node as another user

const install = async (version: string) => {
  const prefix = join(folder.path, version)
  const command = ["npm", "install", "--prefix", prefix, "--no-audit", "--no-fund", `${binary}@${version}`]
  const { code, output } = await run(command, { limit: 120 })
  if (code !== 0) throw new Error(`${binary}@${version} cannot be installed: ${output}`)
  const node = join(prefix, "node_modules", binary, "bin", "node")
  const found = (await run([node, "--version"])).output.trim()
  if (found !== `v${version}`) throw new Error(`${binary}@${version} is ${found}`)
  return node
}

const all = process.argv.includes("--all")
let failed = 0

for (const { packages, quick } of suites) {
  const version = await oldestOf(packages)
  const node = await install(version)
  const expect = async (what: string, args: ReadonlyArray<string>, wanted = 0, limit = 60) => {
    const { code, output } = await run([node, ...args], { limit, env: all ? {} : { KILL_ROUNDS: rounds } })
    console.log(`${code === wanted ? "ok  " : "FAIL"} Node ${version}: ${what}`)
    if (code === wanted) return
    failed++
    console.log(`exit ${code}, not ${wanted}\n${output}`)
  }

  if (packages.includes("platform-node")) {
    await expect("demo", ["examples/src/demo/main.ts", "packages/core/src"])
    for (const file of globSync("examples/src/[0-9]*.ts").toSorted()) {
      if ((await readFile(file, "utf8")).includes("@async-drop/platform-node")) await expect(file, [file])
    }
  }
  const projects = packages.flatMap((name) => ["--project", name])
  // The report of the last test run stays as it is.
  const vitest = ["node_modules/vitest/vitest.mjs", "run", ...projects, "--reporter", "dot", ...(all ? [] : quick)]
  await expect(`${all ? "all" : "quick"} tests of ${packages.join(" and ")}`, vitest, 0, all ? 1200 : 600)
}
process.exitCode = failed === 0 ? 0 : 1
