// What must hold before a change lands: each gate is one command that ends with 0.
import { pnpm } from "./pnpm.ts"

export interface Gate {
  readonly name: string
  readonly command: ReadonlyArray<string>
}

export const gates: ReadonlyArray<Gate> = [
  { name: "test", command: [...pnpm, "test"] },
  { name: "types", command: ["tsc", "-b", "--force"] },
  { name: "type-tests", command: ["vitest", "run", "--project", "types", "--reporter", "default"] },
  { name: "diagnostics", command: ["node", "scripts/diagnostics.ts"] },
  { name: "lint", command: ["oxlint", "--deny-warnings"] },
  { name: "format", command: ["dprint", "check"] },
  { name: "unused", command: ["knip"] },
  { name: "examples", command: ["node", "scripts/examples.ts"] },
  { name: "doc-examples", command: ["node", "scripts/doc-examples.ts"] },
  { name: "demo", command: ["node", "scripts/demo.ts"] },
  { name: "tarballs", command: ["node", "scripts/tarballs.ts"] },
  { name: "promises", command: ["node", "scripts/promises.ts"] }
]
