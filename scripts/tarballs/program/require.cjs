const { strictEqual } = require("node:assert")
const { AsyncDrop } = require("@async-drop/core")

strictEqual(typeof AsyncDrop.scoped, "function")
strictEqual(require("@async-drop/core/AsyncDrop").scoped, AsyncDrop.scoped)
