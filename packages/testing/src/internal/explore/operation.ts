// What a fibre did or is to do, read from Effect's own structures where they are as in 4.1. Where they are
// not, nothing is pruned and the timeline has fewer words; the choices stay the same.
import type * as Fiber from "effect/Fiber"

const successCont = "~effect/Effect/successCont"
const identifier = "~effect/Effect/identifier"
const args = "~effect/Effect/args"

/** ` before Sync: () => count = seen + 1`, or nothing. */
export const operationOf = (fiber: Fiber.Fiber<unknown, unknown>): string => words(nextOf(fiber))

/**
 * The operation before which a fibre is stopped. Its last frame is the continuation that Effect pushed when
 * it yielded: that gives back the operation that was due, and does nothing else.
 */
const nextOf = (fiber: Fiber.Fiber<unknown, unknown>): unknown => {
  const frame = stackOf(fiber)?.at(-1)
  const resume = frame?.[successCont]
  if (typeof resume !== "function") return undefined
  try {
    return resume.call(frame, undefined, fiber)
  } catch {
    return undefined
  }
}

/** How many continuations a fibre has before it. */
export const depthOf = (fiber: Fiber.Fiber<unknown, unknown>): number => stackOf(fiber)?.length ?? Number.NaN

/** Frames that nobody pushes but their own operation, which runs no code of the program. */
const pushed: ReadonlySet<unknown> = new Set([
  "OnSuccess",
  "OnFailure",
  "OnSuccessAndFailure",
  "Match",
  "MatchCause",
  "Exit"
])

/**
 * Whether all that a step did was to push a continuation, as `flatMap`, `catch` and `exit` do. An interrupt
 * passes such a frame, but not that of `onExit`, which is the same only where no interrupt can come.
 */
export const onlyPushed = (fiber: Fiber.Fiber<unknown, unknown>, depth: number): boolean => {
  const stack = stackOf(fiber)
  if (stack === undefined || stack.length !== depth + 1) return false
  const frame = stack[depth]!
  if (pushed.has(frame[identifier])) return true
  return frame[identifier] === "OnExit" && frame["effect"] !== undefined && !isInterruptible(fiber)
}

/** Whether a stopped fibre was about to yield by itself. */
export const yieldsNext = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  (nextOf(fiber) as Record<string, unknown> | undefined)?.[identifier] === "Yield"

const isInterruptible = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  // Not in Effect's types. Where it is not there, a fibre counts as one that can be interrupted.
  (fiber as { readonly interruptible?: boolean }).interruptible !== false

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
