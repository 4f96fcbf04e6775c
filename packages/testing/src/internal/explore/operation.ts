// What a fibre did or is to do, read from Effect's own structures where they are as in 4.1. Where they are
// not, nothing is pruned and the timeline has fewer words; the choices stay the same.
import type * as Fiber from "effect/Fiber"

const successCont = "~effect/Effect/successCont"
const identifier = "~effect/Effect/identifier"
const args = "~effect/Effect/args"

/**
 * ` before Sync: () => count = seen + 1`, or nothing. A stopped fibre's last frame is the continuation that
 * Effect pushed when it yielded: it gives back the operation that was due, and does nothing else.
 */
export const operationOf = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  const frame = stackOf(fiber)?.at(-1)
  const resume = frame?.[successCont]
  if (typeof resume !== "function") return ""
  try {
    return words(resume.call(frame, undefined, fiber))
  } catch {
    return ""
  }
}

/** How many continuations a fibre has before it. */
export const depthOf = (fiber: Fiber.Fiber<unknown, unknown>): number => stackOf(fiber)?.length ?? Number.NaN

/**
 * Whether all that a step did was to push a success continuation, as `flatMap`, `map` and `tap` do: such a
 * frame is pushed by its own operation only, which runs no code of the program.
 */
export const onlyPushed = (fiber: Fiber.Fiber<unknown, unknown>, depth: number): boolean => {
  const stack = stackOf(fiber)
  return stack !== undefined && stack.length === depth + 1 && stack[depth]![identifier] === "OnSuccess"
}

const stackOf = (fiber: Fiber.Fiber<unknown, unknown>) =>
  // Not in Effect's types, as the frames and their keys are not.
  (fiber as unknown as { readonly _stack?: ReadonlyArray<Record<string, unknown>> })._stack

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
