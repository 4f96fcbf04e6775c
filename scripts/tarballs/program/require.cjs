const { strictEqual } = require("node:assert")
const core = require("@async-drop/core")

strictEqual(typeof core, "object")
