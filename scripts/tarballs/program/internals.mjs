// `internal` is nobody's business outside.
import { strictEqual } from "node:assert"

const code = await import("@async-drop/core/internal/outcome").then(() => "imported", (error) => error.code)
strictEqual(code, "ERR_PACKAGE_PATH_NOT_EXPORTED")
