// Packs each package as it would be published, lints the tarballs, and uses them in a project of its own.
import { mkdtempDisposable, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { pnpm } from "./lib/pnpm.ts"
import { run } from "./lib/run.ts"
import { tryAsConsumer } from "./tarballs/consumer.ts"

const packages = ["core", "platform-node", "testing"]

const must = async (what: string, command: ReadonlyArray<string>, cwd?: string) => {
  const { code, output } = await run(command, { limit: 180, ...(cwd === undefined ? {} : { cwd }) })
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${what}`)
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}\n${output}`)
}

// What `tsc -b` wrote before for a file that has gone would be packed too.
for (const name of packages) await rm(`packages/${name}/dist`, { recursive: true, force: true })
await must("build", ["tsc", "-b", ...packages.map((name) => `packages/${name}`)])

await using folder = await mkdtempDisposable(join(tmpdir(), "async-drop-tarballs-"))
const tarballs = new Map<string, string>()
for (const name of packages) {
  const tarball = join(folder.path, `${name}.tgz`)
  await must(`pack ${name}`, [...pnpm, "pack", "--out", tarball], resolve("packages", name))
  await must(`publint ${name}`, ["publint", tarball, "--strict"])
  await must(`attw ${name}`, ["attw", tarball, "--profile", "esm-only", "--no-emoji"])
  tarballs.set(`@async-drop/${name}`, tarball)
}
await tryAsConsumer(join(folder.path, "consumer"), tarballs, must)
