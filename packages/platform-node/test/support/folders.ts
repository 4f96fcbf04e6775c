// Folders of a test file, all gone when it has ended.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"

/** Called once at the top of a test file; `folder` makes one more in `root`. */
export const folders = (prefix: string) => {
  const root = mkdtempSync(join(tmpdir(), prefix))
  afterAll(() => rmSync(root, { recursive: true }))
  return { root, folder: () => mkdtempSync(join(root, "f-")) }
}

/** How many processes a test kills at random moments. */
export const rounds = Number(process.env["KILL_ROUNDS"] ?? 20)
