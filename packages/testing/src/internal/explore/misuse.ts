import { DropUsageError } from "@async-drop/core/DropUsageError"

/** The defect of a mistaken call: what was called, what it met, and what to do instead. */
export const misuse = (operation: string, state: string, advice: string): DropUsageError =>
  new DropUsageError({ resource: "exploration", operation, state, message: `${operation}: ${state}. ${advice}` })
