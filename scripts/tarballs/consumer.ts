// A project outside the workspace that knows the packages only by their tarballs.
import { cp, mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { pnpm } from "../lib/pnpm.ts"

type Must = (what: string, command: ReadonlyArray<string>, cwd: string) => Promise<void>

const compilerOptions = {
  target: "ES2024",
  // Effect's own declarations ask for DOM, on Node too.
  lib: ["ES2024", "ESNext.Disposable", "DOM"],
  module: "NodeNext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: false
}

/** The same versions as here; the tarballs stand for packages that no registry has yet. */
const manifest = async (tarballs: ReadonlyMap<string, string>) => {
  const { devDependencies } = JSON.parse(await readFile("package.json", "utf8"))
  const ours = Object.fromEntries([...tarballs].map(([name, path]) => [name, `file:${path}`]))
  const theirs = ["effect", "@effect/platform-node", "@effect/vitest", "vitest", "typescript", "@types/node"]
  return { ours, theirs: Object.fromEntries(theirs.map((name) => [name, devDependencies[name]])) }
}

export const tryAsConsumer = async (folder: string, tarballs: ReadonlyMap<string, string>, must: Must) => {
  const { ours, theirs } = await manifest(tarballs)
  const write = (name: string, content: unknown) => writeFile(join(folder, name), JSON.stringify(content, null, 2))
  await mkdir(folder)
  await cp("scripts/tarballs/program", folder, { recursive: true })
  await write("package.json", { name: "consumer", private: true, type: "module", dependencies: { ...ours, ...theirs } })
  const project = (types: ReadonlyArray<string>, file: string) => ({
    compilerOptions: { ...compilerOptions, types },
    files: [file]
  })
  await write("tsconfig.json", project([], "program.ts"))
  await write("tsconfig.node.json", project(["node"], "node.ts"))
  // JSON is YAML. Without hoisting, a package sees only what it names in its own dependencies.
  await write("pnpm-workspace.yaml", { overrides: ours, hoist: false })

  await must("consumer installs", [...pnpm, "install", "--no-frozen-lockfile", "--prefer-offline"], folder)
  await must("consumer type-checks, libraries included", ["tsc", "-p", "."], folder)
  await must("consumer on Node type-checks, libraries included", ["tsc", "-p", "tsconfig.node.json"], folder)
  await must("consumer runs", ["node", "program.ts"], folder)
  await must("consumer on Node runs", ["node", "node.ts"], folder)
  await must("consumer requires the module from CommonJS", ["node", "require.cjs"], folder)
  await must("consumer cannot reach internals", ["node", "internals.mjs"], folder)
}
