// Turns each `expression // => value` of an example into an assertion, on the same line.
import { parseSync } from "oxc-parser"

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, "type") === "string"

const walk = function*(node: Node): Generator<Node> {
  yield node
  for (const child of Object.values(node).flat()) {
    if (isNode(child)) yield* walk(child)
  }
}

/** What stands in front of the first line: it defines `__same`, and takes no line of its own. */
export const header =
  "import { deepStrictEqual as __deep } from \"node:assert\"; const __same: (a: unknown, b: unknown) => void = __deep;"

/** What to put in where, so that the value of this statement is compared. */
const edits = (node: Node, code: string, value: string): Array<readonly [at: number, text: string]> => {
  const end = code[node.end - 1] === ";" ? node.end - 1 : node.end
  if (node.type === "ExpressionStatement") return [[node.start, "__same("], [end, `, (${value}))`]]
  const name = /^(?:const|let)\s+(\w+)/.exec(code.slice(node.start))?.[1]
  if (name === undefined) throw new SyntaxError(`only an expression or a named value can be compared with ${value}`)
  return [[end, `; __same(${name}, (${value}))`]]
}

/** Throws a SyntaxError where the code does not parse, or where there is nothing to compare. */
export const assertions = (file: string, code: string): string => {
  const { comments, errors, program } = parseSync(file, code)
  if (errors[0] !== undefined) throw new SyntaxError(errors[0].message)
  const wanted = comments.filter((comment) => comment.type === "Line" && /^\s*=>\s/.test(comment.value))
  const statements = [...walk(program)].filter((node) =>
    node.type === "ExpressionStatement" || node.type === "VariableDeclaration"
  )
  const all = wanted.flatMap((comment) => {
    const node = statements.find((it) => it.end <= comment.start && /^[ \t;]*$/.test(code.slice(it.end, comment.start)))
    if (node === undefined) throw new SyntaxError(`no expression ends before //${comment.value}`)
    return edits(node, code, comment.value.replace(/^\s*=>\s*/, "").trim())
  })
  // From the last to the first, so that the offsets still hold.
  return all.toSorted(([a], [b]) => b - a).reduce((text, [at, edit]) => text.slice(0, at) + edit + text.slice(at), code)
}
