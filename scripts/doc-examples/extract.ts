// Finds the ```ts examples of a file: anywhere in Markdown, in doc comments of TypeScript.

/** `run`: type-checked and run. `no-run`: type-checked. `fails`: must not type-check. */
type Mark = "run" | "no-run" | "fails"

export interface Example {
  readonly file: string
  /** The line of the opening fence, counted from 1. */
  readonly line: number
  readonly mark: Mark
  readonly code: string
}

const marks: Record<string, Mark | undefined> = { "": "run", "no-run": "no-run", "fails": "fails" }

/** What is left of a line inside a doc comment; a line of code is none. */
const inComment = (line: string) => /^\s*\* ?(.*)$/.exec(line)?.[1]

export const extract = (file: string, text: string): Array<Example> => {
  const content = file.endsWith(".ts") ? inComment : (line: string) => line
  const lines = text.split("\n").map((line) => content(line) ?? "")
  const examples: Array<Example> = []
  for (let at = 0; at < lines.length; at++) {
    const [, indent = "", language, info = ""] = /^(\s*)```(\S*)\s*(.*?)\s*$/.exec(lines[at]!) ?? []
    if (language === undefined) continue
    const end = lines.findIndex((line, i) => i > at && line.trim() === "```")
    if (end < 0) throw new Error(`${file}:${at + 1}: this fence is never closed`)
    if (language === "ts") {
      const mark = marks[info]
      if (mark === undefined) throw new Error(`${file}:${at + 1}: unknown mark "${info}", use no-run or fails`)
      const code = lines.slice(at + 1, end).map((line) => line.slice(indent.length)).join("\n")
      examples.push({ file, line: at + 1, mark, code })
    }
    at = end
  }
  return examples
}
