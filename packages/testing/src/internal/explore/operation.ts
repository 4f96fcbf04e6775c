// What a stopped fibre would have done next, in words, from Effect's own structures where they are as known.
import type * as Fiber from "effect/Fiber"

const successCont = "~effect/Effect/successCont"
const identifier = "~effect/Effect/identifier"
const args = "~effect/Effect/args"

/**
 * ` before Sync: () => count = seen + 1`, or nothing. A stopped fibre's last frame is the continuation that
 * Effect pushed when it yielded: it gives back the operation that was due, and does nothing else.
 */
export const operationOf = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  // Neither the stack nor the frames are in Effect's types: only the words of the timeline depend on them.
  const frame = (fiber as unknown as { readonly _stack?: ReadonlyArray<Record<string, unknown>> })._stack?.at(-1)
  const resume = frame?.[successCont]
  if (typeof resume !== "function") return ""
  try {
    return words(resume.call(frame, undefined, fiber))
  } catch {
    return ""
  }
}

const words = (operation: unknown): string => {
  if (typeof operation !== "object" || operation === null) return ""
  // Each operation of Effect's carries its name and its argument under these keys.
  const { [args]: argument, [identifier]: name } = operation as Record<string, unknown>
  if (typeof name !== "string") return ""
  const source = typeof argument === "function" ? sourceOf(argument) : ""
  return ` before ${name}${source === "" ? "" : `: ${source}`}`
}

const sourceOf = (f: object) => {
  const text = String(f).replace(/\s+/g, " ")
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
