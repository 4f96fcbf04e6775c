// The faults that scripts/gates.ts plants, each with the gate that must find it and what that gate must say.

export type Edit =
  | { readonly file: string; readonly write: string }
  | { readonly file: string; readonly append: string }
  | { readonly file: string; readonly replace: string; readonly by: string }

export interface Fault {
  readonly gate: string
  readonly fault: string
  readonly edits: ReadonlyArray<Edit>
  readonly says: string
}

const write = (file: string, ...lines: ReadonlyArray<string>): Edit => ({ file, write: `${lines.join("\n")}\n` })
const append = (file: string, ...lines: ReadonlyArray<string>): Edit => ({ file, append: `\n${lines.join("\n")}\n` })

const floating = (name: string): Fault => ({
  gate: "diagnostics",
  fault: `an Effect nobody runs, in ${name}`,
  edits: [write(
    `packages/${name}/src/Planted.ts`,
    "import * as Effect from \"effect/Effect\"",
    "export const planted = () => {",
    "  Effect.void",
    "}"
  )],
  says: "floatingEffect"
})

const manifest = "packages/core/package.json"
const mainEntry = "\".\": \"./dist/index.js\""
const noInternals = "\"./*\": \"./dist/*.js\",\n      \"./internal/*\": null"

export const faults: ReadonlyArray<Fault> = [
  // First, while the report of the tests is the one of a good run.
  {
    gate: "promises",
    fault: "a promise that names a missing test",
    edits: [append("docs/promises.md", "| Promise | Tests |", "| - | - |", "| planted | `no such fact` |")],
    says: "there is no test \"no such fact\""
  },
  {
    gate: "promises",
    fault: "a promise without a test",
    edits: [append("docs/promises.md", "| Promise | Tests |", "| - | - |", "| planted | |")],
    says: "this row names no test"
  },
  {
    gate: "test",
    fault: "a failing test",
    edits: [write(
      "packages/core/test/Planted.test.ts",
      "import { assert, it } from \"@effect/vitest\"",
      "it(\"planted fact\", () => assert.strictEqual(1, 2))"
    )],
    says: "planted fact"
  },
  {
    gate: "test",
    fault: "a test file that does not load",
    edits: [write("test/planted.test.ts", "throw new Error(\"planted\")")],
    says: "planted.test.ts"
  },
  {
    gate: "types",
    fault: "a type error",
    edits: [write("packages/core/src/Planted.ts", "export const planted: string = 1")],
    says: "TS2322"
  },
  {
    gate: "types",
    fault: "a Node API in core",
    edits: [write("packages/core/src/Planted.ts", "export const planted = process.pid")],
    says: "'process'"
  },
  {
    gate: "type-tests",
    fault: "a wrong type test",
    edits: [write(
      "packages/core/test/Planted.test-d.ts",
      "import { expectTypeOf, it } from \"vitest\"",
      "it(\"planted type\", () => expectTypeOf<string>().toEqualTypeOf<number>())"
    )],
    says: "planted type"
  },
  floating("core"),
  floating("platform-node"),
  floating("testing"),
  {
    gate: "lint",
    fault: "an import cycle",
    edits: [
      write("packages/core/src/PlantedA.ts", "import { b } from \"./PlantedB.ts\"", "export const a = () => b"),
      write("packages/core/src/PlantedB.ts", "import { a } from \"./PlantedA.ts\"", "export const b = () => a")
    ],
    says: "no-cycle"
  },
  {
    gate: "lint",
    fault: "an unused variable",
    edits: [write("packages/core/src/Planted.ts", "const planted = 1", "export {}")],
    says: "no-unused-vars"
  },
  {
    gate: "format",
    fault: "a semicolon",
    edits: [write("packages/core/src/Planted.ts", "export const planted = 1;")],
    says: "Planted.ts"
  },
  {
    gate: "unused",
    fault: "a file nobody imports",
    edits: [write("packages/core/src/internal/planted.ts", "export const planted = 1")],
    says: "internal/planted.ts"
  },
  {
    gate: "unused",
    fault: "an export nobody imports",
    edits: [
      write("packages/core/src/internal/planted.ts", "export const used = 1", "export const plantedExport = 2"),
      write("packages/core/src/Planted.ts", "export { used } from \"./internal/planted.ts\"")
    ],
    says: "plantedExport"
  },
  {
    gate: "examples",
    fault: "an example that fails",
    edits: [write("examples/src/99-planted.ts", "process.exit(1)")],
    says: "FAIL examples/src/99-planted.ts"
  },
  {
    gate: "doc-examples",
    fault: "a doc comment whose value is wrong",
    edits: [write(
      "packages/core/src/Planted.ts",
      "/**",
      " * ```ts",
      " * 1 + 1 // => 3",
      " * ```",
      " */",
      "export const planted = 1"
    )],
    says: "packages/core/src/Planted.ts:3: exit 1"
  },
  {
    gate: "doc-examples",
    fault: "a README example that does not compile",
    edits: [append("README.md", "```ts", "const planted: string = 1", "```")],
    says: "TS2322"
  },
  {
    gate: "doc-examples",
    fault: "a guide's example that throws",
    edits: [write("docs/planted.md", "```ts", "throw new Error(\"planted\")", "```")],
    says: "docs/planted.md:2: exit 1"
  },
  {
    gate: "doc-examples",
    fault: "an example said to fail, that compiles",
    edits: [write("docs/planted.md", "```ts fails", "export const planted = 1", "```")],
    says: "marked `fails`, and compiles"
  },
  {
    gate: "demo",
    fault: "a demo that fails",
    edits: [write("examples/src/demo/main.ts", "process.exit(1)")],
    says: "demo: exit 1, but exit 0"
  },
  {
    gate: "demo",
    fault: "a demo that hides its failures",
    edits: [write("examples/src/demo/main.ts", "process.exit(0)")],
    says: "demo --fail: exit 0, but exit 1"
  },
  {
    gate: "tarballs",
    fault: "an export that is not packed",
    edits: [{ file: manifest, replace: mainEntry, by: "\".\": \"./dist/planted.js\"" }],
    says: "FAIL publint core"
  },
  {
    gate: "tarballs",
    fault: "declarations that are not packed",
    edits: [{ file: manifest, replace: "\"!dist/.tsbuildinfo\"", by: "\"!dist/**/*.d.ts\"" }],
    says: "FAIL attw core"
  },
  {
    gate: "tarballs",
    fault: "declarations that need a package the user does not have",
    edits: [append("packages/core/src/index.ts", "export type { Comment } from \"oxc-parser\"")],
    says: "FAIL consumer type-checks"
  },
  {
    gate: "tarballs",
    fault: "internals that can be imported",
    edits: [{ file: manifest, replace: noInternals, by: "\"./*\": \"./dist/*.js\"" }],
    says: "FAIL consumer cannot reach internals"
  }
]
